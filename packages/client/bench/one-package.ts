import { type Crypto, verify } from "@vouchsafe/core"
import { memoCrypto } from "../src/memo-crypto.ts"
import { nodeCrypto } from "../src/node/crypto.ts"
import { evidenceFrom, mustAllow, type NodeAnswer } from "./evidence.ts"
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
/** Checks of other heads before the measured ones, so that the engine's compiler is done. */
const WARM_UPS = 200

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
  const fresh = Array.from({ length: SAMPLES }, (_, i) => answers(wanted, OTHERS - 2 - i))
  const others = answers(wanted, OTHERS - 1)
  const check = (crypto: Crypto, texts: readonly NodeAnswer[]): void => {
    mustAllow(verify({ crypto, roster: network.roster, policy, now: NOW, requests: wanted, evidence: evidenceFrom(texts) }))
  }
  const measure = (cryptoFor: (counting: Crypto) => Crypto, before: (crypto: Crypto) => void): OnePackage => {
    let signatures = 0
    const counting: Crypto = { ...nodeCrypto, verifyEd25519: (...given) => (signatures++, nodeCrypto.verifyEd25519(...given)) }
    const crypto = cryptoFor(counting)
    before(crypto)
    for (let i = 0; i < WARM_UPS; i++) check(nodeCrypto, others)
    const counts = new Set<number>()
    const times = fresh.map((texts) => {
      signatures = 0
      const ms = cpuMs(() => { check(crypto, texts) })
      counts.add(signatures)
      return ms
    })
    if (counts.size !== 1) throw new Error(`samples verified ${[...counts].join(", ")} signatures, expected as many each time`)
    return { median: quantile(times, 0.5), p90: quantile(times, 0.9), signatures: [...counts][0] ?? 0, samples: times.length }
  }
  return {
    freshHeads: measure(memoCrypto, (crypto) => { check(crypto, others) }),
    firstEver: measure((counting) => counting, () => undefined),
    headsKnown: measure(memoCrypto, (crypto) => { for (const texts of fresh) check(crypto, texts) }),
  }
}
