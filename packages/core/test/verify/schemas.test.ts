import { readdirSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { describe, expect, test } from "vitest"
import { formatByDigest, formatEvidenceAnswer, formatEvidenceRequest, formatLockset, formatLocksetAnswer, formatLocksetRequest, formatMisbehavior, formatNotice, formatObservation, NEVER_EXCEPTED, OBSERVATION_TYPE, RULE_CODES, VERDICT_CODES } from "../../src/index.ts"
import {
  crypto, EVIL, evidenceOf, formatForeignEntry, formatRebuild, GOOD, judge, makeWorld, mismatch, notice, observation, policy, provenance, publisher, PURL, rebuild, REGISTRY, releaseBy, SSH_KEY,
} from "./world.ts"
import { emptyNotices, makeLock } from "./lock/locks.ts"

const require = createRequire(import.meta.url)
const Ajv2020 = require("ajv/dist/2020.js").default as new (options: object) => { compile(schema: unknown): ((value: unknown) => boolean) & { errors?: unknown } }
const folder = new URL("../../../spec/schemas/", import.meta.url)
const validators = new Map(readdirSync(folder).map((file) => [
  file.replace(".schema.json", ""), new Ajv2020({ strict: true, strictTypes: false, strictRequired: false }).compile(JSON.parse(readFileSync(new URL(file, folder), "utf8"))),
]))

function check(name: string, document: unknown): boolean {
  const validate = validators.get(name)
  if (validate === undefined) throw new TypeError(`no schema ${name}`)
  return validate(document)
}

const world = makeWorld()
const evidence = evidenceOf(world, "alpha")
const [batch] = evidence.batches
if (batch?.proof === undefined || evidence.notices === undefined) throw new TypeError("incomplete evidence")
const POLICY = {
  format: "vouchsafe-policy/v1", roster: "./r.json", threshold: 2, rebuilders: 2, rules: { NOT_REBUILT: "warn" },
  levels: [{ match: ["@acme/*", "left-pad"], level: "provenance" }, { match: ["*"], level: "rebuilt" }],
  publishers: [{ match: ["left*"], keys: [{ key: publisher(1).verifier.vkey, from: "2026-01-01", until: "2030-12-31", revoked: "2030-05-05" }], threshold: 1 }],
  signers: [{ match: ["@acme/x"], keys: [SSH_KEY, `openpgp:${"AB".repeat(20)}`] }],
  governance: { genesis: "ab".repeat(32), sources: ["https://a.example/tuf/"] },
  minimumAge: "0s", settleAge: "90d", maxLockAge: "7d", lists: [{ name: "osv", source: "https://lists.example/all.jsonl", maxAge: "2d" }],
  overrides: [{ match: ["left*"], registries: [REGISTRY], dependency: ["dev", "optional"], workspaces: [".", "packages/web"], rules: { TOO_YOUNG: "off" }, minimumAge: "1d", settleAge: "1d" }],
  registries: [{ match: ["@acme/*"], registry: "https://npm.acme.example/", attesters: ["alpha"] }],
}

const lock = makeLock(world)
const LOCKSET = { log: "a/log", registry: REGISTRY, root: new Uint8Array(32), count: 5, bits: [true, false, true, true, true], roster: 1, notices: emptyNotices(world), time: 1 }

/** A verdict with every member. */
function originVerdict(): object {
  const scripts = Object.fromEntries(world.nodes.map(({ operator, log }, i) => [operator, {
    observations: [observation(log.verifier.name, { upstream: { signature: null, publish: null, provenance: provenance(), refused: [] } })],
    more: [formatRebuild(i === 0 ? mismatch(log.verifier.name) : rebuild(log.verifier.name, { recipe: { sha256: "77".repeat(32), override: true } })), formatForeignEntry(log.verifier.name, releaseBy(publisher(1)))],
  }]))
  return judge(world, { ...scripts, delta: null }, { policy: policy(POLICY) })
}

const samples: Record<string, unknown> = {
  roster: JSON.parse(world.rosterText),
  policy: { ...POLICY, exceptions: [{ purl: PURL, code: "WITHDRAWN", owner: "a", reason: "b", until: "2027-01-01", sha512: GOOD }] },
  observation: JSON.parse(formatObservation(observation("a/log", { upstream: { signature: SSH_KEY, publish: { keyid: SSH_KEY, bundle: "66".repeat(32) }, provenance: provenance(), refused: ["PUBLISH_X"] } }))),
  rebuild: JSON.parse(formatRebuild(mismatch("a/log"))),
  foreign: JSON.parse(formatForeignEntry("a/log", releaseBy(publisher(1)))),
  notice: JSON.parse(formatNotice(notice("alpha", { notice: "conflict", other: EVIL }))),
  "by-digest": JSON.parse(formatByDigest(crypto, { purl: PURL, sha512: GOOD, log: "a/log", predicateType: OBSERVATION_TYPE, text: "{}" })),
  "evidence-request": JSON.parse(formatEvidenceRequest({ artifacts: [{ purl: PURL, registry: REGISTRY }], deadlineMs: 1, knownSize: 0, noticesFrom: 0 })),
  evidence: JSON.parse(formatEvidenceAnswer({
    log: { ...batch, proof: batch.proof, consistency: [] }, notices: { ...evidence.notices, from: 0 },
    artifacts: [{ purl: PURL, registry: REGISTRY, status: "refused", code: "TARBALL_AMBIGUOUS", detail: "x", indices: [] }],
  })),
  lockset: JSON.parse(formatLockset(LOCKSET)),
  "lockset-request": JSON.parse(formatLocksetRequest({ registry: REGISTRY, lines: lock.lines.texts })),
  "lockset-answer": JSON.parse(formatLocksetAnswer({ index: 7, checkpoint: "note", proof: [new Uint8Array(32)], entry: formatLockset(LOCKSET) })),
  misbehavior: JSON.parse(formatMisbehavior({ kind: "fork", origin: "a/log", older: "o", newer: "n", consistency: [new Uint8Array(32)] })),
  verdict: JSON.parse(JSON.stringify(originVerdict())),
  manifest: { format: "vouchsafe-manifest/v1", files: [["package.json", 10, 0o644, "00".repeat(32)]] },
}

/** Documents that core neither reads nor writes; whoever does tests them. */
const ELSEWHERE = ["build-request", "build-status", "differences", "gossip", "node-config", "reports"]

test("every schema has a sample here, or belongs to another package", () => expect([...Object.keys(samples), ...ELSEWHERE].sort()).toEqual([...validators.keys()].sort()))

describe.each(Object.entries(samples))("schema %s", (name, sample) => {
  test("accepts what the code writes", () => expect(check(name, sample)).toBe(true))
  test("refuses an unknown and a missing member", () => {
    expect(check(name, { ...(sample as object), extra: 1 })).toBe(false)
    const key = Object.keys(sample as object).find((member) => !["threshold", "exceptions", "rebuilders"].includes(member)) ?? ""
    expect(check(name, Object.fromEntries(Object.entries(sample as object).filter(([member]) => member !== key)))).toBe(false)
  })
})

test("schema misbehavior: the proofs against witnesses", () => {
  const heads = { origin: "a/log", witness: "b/witness", older: "o", newer: "n" }
  const fork = JSON.parse(formatMisbehavior({ kind: "witness-fork", ...heads, consistency: [new Uint8Array(32)] })) as object
  const rollback = JSON.parse(formatMisbehavior({ kind: "witness-rollback", ...heads })) as object
  for (const proof of [fork, rollback]) {
    expect(check("misbehavior", proof)).toBe(true)
    expect(check("misbehavior", { ...proof, witness: undefined })).toBe(false)
  }
  expect(check("misbehavior", { ...rollback, consistency: [] })).toBe(false)
  expect(check("misbehavior", { ...fork, kind: "witness-rollback" })).toBe(false)
})

test("schema policy: codes, severities and exceptions are those of the reader", () => {
  const { properties } = JSON.parse(readFileSync(new URL("policy.schema.json", folder), "utf8")) as { properties: Record<string, any> }
  expect(Object.keys(properties["rules"].properties)).toEqual([...RULE_CODES])
  expect(Object.keys(properties["overrides"].items.properties.rules.properties)).toEqual([...RULE_CODES])
  expect(properties["exceptions"].items.properties.code.enum).toEqual(VERDICT_CODES.filter((code) => !NEVER_EXCEPTED.includes(code)))
  expect((JSON.parse(readFileSync(new URL("verdict.schema.json", folder), "utf8")) as { properties: Record<string, any> }).properties["code"].enum).toEqual([...VERDICT_CODES])
})

test.each<[string, object]>([
  ["an override that overrides nothing", { overrides: [{ match: ["a"] }] }], ["a workspace outside", { overrides: [{ workspaces: ["../a"], minimumAge: "0s" }] }], ["a kind that is none", { overrides: [{ dependency: ["peer"], minimumAge: "0s" }] }],
  ["rules that never settle", { settleAge: "0s" }], ["a code that is no rule", { rules: { WITHDRAWN: "off" } }], ["a name bound to nothing", { registries: [{ match: ["a"] }] }], ["a list without source", { lists: [{ name: "a" }] }],
  ["an exception for a weaker policy", { exceptions: [{ purl: PURL, code: "POLICY_WEAKENED", owner: "a", reason: "b", until: "2027-01-01" }] }],
])("schema policy and reader refuse alike: %s", (_, more) => {
  const document = { format: "vouchsafe-policy/v1", roster: "./r.json" }
  expect(check("policy", document)).toBe(true)
  expect(check("policy", { ...document, ...more })).toBe(false)
  expect(() => policy(more)).toThrow("vouchsafe.json:1: ")
})

test("schemas: what the policy's reader accepts, and a verdict with and without a level", () => {
  expect(() => policy(POLICY)).not.toThrow()
  expect(Object.keys(originVerdict())).toEqual(expect.arrayContaining(["level", "provenance", "rebuilds", "releases"]))
  expect(check("verdict", JSON.parse(JSON.stringify(judge(world, { gamma: null, beta: null }))))).toBe(true)
})
