import { httpTransport } from "@vouchsafe/client/node"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { runOk } from "./process.ts"
import type { Runtime } from "./runtimes.ts"
import type { Sandbox } from "./sandbox.ts"
import type { Tool } from "./tool.ts"
import { endWithThisProcess } from "./watcher.ts"

export const OPERATORS = ["alpha", "beta", "gamma", "delta"] as const
export type Operator = (typeof OPERATORS)[number]

export interface RunningNode {
  readonly operator: string
  readonly url: string
  readonly data: string
  readonly pid: number
}

/** A network of nodes as separate processes, started by the installed `vouchsafe network up`. */
export interface Network {
  /** Path of the roster. */
  readonly roster: string
  readonly nodes: readonly RunningNode[]
  node(operator: Operator): RunningNode
  /** Lets one operator withdraw an artifact, over its node's admin socket. */
  withdraw(operator: Operator, artifact: { readonly purl: string; readonly registry: string; readonly sha512: string; readonly reason: string }): Promise<void>
  /** Any request to a node's admin socket. */
  admin(operator: Operator, path: string, body: unknown): Promise<{ status: number; body: unknown }>
  /** Ends a node at once, without asking. */
  kill(operator: Operator): void
  /** What a node printed. */
  logOf(operator: Operator): string
  stop(): Promise<void>
}

/** What an operator writes into `node.json` before its node starts. */
export type NodeConfigs = Readonly<Partial<Record<Operator, Readonly<Record<string, unknown>>>>>

const ADMIN_MS_MAX = 30_000
const ADMIN_BYTES_MAX = 64 * 1024 * 1024

export async function startNetwork(given: { readonly tool: Tool; readonly sandbox: Sandbox; readonly runtime: Runtime; readonly registry: string; readonly folder: string; readonly more?: readonly string[]; readonly nodeConfig?: NodeConfigs }): Promise<Network> {
  const { tool, sandbox, runtime, registry, folder, more = [], nodeConfig = {} } = given
  for (const [operator, config] of Object.entries(nodeConfig)) {
    mkdirSync(join(folder, operator), { recursive: true, mode: 0o700 })
    writeFileSync(join(folder, operator, "node.json"), JSON.stringify(config))
  }
  const options = { cwd: sandbox.dir, env: sandbox.env({ runtime }) }
  const watcher = endWithThisProcess(folder)
  const up = await runOk([tool.vouchsafe, "network", "up", "--data", folder, "--operators", OPERATORS.join(","), "--registry", registry, "--allow-private-addresses", "--json", ...more], options)
  const { roster, nodes } = JSON.parse(up.stdout) as { roster: string; nodes: RunningNode[] }
  const node = (operator: Operator): RunningNode => {
    const found = nodes.find((one) => one.operator === operator)
    if (found === undefined) throw new Error(`no node of ${operator}`)
    return found
  }
  const admin: Network["admin"] = async (operator, path, body) => {
    const transport = httpTransport()
    try {
      const answer = await transport.request({
        method: "POST", url: `http://localhost${path}`, socketPath: join(node(operator).data, "admin.sock"), headers: { "content-type": "application/json" },
        body: new TextEncoder().encode(JSON.stringify(body)), timeoutMs: ADMIN_MS_MAX, maxBytes: ADMIN_BYTES_MAX,
      })
      return { status: answer.status, body: JSON.parse(new TextDecoder().decode(answer.body)) as unknown }
    } finally {
      transport.close()
    }
  }
  return {
    roster, nodes, node, admin,
    async withdraw(operator, artifact) {
      const { status, body } = await admin(operator, "/v1/withdraw", artifact)
      if (status !== 200) throw new Error(`${operator} answered ${status} to a withdrawal: ${JSON.stringify(body)}`)
    },
    kill: (operator) => { process.kill(node(operator).pid, "SIGKILL") },
    logOf: (operator) => readFileSync(join(node(operator).data, "node.log"), "utf8"),
    async stop() {
      await runOk([tool.vouchsafe, "network", "down", "--data", folder, "--json"], options)
      watcher.forget()
    },
  }
}
