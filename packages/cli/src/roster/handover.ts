/**
 * A node's logs handed over to new ones: what that makes of a roster (packages/spec/roster.md, "Hand-over").
 *
 * @packageDocumentation
 */
import { findConfig, nodeCrypto, systemClock } from "@vouchsafe/client/node"
import { applyHandover, type Handover, parseHandover, parsePolicy, parseRoster, VouchsafeError } from "@vouchsafe/core"
import { renameSync, rmSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"
import { type CliIo, EXIT } from "../io.ts"
import { printJson, printLines } from "../output.ts"
import { usage } from "../usage.ts"
import { readNamed } from "./arguments.ts"

/** The roster after hand-overs, one after the other. @throws VouchsafeError ROSTER_MALFORMED, NOTE_UNVERIFIED. */
export function withHandovers(io: CliIo, rosterText: string, paths: readonly string[]): string {
  const now = Math.floor(systemClock.nowMs() / 1000)
  return paths.reduce((text, path) => applyHandover(nodeCrypto, text, read(io, path), now), rosterText)
}

function read(io: CliIo, path: string): Handover {
  return parseHandover(nodeCrypto, readNamed(io, "hand-over", path))
}

/** `roster handover FILE`: takes a hand-over up in the roster file of a project without governance. */
export function takeHandover(io: CliIo, path: string, flags: { readonly roster?: string; readonly json?: boolean }): number {
  const file = flags.roster === undefined ? ownRoster(io) : resolve(io.cwd, flags.roster)
  const text = withHandovers(io, readNamed(io, "--roster", file), [path])
  const partial = `${file}.new`
  try {
    writeFileSync(partial, text, { flush: true })
    renameSync(partial, file)
  } catch (cause) {
    rmSync(partial, { force: true })
    throw new VouchsafeError("DISK", `${file} cannot be written (${(cause as NodeJS.ErrnoException).code ?? "unknown"})`, { cause, hint: "nothing was changed" })
  }
  const { operator, from, to } = read(io, path)
  const { version } = parseRoster(nodeCrypto, text)
  if (flags.json === true) printJson(io, { roster: file, version, operator, log: to.log.vkey, retired: from.log.vkey })
  else printLines(io, [`${file} is version ${version}: ${operator} goes on as ${to.log.name}, ${from.log.name} is retired`, "next: commit it, give it to every node of the network, and start them anew"])
  return EXIT.done
}

function ownRoster(io: CliIo): string {
  const { path, dir } = findConfig(io.cwd, io.env)
  const policy = parsePolicy(readNamed(io, "vouchsafe.json", path))
  if (policy.governance !== undefined) throw usage("the project here follows a governed roster", "propose it: vouchsafe roster propose FOLDER --repository DIR --handover FILE")
  return resolve(dir, policy.roster)
}
