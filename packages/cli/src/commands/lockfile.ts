import { type Lockfile, parseLockfile } from "@vouchsafe/client/lockfile"
import { VouchsafeError } from "@vouchsafe/core"
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { printJson, printLines, table } from "../output.ts"
import type { Register } from "./types.ts"

/** Reads a lockfile from disk. @throws VouchsafeError NOT_FOUND, LOCKFILE_MALFORMED. */
export function readLockfile(path: string): Lockfile {
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch (cause) {
    throw new VouchsafeError("LOCKFILE_MALFORMED", `${path} cannot be read`, { cause, hint: "name an existing lockfile" })
  }
  return parseLockfile(path, text)
}

/** `lockfile list FILE`. */
export const registerLockfile: Register = (program, io, done) => {
  program.command("lockfile").description("look into lockfiles")
    .command("list").description("every entry of a lockfile of npm, pnpm, Yarn or Bun")
    .argument("<file>").option("--json", "one JSON document on stdout")
    .action((file: string, options: { json?: boolean }) => {
      const { entries } = readLockfile(resolve(io.cwd, file))
      if (options.json === true) {
        printJson(io, entries.map(({ name, version, purl, integrity, resolved, kind, where, dependency }) => ({ purl: purl ?? null, name, version, integrity: integrity ?? null, resolved: resolved ?? null, kind, dependency: dependency ?? null, where })))
      } else {
        printLines(io, table(entries.map((entry) => [`${entry.name}@${entry.version}`, entry.kind, entry.dependency ?? "-", entry.integrity?.slice(0, 24) ?? entry.checksum?.slice(0, 24) ?? "-", entry.resolved ?? ""])))
      }
      done(0)
    })
}
