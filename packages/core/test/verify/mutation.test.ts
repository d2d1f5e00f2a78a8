import { expect, test } from "vitest"
import { isVouchsafeError, type LogEvidence, verify } from "../../src/index.ts"
import { crypto, evidenceOf, formatForeignEntry, formatRebuild, GOOD, makeWorld, notice, NOW, policy, publisher, PURL, rebuild, REGISTRY, releaseBy, REQUEST } from "./world.ts"

// Threshold 2 of 2, so that every byte of either node's evidence carries the verdict.
const world = makeWorld(["alpha", "beta"])
const honest = world.nodes.map(({ operator }) => evidenceOf(world, operator, { notices: [notice(operator, { purl: "pkg:npm/other@1.0.0" })] }))

function isAllowed(evidence: readonly LogEvidence[]): boolean {
  const [verdict] = verify({ crypto, roster: world.roster, policy: policy(), now: NOW, requests: [REQUEST], evidence })
  return verdict?.ok === true
}

/** Every text of one byte's difference: one higher, top bit kept within ASCII so that it stays a string. */
function* bumped(text: string): Generator<string> {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    yield text.slice(0, i) + String.fromCharCode(code === 0x7e ? 0x20 : code + 1) + text.slice(i + 1)
    yield text.slice(0, i) + text.slice(i + 1)
  }
  yield `${text} `
}

/** Every text with one character raised. */
function* raised(text: string): Generator<string> {
  let i = 0
  for (const changed of bumped(text)) if (i++ % 2 === 0) yield changed
}

function* flipped(bytes: Uint8Array): Generator<Uint8Array> {
  for (let i = 0; i < bytes.length; i++) {
    const copy = Uint8Array.from(bytes)
    copy[i] = (copy[i] as number) ^ 1
    yield copy
  }
}

test("flipping any byte of a signed or hashed part of a full evidence set is refused, and verify never throws", () => {
  expect(isAllowed(honest)).toBe(true)
  const [alpha, beta] = honest as [LogEvidence, LogEvidence]
  const batch = alpha.batches[0]
  const { notices } = alpha
  if (batch === undefined || notices === undefined) throw new TypeError("incomplete evidence")
  let tried = 0
  const accepted: string[] = []
  const attempt = (what: string, changed: LogEvidence) => {
    tried += 1
    try {
      if (isAllowed([changed, beta])) accepted.push(what)
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
      throw new Error(`verify threw ${error.code} for ${what}; expected a verdict`)
    }
  }
  const withBatch = (change: Partial<typeof batch>): LogEvidence => ({ ...alpha, batches: [{ ...batch, ...change }] })
  for (const checkpoint of bumped(batch.checkpoint)) attempt("log checkpoint", withBatch({ checkpoint }))
  for (const checkpoint of bumped(notices.checkpoint)) attempt("notices checkpoint", { ...alpha, notices: { ...notices, checkpoint } })
  for (const entry of bumped(batch.entries[0] ?? "")) attempt("entry", withBatch({ entries: [entry] }))
  for (const entry of bumped(notices.entries[0] ?? "")) attempt("notice", { ...alpha, notices: { ...notices, entries: [entry] } })
  for (const [i, hash] of (batch.proof ?? []).entries()) {
    for (const changed of flipped(hash)) attempt(`proof hash ${i}`, withBatch({ proof: (batch.proof ?? []).with(i, changed) }))
    attempt(`proof without hash ${i}`, withBatch({ proof: (batch.proof ?? []).toSpliced(i, 1) }))
  }
  for (const index of [0, 1, 2, 4, 5, 6, Number.MAX_SAFE_INTEGER]) attempt(`index ${index}`, withBatch({ indices: [index] }))
  attempt("notices cut", { ...alpha, notices: { ...notices, entries: [] } })
  expect(accepted).toEqual([])
  expect(tried).toBeGreaterThan(4_500)
})

test("flipping any byte of a rebuild or a release: it does not count, and verify never throws", () => {
  const ann = publisher(1)
  const [alphaLog, betaLog] = world.nodes.map(({ log }) => log.verifier.name) as [string, string]
  const rules = policy({ levels: [{ match: ["*"], level: "rebuilt" }], publishers: [{ match: ["*"], keys: [{ key: ann.verifier.vkey }] }] })
  const built = formatRebuild(rebuild(alphaLog))
  const released = formatForeignEntry(alphaLog, releaseBy(ann))
  const alpha = evidenceOf(world, "alpha", { more: [built, released] })
  const beta = evidenceOf(world, "beta", { more: [formatRebuild(rebuild(betaLog))] })
  const isCarried = (changed: LogEvidence): boolean => verify({ crypto, roster: world.roster, policy: rules, now: NOW, requests: [REQUEST], evidence: [changed, beta] })[0]?.ok === true
  expect(isCarried(alpha)).toBe(true)
  const [batch] = alpha.batches
  if (batch === undefined) throw new TypeError("incomplete evidence")
  // As proven entries: in evidence that was changed under way, which the proof refuses; and in a log that holds the changed text itself.
  const accepted: string[] = []
  let tried = 0
  for (const [place, original] of [[1, built], [2, released]] as const) {
    for (const text of raised(original)) {
      tried += 1
      const entries = batch.entries.with(place, text)
      if (isCarried({ ...alpha, batches: [{ ...batch, entries }] })) accepted.push(`entry ${place} changed under way: ${text}`)
    }
  }
  for (const text of raised(released)) {
    tried += 1
    if (isCarried(evidenceOf(world, "alpha", { more: [built, text] }))) accepted.push(`a log that holds ${text}`)
  }
  expect(accepted).toEqual([])
  expect(tried).toBeGreaterThan(3_000)
}, 120_000)

test("any other digest than the observed one is refused", () => {
  for (let i = 0; i < GOOD.length; i++) {
    const sha512 = `${GOOD.slice(0, i)}${GOOD[i] === "0" ? "1" : "0"}${GOOD.slice(i + 1)}`
    const [verdict] = verify({ crypto, roster: world.roster, policy: policy(), now: NOW, requests: [{ purl: PURL, registry: REGISTRY, sha512 }], evidence: honest })
    expect(verdict).toMatchObject({ ok: false, code: "NOT_VOUCHED" })
  }
})
