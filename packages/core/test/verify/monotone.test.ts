/** Dropping a statement never turns a refusal into a permission, except for statements that speak against the package (packages/spec/verify.md). */
import fc from "fast-check"
import { expect, test } from "vitest"
import { formatObservation, NO_UPSTREAM, PLAIN_HISTORY, type Verdict } from "../../src/index.ts"
import { EVIL, formatForeignEntry, formatRebuild, judge, makeWorld, mismatch, type NodeScript, NOW, observation, policy, provenance, publisher, PURL, rebuild, REGISTRY, releaseBy, SSH_KEY } from "./world.ts"
import { PROPERTY_RUNS } from "../support.ts"

const OPERATORS = ["alpha", "beta", "gamma"] as const
const world = makeWorld(OPERATORS)
const ann = publisher(1)

/** A statement as the generator picks it. Each operator makes at most one observation, one rebuild and one release. */
interface Picked {
  readonly observation: "good" | "other" | "provenance" | "forged" | "lied" | "misread" | "young" | "scripted" | "handed" | "taken" | "lost" | "undated" | "none"
  readonly rebuild: "same" | "recipe" | "differs" | "none"
  readonly release: boolean
}

const picked = fc.record<Picked>({
  observation: fc.constantFrom<Picked["observation"]>("good", "good", "good", "other", "provenance", "provenance", "forged", "lied", "misread", "young", "scripted", "handed", "taken", "lost", "undated", "none"),
  rebuild: fc.constantFrom<Picked["rebuild"]>("same", "same", "recipe", "differs", "none"),
  release: fc.boolean(),
})

const previous = { version: "1.2.0", publishedAt: NOW - 100 * 86_400, provenance: "none", source: "found" } as const

function entriesOf(operator: string, { observation: seen, rebuild: built, release }: Picked): string[] {
  const log = `${operator}.example/log`
  const plain = {
    good: {}, other: { sha512: EVIL }, provenance: { upstream: { ...NO_UPSTREAM, provenance: provenance() } }, forged: { upstream: { ...NO_UPSTREAM, refused: ["PUBLISH_X"] } },
    misread: { contents: { ...observation(log).contents, h1: `h1:${"C".repeat(42)}A=` } },
    lied: { packument: { publishedAt: NOW - 1_000_000, publisher: null, repository: null, mismatch: ["bin"] } },
  }
  const news = {
    scripted: { scripts: ["postinstall"] }, handed: { publisher: "new", previous }, taken: { publisher: "new", previous, gyp: ["binding.gyp"], lookalike: { target: "left-pads", kind: "plural", isKin: false } },
    lost: { previous: { ...previous, provenance: "verified" } },
  } as const
  const claims = { publisher: "ann", repository: null, mismatch: [] }
  const about = {
    ...Object.fromEntries(Object.entries(news).map(([key, more]) => [key, { history: { ...PLAIN_HISTORY, ...more } }])) as Record<keyof typeof news, object>,
    young: { packument: { ...claims, publishedAt: NOW - 3_600 } }, undated: { packument: { ...claims, publishedAt: null } },
    ...plain,
  }
  return [
    ...(seen === "none" ? [] : [formatObservation(observation(log, about[seen]))]),
    ...(built === "none" ? [] : [formatRebuild(built === "differs" ? mismatch(log) : rebuild(log, built === "recipe" ? { recipe: { sha256: "00".repeat(32), override: true } } : {}))]),
    ...(release ? [formatForeignEntry(log, releaseBy(ann))] : []),
  ]
}

const policies = [
  {}, { preset: "strict" }, { levels: [{ match: ["*"], level: "rebuilt" }] }, { levels: [{ match: ["*"], level: "provenance" }] }, { signers: [{ match: ["*"], keys: [SSH_KEY] }] },
  { publishers: [{ match: ["*"], keys: [{ key: ann.verifier.vkey, until: new Date(NOW * 1000).toISOString().slice(0, 10) }] }] },
  { minimumAge: "0s" }, { minimumAge: "30d", settleAge: "10d" }, { registries: [{ match: ["*"], registry: REGISTRY, attesters: ["beta"] }] },
  { overrides: [{ match: ["left-*"], rules: { IDENTITY_CHANGED: "warn" } }], exceptions: [{ purl: PURL, code: "NEW_INSTALL_SCRIPT", owner: "a", reason: "b", until: "2027-06-01" }] },
  { levels: [{ match: ["*"], level: "rebuilt" }], publishers: [{ match: ["*"], keys: [{ key: ann.verifier.vkey }] }], rebuilders: 1 },
].map(policy)

/** Refusals that rest on what somebody says against the package: such a word is worth hiding, and hidden by nobody but its own node. */
const AGAINST: readonly string[] = ["DIGEST_CONFLICT", "SOURCE_MISMATCH"]

test("dropping any statement never turns a refusal into a permission, except one that speaks against the package", () => {
  let drops = 0
  let refused = 0
  fc.assert(fc.property(fc.array(picked, { minLength: 3, maxLength: 3 }), fc.constantFrom(...policies), (picks, rules) => {
    const entries = picks.map((pick, i) => entriesOf(OPERATORS[i] as string, pick))
    const verdictOf = (lists: readonly (readonly string[])[]): Verdict =>
      judge(world, Object.fromEntries(OPERATORS.map((operator, i): [string, NodeScript] => [operator, { entries: lists[i] as string[] }])), { policy: rules })
    const whole = verdictOf(entries)
    if (whole.ok) return
    refused += 1
    const isAgainst = whole.findings.some(({ severity, code }) => severity === "deny" && AGAINST.includes(code))
    for (const [i, list] of entries.entries()) {
      for (const k of list.keys()) {
        drops += 1
        const without = verdictOf(entries.with(i, list.toSpliced(k, 1)))
        if (without.ok) expect({ isAgainst, codes: whole.findings.map(({ code }) => code), dropped: list[k] }).toMatchObject({ isAgainst: true })
      }
    }
  }), { numRuns: Math.max(60, PROPERTY_RUNS / 4) })
  expect(refused).toBeGreaterThan(20)
  expect(drops).toBeGreaterThan(100)
})

test("the exceptions are real: hiding a conflict or a differing rebuild helps, so nodes answer for their own logs", () => {
  const other = { gamma: { observations: [observation("gamma.example/log", { sha512: EVIL })] } }
  const strict = { policy: policy({ preset: "strict" }) }
  expect(judge(world, other, strict)).toMatchObject({ ok: false, code: "DIGEST_CONFLICT" })
  expect(judge(world, { gamma: { observations: [] } }, strict).ok).toBe(true)
  expect(judge(world, { gamma: { more: [formatRebuild(mismatch("gamma.example/log"))] } })).toMatchObject({ ok: false, code: "SOURCE_MISMATCH" })
  expect(judge(world).ok).toBe(true)
})
