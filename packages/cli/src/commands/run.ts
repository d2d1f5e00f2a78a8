import { shown } from "@vouchsafe/core"
import { formatRunSummary, run } from "../run/index.ts"
import { printJson, say } from "../output.ts"
import { usage } from "../usage.ts"
import type { Register } from "./types.ts"

/** `run -- CMD…`: any package-manager command behind a shim of its own. */
export const registerRun: Register = (program, io, done) => {
  program.command("run").description("run a package manager's command so that it gets only what the network vouches for")
    .argument("<command...>", "for example: -- npm ci")
    .option("--json", "one JSON document on stdout; what the command prints goes to stderr")
    .allowUnknownOption().passThroughOptions()
    .action(async (argv: string[], options: { json?: boolean }) => {
      const [first = ""] = argv
      // What is unknown here is passed on, or a manager's options would be ours.
      if (first.startsWith("-")) throw usage(`run has no option ${shown(first)}, expected --json or a command`, "what belongs to the command stands after it, for example: vouchsafe run -- npm ci --ignore-scripts")
      const result = await run(argv, io, { stdout: options.json === true ? "stderr" : "inherit" })
      const summary = formatRunSummary(result)
      if (summary !== "") say(io, summary)
      if (options.json === true) printJson(io, result)
      done(result.exit)
    })
}
