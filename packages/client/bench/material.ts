import { type ArtifactRequest, formatEvidenceAnswer, type Policy } from "@vouchsafe/core"
import { answerOf, type FakeNetwork, fakeNetwork, type FakeNode } from "../test/support/network.ts"
import { observation, purlOf, REGISTRY, sha512Of } from "../test/support/statements.ts"
import { START_MS, type VirtualTime, virtualTime } from "../test/support/time.ts"
import { policyOf } from "../test/support/world.ts"
import type { NodeAnswer } from "./evidence.ts"

export const PACKAGES = 500
/** Entries that each log holds besides: proofs are as long as in a log that has run for a while. */
export const OTHERS = Number(process.env["OTHERS"] ?? 20_000)
/** Unix seconds at which everything is checked. */
export const NOW = Math.floor(START_MS / 1_000)

export interface Material {
  readonly time: VirtualTime
  readonly network: FakeNetwork
  readonly policy: Policy
  readonly requests: readonly ArtifactRequest[]
  /** Every node's answer about `wanted`, under the head of its log's first `size` entries. */
  answers(wanted: readonly ArtifactRequest[], size?: number): NodeAnswer[]
}

/** Four nodes which all observed the same 500 packages, among other things. */
export function benchMaterial(): Material {
  const time = virtualTime()
  const network = fakeNetwork(time)
  const requests = Array.from({ length: PACKAGES }, (_, i): ArtifactRequest => ({ purl: purlOf(`package-${i}`), registry: REGISTRY, sha512: sha512Of(`bytes ${i}`) }))
  for (const request of requests) network.registry.set(`${request.registry}\n${request.purl}`, request.sha512 ?? "")
  const step = Math.floor(OTHERS / PACKAGES)
  for (const node of network.nodes) {
    for (let i = 0; i < OTHERS; i++) {
      const request = i % step === 0 ? requests[i / step] : undefined
      node.log.entries.push(request === undefined ? `{"name":"pkg:npm/other-${i}@1.0.0"}` : observation(node.place.log.name, request.purl, request.sha512 ?? ""))
    }
  }
  const ask = (node: FakeNode, wanted: readonly ArtifactRequest[], size: number | undefined): NodeAnswer => {
    node.shownSize = size
    const asked = { artifacts: wanted.map(({ purl, registry }) => ({ purl, registry })), deadlineMs: 0, knownSize: 0, noticesFrom: 0 }
    const text = formatEvidenceAnswer(answerOf(time, network.registry, node, asked))
    node.shownSize = undefined
    return { operator: node.operator, origin: node.place.log.name, text }
  }
  return { time, network, requests, policy: policyOf(), answers: (wanted, size) => network.nodes.map((node) => ask(node, wanted, size)) }
}
