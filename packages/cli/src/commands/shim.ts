import { shown } from "@vouchsafe/core"
import { randomBytes } from "node:crypto"
import { registriesFor, startShimProcess } from "../run/index.ts"
import { type CliIo, EXIT } from "../io.ts"
import { usage } from "../usage.ts"
import { printLines, say } from "../output.ts"
import type { Register } from "./types.ts"

const TOKEN_BYTES = 32
const TOKEN_VARIABLE = "VOUCHSAFE_SHIM_TOKEN"

/** `shim`: the proxy in the foreground, until it is interrupted. */
export const registerShim: Register = (program, io, done) => {
  program.command("shim").description("a registry on loopback that passes on only what the network vouches for, until interrupted")
    .option("--listen <host:port>", "loopback address", "127.0.0.1:0")
    .option("--manager <name>", "whose settings name the registries: npm, pnpm or yarn", "npm")
    .option("--json", "JSON lines on stdout")
    .action(async (options: { listen: string; manager: string; json?: boolean }) => {
      const { manager, json } = options
      if (!/^(?:127\.0\.0\.1|localhost|\[?::1\]?):\d{1,5}$/.test(options.listen)) throw usage(`--listen is ${shown(options.listen)}, expected a port on loopback such as 127.0.0.1:4873`)
      if (manager !== "npm" && manager !== "pnpm" && manager !== "yarn") throw usage(`--manager is "${manager}", expected npm, pnpm or yarn`)
      const isGiven = io.env[TOKEN_VARIABLE] !== undefined
      const token = io.env[TOKEN_VARIABLE] ?? randomBytes(TOKEN_BYTES).toString("base64url")
      const shim = await startShimProcess(io, {
        dir: io.cwd, registries: await registriesFor(manager, io.cwd, io.env), listen: options.listen, token,
        onLine: (line) => {
          if (json === true) printed(io, line.event === "ready" ? { ...line, ...(isGiven ? {} : { token }) } : line)
          else if (line.event === "denied") say(io, `refused ${line.reason}`)
          else if (line.event === "warning") say(io, `warning ${line.code}: ${line.message}`)
          else if (line.event === "misbehavior") say(io, `LOG_MISBEHAVED: ${line.origin}`)
        },
      })
      // whoever gave the token has it already
      const secret = isGiven ? [] : [`${shim.url.replace(/^http:/, "")}:_authToken=${token}`]
      if (json !== true) printLines(io, [`registry=${shim.url}`, ...secret, "replace-registry-host=always", "prefer-online=true"])
      say(io, "put these lines into a configuration that only you can read; the port and the token last as long as this process")
      await interrupted()
      await shim.stop()
      done(EXIT.done)
    })
}

/** One document a line: there is no end to wait for. */
function printed(io: CliIo, line: object): void {
  io.stdout.write(`${JSON.stringify(line)}\n`)
}

function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      process.off("SIGINT", end).off("SIGTERM", end)
      resolve()
    }
    process.on("SIGINT", end).on("SIGTERM", end)
  })
}
