import { Command, CommanderError } from "commander"
import { COMMANDS, commandsFor } from "./commands/all.ts"
import { type CliIo, EXIT } from "./io.ts"
import { VERSION } from "./version.ts"

const AFTER_HELP = `
A project is set up with \`vouchsafe init\`; \`vouchsafe doctor\` tells whether its guards are in force.
Exit status: 0 allowed or done, 1 refused, 2 wrong usage or unreadable input, 3 the world failed, 4 a log was proven to have lied.`

/** Runs one command line and gives its exit status. Never throws: whatever fails ends in a message and a status above 0. */
export async function main(argv: readonly string[], io: CliIo): Promise<number> {
  let status: number = EXIT.done
  const program = new Command("vouchsafe")
    .description("npm, pnpm and Yarn refuse any package that a quorum of independent nodes cannot vouch for.")
    .version(VERSION)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text), outputError: () => undefined })
    .addHelpText("after", AFTER_HELP)
  try {
    for (const name of commandsFor(argv)) {
      const register = await COMMANDS[name]?.()
      register?.(program, io, (result) => { status = result })
    }
    await program.parseAsync([...argv], { from: "user" })
    return status
  } catch (error) {
    const [{ printError, printUsageError }, { helpFor }] = await Promise.all([import("./output.ts"), import("./next-step.ts")])
    const json = wantsJson(argv)
    const help = helpFor(program, argv)
    if (!(error instanceof CommanderError)) return printError(io, error, json, help)
    return error.exitCode === 0 ? EXIT.done : printUsageError(io, { complaint: error.message, json, help, isPrinted: error.code === "commander.help" })
  }
}

/** What follows `--` belongs to another program. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf("--")
  return (end < 0 ? argv : argv.slice(0, end)).includes("--json")
}
