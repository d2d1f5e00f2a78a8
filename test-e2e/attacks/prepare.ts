/** What the network does before a victim comes: it observes what other people install, and rebuilds. @packageDocumentation */
import { npmPurl } from "@vouchsafe/core"
import { type AttackWorld, REBUILDERS, TOKEN } from "./world.ts"

const ASK_DEADLINE_MS = 20_000
const ASKED_MAX = 5
const POLL_MS = 200
const BUILD_MS_MAX = 300_000

/** What rebuilders found, by `name@version`: `tgz`, `tar`, `contents` or `none`. */
export type Rebuilt = ReadonlyMap<string, readonly string[]>

interface Build { readonly state: string; readonly result?: { readonly match: string } | null; readonly [member: string]: unknown }

/** Rebuilds at all rebuilders, as many at once as each takes. Rejects where a build fails. */
export async function rebuildAll(world: AttackWorld, specs: readonly string[]): Promise<Rebuilt> {
  const found = new Map<string, readonly string[]>()
  await Promise.all(specs.map(async (spec) => {
    found.set(spec, await Promise.all(REBUILDERS.map((operator) => rebuild(world, world.base.network.node(operator).url, spec))))
  }))
  return found
}

async function rebuild(world: AttackWorld, node: string, spec: string): Promise<string> {
  const { source, release } = world.made(spec)
  if (source === undefined) throw new Error(`${spec} has no source to rebuild it from`)
  const asked = await json<{ id?: string }>(`${node}v1/builds`, {
    method: "POST", headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify({ purl: npmPurl(release.name, release.version), registry: world.base.registry.url, source }),
  })
  const started = performance.now()
  for (;;) {
    const build = await json<Build>(`${node}v1/builds/${asked.id}`, {})
    if (build.state === "done" && build.result) return build.result.match
    if (build.state === "failed" || performance.now() - started > BUILD_MS_MAX) throw new Error(`${node} did not rebuild ${spec}: ${JSON.stringify(build)}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

async function json<T>(url: string, init: RequestInit): Promise<T> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(ASK_DEADLINE_MS * 2) })
  const text = await response.text()
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`)
  return JSON.parse(text) as T
}

/** Lets every node observe these, because other people have just asked for them. */
export async function observeAll(world: AttackWorld, specs: readonly string[]): Promise<void> {
  if (specs.length === 0) return
  const artifacts = specs.map((spec) => {
    const { name, version } = world.made(spec).release
    return { purl: npmPurl(name, version), registry: world.base.registry.url }
  })
  const body = JSON.stringify({ format: "vouchsafe-evidence-request/v1", artifacts, deadlineMs: ASK_DEADLINE_MS, knownSize: 0, noticesFrom: 0 })
  await Promise.all(world.base.network.nodes.map(async ({ url }) => {
    for (let asked = 0; asked < ASKED_MAX; asked++) {
      const answer = await json<{ artifacts: { purl: string; status: string }[] }>(`${url}v1/evidence`, { method: "POST", headers: { "content-type": "application/json" }, body })
      const waiting = answer.artifacts.filter(({ status }) => status !== "observed")
      if (waiting.length === 0) return
      const lost = waiting.find(({ status }) => status !== "pending")
      if (lost !== undefined) throw new Error(`${url} did not observe ${JSON.stringify(lost)}`)
    }
    throw new Error(`${url} was asked ${ASKED_MAX} times and still has not observed everything`)
  }))
}
