/**
 * What must be true of a world after every step, whatever happened in it. A check that fails names the seed and the step.
 *
 * @packageDocumentation
 */
import type { CheckResult } from "@vouchsafe/client"
import { type ArtifactRequest, entriesPath, headChecker, parseEntryBundle, TILE_WIDTH, parseCheckpoint, parseNote, parseOwnEntry, unlessRefused, type Verdict, VERDICT_CODES } from "@vouchsafe/core"
import { type Agreement, createAgreement, createHistory, type History } from "./history.ts"
import type { NodeHost } from "./node-host.ts"
import { REGISTRY } from "./registry.ts"
import type { Person, World } from "./world.ts"

const ROLES = ["log", "notices"] as const
type Role = (typeof ROLES)[number]

/** A world in which something is that must not be. */
export class Violation extends Error {
  override readonly name = "Violation"
}

export interface Invariants {
  /** What happens now, for whoever reads a failure. */
  step: string
  /** A machine of an operator, also a second one that its operator hides. */
  watch(node: NodeHost): void
  /** Operators that may do anything. */
  readonly dishonest: Set<string>
  /** After each step. */
  check(): void
  /** After each answer that a client gave. */
  judge(person: Person, requests: readonly ArtifactRequest[], result: CheckResult): void
  /** Heads that clients accepted so far: with none, nothing was checked. */
  readonly accepted: { heads: number; artifacts: number; refusals: number }
}

/** Starts watching a world's machines. */
export function watchInvariants(world: World): Invariants {
  const { simulation, crypto, roster } = world
  const machines: { readonly node: NodeHost; readonly histories: Readonly<Record<Role, History>> }[] = []
  const byClients = new Map<string, Agreement>()
  const byWitness = new Map<string, Agreement>()
  const histories = new Map<string, History[]>()

  const fail = (why: string): never => {
    throw new Violation(`seed ${simulation.seed}, ${invariants.step}: ${why}\nreplay: VOUCHSAFE_SIMULATION_SEED=${simulation.seed}\nlast events:\n  ${simulation.time.traceTail().slice(-12).join("\n  ")}`)
  }
  const agreementOf = (kept: Map<string, Agreement>, name: string, origin: string): Agreement => {
    const known = kept.get(name) ?? createAgreement(() => histories.get(origin) ?? [])
    kept.set(name, known)
    return known
  }

  /** Which histories a log has, and which of them a head is of: for whoever looks into a failure. */
  const describeHistories = (origin: string, size: number, root: Uint8Array): string => (histories.get(origin) ?? [])
    .map((history) => `${history.name} (${history.entries.length}${history.rootAt(size) === Buffer.from(root).toString("hex") ? ", has it" : ""})`).join(", ")

  /** Reads what is durable, whether the machine is on or off. */
  const follow = ({ node, histories: own }: (typeof machines)[number], role: Role): void => {
    const { signed, entries, files } = node.disks[role].kept
    const history = own[role]
    const origin = node.place[role].name
    const size = signed?.size ?? 0
    if (size < history.entries.length) fail(`${origin} has ${size} signed entries after it had ${history.entries.length}`)
    while (history.entries.length < size) {
      const index = history.entries.length
      const bundle = files.get(entriesPath(Math.floor(index / TILE_WIDTH)))
      const bytes = entries.get(index) ?? (bundle === undefined ? undefined : parseEntryBundle(bundle, TILE_WIDTH)[index % TILE_WIDTH])
      history.append(Buffer.from(bytes ?? fail(`entry ${index} of ${origin} is signed and not there`)).toString("utf8"))
    }
    const shown = node.running?.services[role === "log" ? "observations" : "notices"].log.head()
    for (const head of [signed, shown]) {
      if (head !== undefined && Buffer.from(head.root).toString("hex") !== history.rootAt(head.size)) fail(`${origin} signed another root at ${head.size} than its entries have`)
    }
  }

  const checkWitness = (node: NodeHost): void => {
    for (const head of node.disks.witness.heads.values()) {
      const agreement = agreementOf(byWitness, `${node.operator} ${head.origin}`, head.origin)
      if (head.size < agreement.sizeMax) fail(`witness ${node.operator} went back from ${agreement.sizeMax} to ${head.size} of ${head.origin}`)
      if (!agreement.accept(head.size, Buffer.from(head.root).toString("hex"))) fail(`witness ${node.operator} cosigned two histories of ${head.origin}, the last at size ${head.size}; there are ${describeHistories(head.origin, head.size, head.root)}; dishonest: ${[...invariants.dishonest].join(", ")}`)
    }
  }

  const acceptedTexts = new Set<string>()
  /** Every head that a quorum cosigned, and that a client took statements or notices from, must be of one history a log. */
  const acceptHead = (person: Person, operator: string, role: Role, signed: string): boolean => {
    if (acceptedTexts.has(`${operator} ${role} ${signed}`)) return true
    const place = roster.nodes.find((node) => node.operator === operator)
    if (place === undefined) return fail(`${operator} is not in the roster`)
    const nowSeconds = Math.floor(simulation.life(person.host).clock.nowMs() / 1000)
    if (!headChecker(crypto, roster, nowSeconds).check(place, place[role], signed).ok) return false
    const { origin, size, root } = parseCheckpoint(parseNote(signed).text)
    acceptedTexts.add(`${operator} ${role} ${signed}`)
    invariants.accepted.heads += 1
    if (!agreementOf(byClients, origin, origin).accept(size, Buffer.from(root).toString("hex"))) fail(`two histories of ${origin} were accepted, the last by ${person.host} at size ${size}`)
    return true
  }

  const checkAllowed = (person: Person, verdict: Verdict, result: CheckResult): void => {
    const { purl, sha512 } = verdict
    if (sha512 === undefined) return fail(`${purl} was allowed without bytes`)
    const vouching = new Set(verdict.claims.filter(({ operator, origin, index }) => {
      const isUnderCosignedHead = result.evidence.some((evidence) => evidence.operator === operator &&
        evidence.batches.some((batch) => batch.indices.includes(index) && acceptHead(person, operator, "log", batch.checkpoint)))
      return isUnderCosignedHead && (histories.get(origin) ?? []).some(({ entries }) => saysBytes(entries[index], purl, sha512))
    }).map(({ operator }) => operator))
    if (vouching.size < roster.threshold) {
      fail(`${person.host} was allowed ${purl} with ${sha512.slice(0, 12)}…, which only ${[...vouching].join(", ") || "nobody"} attested under cosigned heads; the threshold is ${roster.threshold}`)
    }
    const version = world.registry.published.find((one) => one.purl === purl)
    const honest = roster.operators.filter((operator) => !invariants.dishonest.has(operator) && version?.served.get(operator)?.has(sha512) === true)
    if (honest.length + invariants.dishonest.size < roster.threshold) {
      fail(`${person.host} was allowed ${purl} with ${sha512.slice(0, 12)}…, which the registry served to ${honest.join(", ") || "no honest operator"} only`)
    }
    invariants.accepted.artifacts += 1
  }

  const checkRefused = (verdict: Verdict & { readonly ok: false }): void => {
    invariants.accepted.refusals += 1
    const denies = verdict.findings.filter(({ severity }) => severity === "deny")
    if (!VERDICT_CODES.includes(verdict.code) || !denies.some(({ code }) => code === verdict.code)) fail(`${verdict.purl} was refused as ${verdict.code} without a finding that says so`)
    for (const { code, message, hint } of denies) {
      if (message === "" || hint === undefined || hint === "") fail(`${verdict.purl} was refused as ${code} without ${message === "" ? "a reason" : "a hint"}: ${message}`)
      if (hint?.includes("defect")) fail(`a check failed by itself: ${message}`)
    }
  }

  const invariants: Invariants = {
    step: "start", dishonest: new Set(), accepted: { heads: 0, artifacts: 0, refusals: 0 },
    watch(node) {
      const make = (role: Role): History => {
        const origin = node.place[role].name
        const others = histories.get(origin) ?? []
        // A second machine starts from a copy of the first one's disks; what it holds beyond that is read from itself.
        const history = createHistory(`${node.host} ${role}`)
        histories.set(origin, [...others, history])
        return history
      }
      machines.push({ node, histories: { log: make("log"), notices: make("notices") } })
    },
    check() {
      for (const machine of machines) for (const role of ROLES) follow(machine, role)
      for (const node of world.nodes) if (!invariants.dishonest.has(node.operator)) checkWitness(node)
    },
    judge(person, requests, result) {
      if (result.verdicts.length !== requests.length) fail(`${requests.length} requests got ${result.verdicts.length} verdicts`)
      for (const verdict of result.verdicts) {
        if (verdict.ok) checkAllowed(person, verdict, result)
        else checkRefused(verdict)
      }
      for (const { operator, misbehaved, batches, notices } of result.evidence) {
        if (misbehaved !== undefined) continue
        for (const { checkpoint } of batches) acceptHead(person, operator, "log", checkpoint)
        if (notices !== undefined) acceptHead(person, operator, "notices", notices.checkpoint)
      }
    },
  }
  for (const node of world.nodes) invariants.watch(node)
  return invariants
}

/** Whether an entry is the log's own observation of these bytes. */
function saysBytes(text: string | undefined, purl: string, sha512: string): boolean {
  const entry = text === undefined ? undefined : unlessRefused(() => parseOwnEntry(text))
  return entry?.kind === "observation" && entry.observation.purl === purl && entry.observation.registry === REGISTRY && entry.observation.sha512 === sha512
}
