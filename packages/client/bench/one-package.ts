import { type Crypto, verify } from "@vouchsafe/core"
import { memoCrypto } from "../src/memo-crypto.ts"
import { nodeCrypto } from "../src/node/crypto.ts"
import { evidenceFrom, mustAllow } from "./evidence.ts"
import { type Material, NOW, OTHERS } from "./material.ts"
import { cpuMs, quantile } from "./measure.ts"

/** CPU of one package's evidence from four nodes, ms, and the Ed25519 signatures verified for it. */
export interface OnePackage {
  readonly median: number
  readonly p90: number
  readonly signatures: number
  readonly samples: number
}

const SAMPLES = 40
const WARM_UPS = 20

/**
 * One package, three ways (ADR 0023):
 * `freshHeads`: the notices logs are mirrored and checked, as once an install; each log shows a head that nobody here has seen.
 * `firstEver`: nothing was seen before, the notices logs' heads neither.
 * `headsKnown`: a package under heads that another one came under.
 */
export function onePackage(material: Material): Record<"freshHeads" | "firstEver" | "headsKnown", OnePackage> {
  const { network, policy, requests, answers } = material
  const wanted = requests.slice(250, 251)
  // Each sample its own heads: no size is shown twice, so no signature over one either.
  const fresh = Array.from({ length: WARM_UPS + SAMPLES }, (_, i) => answers(wanted, OTHERS - 1 - i))
  const measure = (cryptoFor: (counting: Crypto) => Crypto, before: (crypto: Crypto) => void): OnePackage => {
    let signatures = 0
    const counting: Crypto = { ...nodeCrypto, verifyEd25519: (...given) => (signatures++, nodeCrypto.verifyEd25519(...given)) }
    const crypto = cryptoFor(counting)
    before(crypto)
    const counts = new Set<number>()
    const times = fresh.map((texts) => {
      signatures = 0
      const ms = cpuMs(() => { mustAllow(verify({ crypto, roster: network.roster, policy, now: NOW, requests: wanted, evidence: evidenceFrom(texts) })) })
      counts.add(signatures)
      return ms
    }).slice(WARM_UPS)
    if (counts.size !== 1) throw new Error(`samples verified ${[...counts].join(", ")} signatures, expected as many each time`)
    return { median: quantile(times, 0.5), p90: quantile(times, 0.9), signatures: [...counts][0] ?? 0, samples: times.length }
  }
  const check = (crypto: Crypto, size: number): void => {
    mustAllow(verify({ crypto, roster: network.roster, policy, now: NOW, requests: wanted, evidence: evidenceFrom(answers(wanted, size)) }))
  }
  const knowsAll = (crypto: Crypto): void => {
    for (const texts of fresh) mustAllow(verify({ crypto, roster: network.roster, policy, now: NOW, requests: wanted, evidence: evidenceFrom(texts) }))
  }
  return {
    freshHeads: measure(memoCrypto, (crypto) => { check(crypto, OTHERS) }),
    firstEver: measure((counting) => counting, () => undefined),
    headsKnown: measure(memoCrypto, knowsAll),
  }
}
