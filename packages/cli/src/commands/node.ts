import { exitStatus, spawnNode } from "../binaries.ts"
import type { Register } from "./types.ts"

/** `node`: passes its arguments to the daemon, which checks them. */
export const registerNode: Register = (program, io, done) => {
  program.command("node").description("run a node: log, witness and attester over one data folder")
    .argument("[args...]", "arguments of vouchsafe-node; `vouchsafe node --help` lists them")
    .allowUnknownOption().passThroughOptions().helpOption(false)
    .action(async (args: string[]) => {
      const child = spawnNode(io, args, { stdio: "inherit" })
      const forward = (signal: NodeJS.Signals): void => { child.kill(signal) }
      process.on("SIGTERM", forward)
      process.on("SIGINT", forward)
      try {
        done(await exitStatus(child))
      } finally {
        process.off("SIGTERM", forward)
        process.off("SIGINT", forward)
      }
    })
}
