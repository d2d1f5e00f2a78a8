import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import type { CliIo } from "../io.ts"

/** The passphrase that a command was given: a file's first line, else `$VOUCHSAFE_PASSPHRASE`. Never an argument, which others could read. */
export function passphraseOf(io: CliIo, file: string | undefined): string | undefined {
  if (file !== undefined) return readFileSync(resolve(io.cwd, file), "utf8").split(/\r?\n/, 1)[0]
  const given = io.env["VOUCHSAFE_PASSPHRASE"]
  return given === undefined || given === "" ? undefined : given
}
