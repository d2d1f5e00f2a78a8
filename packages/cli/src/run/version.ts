import { VouchsafeError } from "@vouchsafe/core"
import type { CliIo } from "../io.ts"
import type { RunChild } from "./child.ts"
import type { GuardedCommand } from "./command.ts"
import { inherited } from "./environment.ts"

const OUTPUT_LENGTH_MAX = 4096

/** What a manager says that it is. @throws VouchsafeError UPSTREAM_FAILED when it does not tell: then nobody knows what guards it */
export async function askVersion({ program, dir }: GuardedCommand, io: CliIo, runChild: RunChild): Promise<string> {
  let output = ""
  const status = await runChild(program, ["--version"], { cwd: dir, env: inherited(io.env), stdio: ["ignore", "pipe", "ignore"], onOutput: (text) => { output = `${output}${text}`.slice(0, OUTPUT_LENGTH_MAX) } })
  const version = /^\d+\.\d+\.\d+.*$/m.exec(output)?.[0]
  if (status !== 0 || version === undefined) throw new VouchsafeError("UPSTREAM_FAILED", `\`${program} --version\` did not tell a version (status ${status})`, { hint: "does it work here?" })
  return version
}
