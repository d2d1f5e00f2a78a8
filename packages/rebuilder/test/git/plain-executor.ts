import { spawn } from "node:child_process"
import { createServer, connect, type Server } from "node:net"
import type { Executor, SandboxCommand, SandboxOutcome, SandboxSpec } from "../../src/sandbox/executor.ts"

/** Commands that were run, for tests that look at them. */
export interface PlainExecutor extends Executor {
  readonly ran: { readonly spec: SandboxSpec; readonly command: SandboxCommand }[]
}

/**
 * Runs commands as they are, without a sandbox: for what these tests make themselves, where the question is git's and not
 * the sandbox's. Paths inside become paths of the host; forwards become loopback ports.
 */
export function createPlainExecutor(): PlainExecutor {
  const ran: { spec: SandboxSpec; command: SandboxCommand }[] = []
  return {
    name: "plain",
    ran,
    describe: () => Promise.resolve("plain 0"),
    run: async (spec, command, onOutput) => {
      ran.push({ spec, command })
      const servers = await Promise.all(spec.forwards.map(({ socket, port }) => forward(socket, port)))
      try {
        return await runPlain(spec, command, onOutput)
      } finally {
        await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
      }
    },
  }
}

function runPlain(spec: SandboxSpec, command: SandboxCommand, onOutput: (chunk: Uint8Array) => void): Promise<SandboxOutcome> {
  // The longest first, so that a mount inside another one wins.
  const mounts = [...spec.mounts].sort((a, b) => b.inside.length - a.inside.length)
  const outside = (text: string): string => {
    for (const { host, inside } of mounts) {
      const at = text.search(new RegExp(`(?<![\\w/.-])${inside}(?=/|$)`))
      if (at >= 0 && host !== inside) return text.slice(0, at) + host + text.slice(at + inside.length)
    }
    return text
  }
  const [program = "", ...args] = command.argv.map(outside)
  const env = Object.fromEntries(Object.entries(command.env).map(([name, value]) => [name, outside(value)]))
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: outside(command.cwd), env: { HOME: "/nonexistent", ...env }, timeout: command.timeoutMs, killSignal: "SIGKILL", stdio: ["ignore", "pipe", "pipe"] })
    let bytes = 0
    const take = (chunk: Uint8Array): void => {
      bytes += chunk.length
      if (bytes > spec.limits.outputBytes) child.kill("SIGKILL")
      else onOutput(chunk)
    }
    child.stdout.on("data", take)
    child.stderr.on("data", take)
    child.on("error", reject)
    child.on("close", (code, signal) => {
      if (bytes > spec.limits.outputBytes) resolve({ status: "output", detail: `more than ${spec.limits.outputBytes} bytes` })
      else if (signal === "SIGKILL") resolve({ status: "timeout", detail: `more than ${command.timeoutMs} ms` })
      else resolve({ status: "exited", exitCode: code ?? 128 })
    })
  })
}

function forward(socket: string, port: number): Promise<Server> {
  const server = createServer((client) => {
    const upstream = connect(socket)
    client.pipe(upstream).pipe(client)
    const end = (): void => {
      client.destroy()
      upstream.destroy()
    }
    client.on("error", end)
    upstream.on("error", end)
  })
  return new Promise((resolve, reject) => {
    server.on("error", reject)
    server.listen(port, "127.0.0.1", () => resolve(server))
  })
}
