import { findConfig } from "@vouchsafe/client/node"
import { escapeForDisplay, type Finding, isVouchsafeError } from "@vouchsafe/core"
import { basename } from "node:path"
import type { CliIo } from "../io.ts"
import { printJson, printLines, say } from "../output.ts"
import { POLICY_NAME } from "../setup/plan.ts"
import { COMPARED_FILES, weakeningsSince } from "./compare.ts"
import { openBase } from "./git.ts"

/**
 * Prints in what the project here is weaker than `ref`. Nothing but a line for a person where it is not.
 * @returns whether anything is
 * @throws VouchsafeError USAGE, CONFIG_MALFORMED, LOCK_MALFORMED, ROSTER_MALFORMED.
 */
export function reportWeakenings(io: CliIo, ref: string, json: boolean): boolean {
  const root = rootHere(io)
  const base = openBase(root, ref, COMPARED_FILES)
  const findings = weakeningsSince(root, base)
  if (findings.length === 0) {
    if (!json) say(io, `vouchsafe: nothing here is weaker than ${escapeForDisplay(ref)} (${base.commit.slice(0, 12)})`)
    return false
  }
  if (json) printJson(io, { base: { ref, commit: base.commit }, findings })
  else printLines(io, [...findings.flatMap(lines), `${findings.length} ${findings.length === 1 ? "weakening" : "weakenings"} against ${escapeForDisplay(ref)} (${base.commit.slice(0, 12)}); nothing else was judged`])
  return true
}

/** A project whose policy was removed is still a project. */
function rootHere(io: CliIo): string {
  try {
    const { path, dir } = findConfig(io.cwd, {})
    return basename(path) === POLICY_NAME && io.cwd.startsWith(dir) ? dir : io.cwd
  } catch (error) {
    if (!isVouchsafeError(error, "CONFIG_MALFORMED")) throw error
    return io.cwd
  }
}

function lines({ code, message, expected, found, hint }: Finding): string[] {
  const shown = [["expected", expected], ["found", found], ["next", hint]].flatMap(([label = "", text]) => (text === undefined || text === "" ? [] : [`    ${label.padEnd(8)}  ${escapeForDisplay(text)}`]))
  return [`  ${code}: ${escapeForDisplay(message)}`, ...shown]
}
