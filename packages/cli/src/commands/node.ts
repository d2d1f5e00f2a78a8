import { exitStatus, runNode, spawnNode } from "../binaries.ts"
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

/** `keys`: makes a node's keys if they are missing, and shows the public halves as a roster names them. */
export const registerKeys: Register = (program, io, done) => {
  program.command("keys").description("make a node's keys if missing, and show their public halves as a roster entry")
    .requiredOption("--data <dir>", "the node's data folder")
    .requiredOption("--operator <name>", "who runs the node: a-z, 0-9 and hyphens")
    .requiredOption("--url <url>", "where others reach the node")
    .option("--json", "the same; this command prints JSON always")
    .action(async (options: { data: string; operator: string; url: string }) => {
      io.stdout.write(await runNode(io, ["keys", "--data", options.data, "--operator", options.operator, "--url", options.url]))
      done(0)
    })
}
