import { escapeForDisplay, VouchsafeError } from "@vouchsafe/core"
import { createNames, USED_NAMES_MAX } from "@vouchsafe/names"
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { EXIT } from "../io.ts"
import { describeVerdict, judgeNames, readNames } from "../names/check.ts"
import { printJson, printLines, table } from "../output.ts"
import { readLockfile } from "./lockfile.ts"
import type { Register } from "./types.ts"

/** `names check NAME…`: whether a name could be taken for a popular one, or for one that the project uses. */
export const registerNames: Register = (program, io, done) => {
  program.command("names").description("judge names of packages")
    .command("check").description("whether a name could be taken for a popular one; exit 1 where one could")
    .argument("<names...>").option("--used <file>", "compare with the names of this lockfile, or of this list with one name a line, too").option("--json", "one JSON document on stdout")
    .action((asked: string[], { used, json }: { used?: string; json?: boolean }) => {
      const names = createNames({ used: used === undefined ? [] : usedNames(resolve(io.cwd, used)) })
      const verdicts = judgeNames(names, asked)
      if (json === true) printJson(io, verdicts)
      else printLines(io, table(verdicts.map((verdict) => describeVerdict(verdict).map(escapeForDisplay))))
      done(verdicts.some(({ verdict }) => verdict === "lookalike") ? EXIT.refused : EXIT.done)
    })
}

/** Names of a lockfile, or of a list. @throws VouchsafeError LOCKFILE_MALFORMED, USAGE. */
function usedNames(path: string): readonly string[] {
  const names = /\.(?:json|lock|ya?ml|lockb)$/.test(path) ? readLockfile(path).entries.map(({ name }) => name) : readNames(readList(path), path)
  const each = [...new Set(names)]
  if (each.length > USED_NAMES_MAX) throw new VouchsafeError("USAGE", `${path}: ${each.length} names, expected at most ${USED_NAMES_MAX}`)
  return each
}

function readList(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch (cause) {
    throw new VouchsafeError("USAGE", `${path} cannot be read`, { cause, hint: "name an existing file" })
  }
}
