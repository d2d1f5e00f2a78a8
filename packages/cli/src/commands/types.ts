import type { Command } from "commander"
import type { CliIo } from "../io.ts"

/** Adds one command to the program. `done` takes the exit status that its action ends with. */
export type Register = (program: Command, io: CliIo, done: (status: number) => void) => void
