import { httpTransport } from "@vouchsafe/client/node"
import { escapeForDisplay, isVouchsafeError, parseJson, utf8Decode } from "@vouchsafe/core"
import type { HttpTransport } from "@vouchsafe/client"
import { type CliIo, EXIT } from "../io.ts"
import { placeOf } from "../nodes.ts"
import { printJson, printLines, table } from "../output.ts"
import { openFreshProject } from "../roster/up-to-date.ts"
import type { Register } from "./types.ts"

const STATUS_BYTES_MAX = 1_048_576
const TIMEOUT_MS = 10_000

interface NodeStatus {
  readonly operator: string
  readonly url: string
  readonly reached: boolean
  /** What the node says of itself, unproven. */
  readonly status?: unknown
  readonly detail?: string
}

/** `status`: what the roster's nodes say of themselves. */
export const registerStatus: Register = (program, io, done) => {
  program.command("status").description("what each node of the roster says of itself")
    .option("--node <url>", "another node instead").option("--json", "one JSON document on stdout")
    .action(async (flags: { node?: string; json?: boolean }) => {
      const transport = httpTransport()
      try {
        const nodes = flags.node === undefined ? await rosterNodes(io) : [{ operator: "-", url: placeOf(flags.node).url }]
        const states = await Promise.all(nodes.map((node) => ask(transport, node)))
        if (flags.json === true) printJson(io, { nodes: states })
        else printLines(io, table(states.map((state) => [state.operator, state.url, escapeForDisplay(state.reached ? brief(state.status) : `not reached: ${state.detail ?? ""}`)])))
        done(states.every((state) => state.reached) ? EXIT.done : EXIT.world)
      } finally {
        transport.close()
      }
    })
}

async function rosterNodes(io: CliIo): Promise<{ operator: string; url: string }[]> {
  const project = await openFreshProject(io, { dir: io.cwd, env: io.env })
  try {
    return project.roster.nodes.map(({ operator, url }) => ({ operator, url }))
  } finally {
    project.close()
  }
}

async function ask(transport: HttpTransport, node: { operator: string; url: string }): Promise<NodeStatus> {
  try {
    const { status, body } = await transport.request({ method: "GET", url: `${node.url}v1/status`, timeoutMs: TIMEOUT_MS, maxBytes: STATUS_BYTES_MAX })
    if (status !== 200) return { ...node, reached: false, detail: `answered ${status}, expected 200` }
    return { ...node, reached: true, status: parseJson("EVIDENCE_MALFORMED", "status", utf8Decode(body)) }
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return { ...node, reached: false, detail: error.message }
  }
}

/** What matters at a glance, as far as the node says it. */
function brief(status: unknown): string {
  const words = [`version ${text(status, "version")}`, `${text(status, "log", "size")} statements, cosigned ${text(status, "log", "cosignedAgeSeconds")} s ago`, `${text(status, "notices", "size")} notices, cosigned ${text(status, "notices", "cosignedAgeSeconds")} s ago`]
  const off = ["attester", "witness"].filter((role) => memberOf(status, "roles", role) === false).map((role) => `${role} off`)
  return [...words, ...off].join("; ")
}

/** A member of somebody's document; undefined for what is not there. */
function memberOf(document: unknown, ...path: readonly string[]): unknown {
  let value = document
  for (const key of path) value = typeof value === "object" && value !== null && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined
  return value
}

/** The same as a word; `?` for what is none. */
function text(document: unknown, ...path: readonly string[]): string {
  const value = memberOf(document, ...path)
  return typeof value === "string" || typeof value === "number" ? String(value) : "?"
}
