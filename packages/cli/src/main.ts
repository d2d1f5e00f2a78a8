import { Command, CommanderError } from "commander"
import { VouchsafeError } from "@vouchsafe/core"
import { COMMANDS } from "./commands/all.ts"
import { type CliIo, EXIT } from "./io.ts"
import { printError } from "./output.ts"
import { VERSION } from "./version.ts"

/** Runs one command line and gives its exit status. Never throws: whatever fails ends in a message and a status above 0. */
export async function main(argv: readonly string[], io: CliIo): Promise<number> {
  let status: number = EXIT.done
  const program = new Command("vouchsafe")
    .description("npm, pnpm and Yarn refuse any package that a quorum of independent nodes cannot vouch for")
    .version(VERSION)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) })
    .showHelpAfterError("(vouchsafe --help lists the commands)")
  for (const register of COMMANDS) register(program, io, (result) => { status = result })
  try {
    await program.parseAsync([...argv], { from: "user" })
    return status
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage
    return printError(io, error, argv.includes("--json"))
  }
}

/** A command that needs an argument of another form. */
export function usage(message: string, hint?: string): VouchsafeError {
  return new VouchsafeError("USAGE", message, { hint })
}
