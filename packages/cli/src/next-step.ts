/**
 * The next step of an error that names none itself.
 *
 * @packageDocumentation
 */
import type { ErrorCode, VouchsafeError } from "@vouchsafe/core"
import type { Command } from "commander"

const HINTS: Readonly<Partial<Record<ErrorCode, string>>> = {
  CONFIG_MALFORMED: "repair it there; version control has it as it was",
  ROSTER_MALFORMED: "take the roster from where it came from again, or from version control; whoever writes it decides what is installed",
  LOCKFILE_MALFORMED: "name a lockfile of npm, pnpm, Yarn or Bun",
  MISBEHAVIOR_MALFORMED: "name a proof as `npx vouchsafe log verify` keeps them",
  SRI_MALFORMED: "a lockfile has it beside the version",
  DISK: "check that the place is there and yours to write",
  UNREACHABLE: "check the address and the network, then try again: nothing was decided",
  TIMEOUT: "check the network, then try again: nothing was decided",
  UPSTREAM_FAILED: "check that the address is the one that is meant, then try again: nothing was decided",
  NOT_FOUND: "check the spelling",
}

/**
 * What to do about an error, for a person; undefined where nobody knows.
 * @param help - the command line that shows how the command is used
 */
export function nextStep({ code, hint }: VouchsafeError, help: string | undefined): string | undefined {
  return hint ?? (code === "USAGE" ? help : HINTS[code])
}

/** The command line that shows the help of what a command line means, as far as it names commands. */
export function helpFor(program: Command, argv: readonly string[]): string {
  const names: string[] = []
  let command = program
  for (const word of argv) {
    const sub = command.commands.find((one) => one.name() === word)
    if (sub === undefined) break
    names.push(word)
    command = sub
  }
  return `\`npx vouchsafe ${[...names, "--help"].join(" ")}\` ${names.length === 0 ? "lists the commands" : "tells how it is used"}`
}
