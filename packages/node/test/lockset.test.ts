import { nodeCrypto } from "@vouchsafe/client/node"
import {
  formatLock, formatLocksetRequest, headChecker, compactHead, isVouchsafeError, type Lock, type LockLine, lockedLocksetOf, lockLineOf, lockLines, lockRoot, openLock, parseEntry, parseLock, parseLocksetAnswer, parsePolicy, type Roster,
  verify,
} from "@vouchsafe/core"
import { type ClientRequest, request as httpRequest } from "node:http"
import { describe, expect, test } from "vitest"
import { checkData } from "../src/fsck.ts"
import { LOCKSETS_CONCURRENT_PER_ADDRESS_MAX, LOCKSETS_PER_ADDRESS } from "../src/lockset/limits.ts"
import { holdFolder } from "../src/state/folder.ts"
import { evidence, layOut, registryOf, start } from "./network.ts"
import { ask, cleanup, type Reply } from "./support.ts"

const json = { "content-type": "application/json" }
const post = (url: string, body: string, headers: Record<string, string> = json): Promise<Reply> => ask(url, { method: "POST", path: "/v1/lockset", headers, body })
const seconds = (): number => Math.floor(Date.now() / 1_000)

/** A network that has observed some packages, and their lines as its first node sees them. */
async function observed(operators: number, packages: number) {
  const registry = await registryOf(packages)
  const network = await layOut(operators, [registry.url])
  const nodes = await Promise.all(network.places.map(start))
  const artifacts = Array.from({ length: packages }, (_, i) => ({ purl: `pkg:npm/zz-${i}@1.0.0`, registry: registry.url }))
  const answers = await Promise.all(network.roster.nodes.map(({ url }) => evidence(url, { artifacts })))
  const seen = (answers[0]?.log.entries ?? []).flatMap((text): LockLine[] => {
    const entry = parseEntry(text)
    return entry.kind === "observation" ? [lockLineOf(entry.observation)] : []
  })
  return { registry, network, nodes, lines: lockLines(nodeCrypto, seen, registry.url) }
}

async function ofAll(roster: Roster, registry: string, lines: Lock["lines"]): Promise<Lock> {
  const heads = headChecker(nodeCrypto, roster, seconds())
  const locksets = await Promise.all(roster.nodes.map(async (node) => {
    const reply = await post(node.url, formatLocksetRequest({ registry, lines: lines.texts }))
    expect(reply.status, reply.body).toBe(200)
    const { locked, said } = lockedLocksetOf(parseLocksetAnswer(reply.body))
    expect([...said.root]).toEqual([...lockRoot(nodeCrypto, lines)])
    return { ...locked, checkpoint: compactHead(heads, node, node.log, locked.checkpoint) }
  }))
  return { network: roster.lineage, roster: roster.version, registry, lines, locksets: locksets.sort((a, b) => (a.log < b.log ? -1 : 1)), proofs: [] }
}

describe("POST /v1/lockset", () => {
  test("four operators derive the lines of a project, and their word carries it without a network", async () => {
    const { registry, network: { roster }, lines } = await observed(4, 12)
    const written = formatLock(await ofAll(roster, registry.url, lines))
    const lock = openLock({ crypto: nodeCrypto, roster, now: seconds() }, parseLock(nodeCrypto, written))
    expect(lock.problems).toEqual([])
    expect([...lock.artifacts.values()].map(({ operators }) => operators.length)).toEqual(new Array(12).fill(4))
    expect([...lock.notices.keys()].sort()).toEqual(roster.nodes.map(({ notices }) => notices.name).sort())
    const policy = parsePolicy(JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./roster.json", minimumAge: "0s" }))
    const requests = lines.artifacts.map(({ facts: { purl, registry: id, sha512 } }) => ({ purl, registry: id, sha512 }))
    const verdicts = verify({ crypto: nodeCrypto, roster, policy, now: seconds(), requests, evidence: [], lock })
    expect(verdicts.map(({ ok, claims }) => [ok, claims.length])).toEqual(requests.map(() => [true, 4]))
  })

  test("what it is sent and cannot derive has no bit; asked again it says the same; strangers' requests are refused", async () => {
    const { registry, network: { roster, places }, nodes, lines } = await observed(1, 3)
    const url = roster.nodes[0]?.url ?? ""
    const forged = lockLines(nodeCrypto, lines.artifacts.map((one, i) => (i === 1 ? { ...one, facts: { ...one.facts, sha512: "ab".repeat(64) } } : one)), registry.url)
    const body = formatLocksetRequest({ registry: registry.url, lines: forged.texts })
    const first = parseLocksetAnswer((await post(url, body)).body)
    expect(lockedLocksetOf(first).locked.bits).toEqual([true, false, true])
    expect(parseLocksetAnswer((await post(url, body)).body).index).toBe(first.index)

    const refused = async (text: string, headers?: Record<string, string>) => {
      const reply = await post(url, text, headers)
      return [reply.status, (JSON.parse(reply.body) as { error: { code: string } }).error.code]
    }
    const twice = formatLocksetRequest({ registry: registry.url, lines: [lines.texts[0] ?? "", lines.texts[0] ?? ""] })
    expect(await refused(twice)).toEqual([400, "REQUEST_MALFORMED"])
    expect(await refused(formatLocksetRequest({ registry: registry.url, lines: [] }))).toEqual([400, "REQUEST_MALFORMED"])
    expect(await refused(JSON.stringify({ format: "vouchsafe-lockset-request/v1", registry: registry.url, root: "00" }))).toEqual([400, "REQUEST_MALFORMED"])
    expect(await refused(body, { "content-type": "text/plain" })).toEqual([415, "CONTENT_TYPE"])
    expect(await refused(body, { ...json, origin: "https://evil.example" })).toEqual([403, "CROSS_ORIGIN"])

    const log = await evidence(url, { artifacts: [{ purl: "pkg:npm/zz-0@1.0.0", registry: registry.url }] })
    expect(log.artifacts[0]?.indices).toHaveLength(1)
    await nodes[0]?.stop()
    const held = holdFolder(places[0]?.config.data ?? "")
    cleanup(() => held.release())
    expect((await checkData(held, nodeCrypto)).findings).toEqual([])
  })

  test("bodies that do not come take one address's places, and nobody else's", async () => {
    const { registry, network: { roster } } = await observed(1, 1)
    const url = roster.nodes[0]?.url ?? ""
    const { hostname, port } = new URL(url)
    const begin = (localAddress: string, length: number): ClientRequest => {
      const request = httpRequest({ host: hostname, port, localAddress, agent: false, method: "POST", path: "/v1/lockset", headers: { ...json, "content-length": length } })
      cleanup(() => request.destroy())
      return request.on("error", () => undefined)
    }
    const statusOf = (request: ClientRequest): Promise<number | undefined> => new Promise((resolve) => request.on("response", (response) => { response.resume(); resolve(response.statusCode) }))
    const slow = Array.from({ length: LOCKSETS_CONCURRENT_PER_ADDRESS_MAX }, () => begin("127.0.0.1", 100))
    await Promise.all(slow.map((request) => new Promise((resolve) => { request.write("{", resolve) })))
    const malformed = formatLocksetRequest({ registry: registry.url, lines: ["x"] })
    let busy: Reply | undefined
    for (let i = 0; i < 50 && busy?.status !== 503; i++) busy = await post(url, malformed)
    expect([busy?.status, busy?.headers["retry-after"]]).toEqual([503, "2"])
    if (process.platform === "linux") {
      const other = begin("127.0.0.2", Buffer.byteLength(malformed))
      other.end(malformed)
      expect(await statusOf(other)).toBe(400)
    }
    for (const request of slow) request.destroy()
    let free: Reply | undefined
    for (let i = 0; i < 50 && free?.status !== 400; i++) free = await post(url, malformed)
    expect(free?.status).toBe(400)
  })

  test("one address has a budget", async () => {
    const { registry, network: { roster } } = await observed(1, 1)
    const url = roster.nodes[0]?.url ?? ""
    const malformed = formatLocksetRequest({ registry: registry.url, lines: ["x"] })
    let last: Reply | undefined
    for (let i = 0; i <= LOCKSETS_PER_ADDRESS.burst && last?.status !== 429; i++) last = await post(url, malformed)
    expect(last?.status).toBe(429)
    expect(last?.headers["retry-after"]).toBe("30")
  })
})

test("what a client is answered is refused when it is not in its one form", () => {
  for (const text of ["", "{}", '{"format":"vouchsafe-lockset/v1"}', JSON.stringify({ format: "vouchsafe-lockset/v1", index: -1, checkpoint: "", proof: [], entry: "" }), JSON.stringify({ format: "vouchsafe-lockset/v1", index: 1, checkpoint: "", proof: ["AA=="], entry: "" })]) {
    try {
      parseLocksetAnswer(text)
      expect.unreachable()
    } catch (error) {
      expect(isVouchsafeError(error, "EVIDENCE_MALFORMED")).toBe(true)
    }
  }
})
