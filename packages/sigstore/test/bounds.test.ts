import { describe, expect, test } from "vitest"
import { createUpstreamVerifier } from "../src/index.ts"
import { readBundle } from "../src/bundle/read.ts"
import { attestationFile, inputFor, realTrust } from "./support/data.ts"

const VERIFIER = createUpstreamVerifier(realTrust())
const MIB = 1024 * 1024

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
interface Answer { attestations: { predicateType: string; bundle: { [key: string]: Json } }[] }

function answerOf(file: string): { answer: Answer; purl: string; sha512: string } {
  const answer = JSON.parse(attestationFile("registry-shape", file)) as Answer
  const envelope = answer.attestations[0]?.bundle["dsseEnvelope"] as { payload: string }
  const statement = JSON.parse(Buffer.from(envelope.payload, "base64").toString("utf8")) as { subject: { name: string; digest: { sha512: string } }[] }
  const subject = statement.subject[0]
  if (subject === undefined) throw new Error(`${file} names no subject`)
  return { answer, purl: subject.name, sha512: subject.digest.sha512 }
}

/** Paths of all members that hold text, number or truth. */
function leavesOf(value: Json, path: (string | number)[] = []): (string | number)[][] {
  // Some writers print the empty choices of the format as null: absent.
  if (value === null) return []
  if (typeof value !== "object") return [path]
  return Object.entries(value).flatMap(([key, member]) => leavesOf(member, [...path, Array.isArray(value) ? Number(key) : key]))
}

function changed(answer: Answer, path: readonly (string | number)[], change: (holder: Record<string | number, Json>, key: string | number) => void): Answer {
  const copy = structuredClone(answer)
  let holder = copy as unknown as Record<string | number, Json>
  for (const key of path.slice(0, -1)) holder = holder[key] as unknown as Record<string | number, Json>
  change(holder, path.at(-1) as string | number)
  return copy
}

/** Another text of the same kind: the first digit, letter or base64 character is another one. */
function bumped(value: Json): Json {
  if (typeof value === "number") return value + 1
  if (typeof value === "boolean") return !value
  if (typeof value !== "string") return "x"
  if (/^[0-9]+$/.test(value)) return String(BigInt(value) + 1n)
  const at = Math.floor(value.length / 2)
  return `${value.slice(0, at)}${value[at] === "A" ? "B" : "A"}${value.slice(at + 1)}`
}

/**
 * Members that nobody signs and no rule reads: what they say is no fact. A certificate's issuers are taken from the trusted root, not from the
 * bundle; the version of the format is not signed.
 */
const UNSIGNED = [/mediaType$/, /x509CertificateChain\.certificates\.[1-9]\d*\.rawBytes$/]
/** The envelope's hint of a key is read where a registry's key signs, and means nothing beside a certificate. */
const HINT_BESIDE_CERTIFICATE = /signatures\.0\.keyid/

describe("each field wrong in turn", () => {
  test.each(["sigstore@2.3.1.json", "sigstore@2.1.0.json", "sigstore@0.4.0.json", "gundam-visor@1.0.1.json"])("%s", (file) => {
    const { answer, purl, sha512 } = answerOf(file)
    const unnoticed: string[] = []
    let tried = 0
    const judge = (mutant: Answer) => VERIFIER.verifyUpstream(inputFor(purl, sha512, mutant)).upstream
    const whole = judge(answer)
    expect(whole.refused).toEqual([])
    for (const path of leavesOf(answer as unknown as Json)) {
      const name = path.join(".")
      const changes: [string, (holder: Record<string | number, Json>, key: string | number) => void][] = [
        ["bumped", (holder, key) => { holder[key] = bumped(holder[key] as Json) }],
        ["removed", (holder, key) => { if (Array.isArray(holder)) holder.splice(Number(key), 1); else delete holder[key] }],
        ["emptied", (holder, key) => { holder[key] = "" }],
        ["a number", (holder, key) => { holder[key] = 7 }],
        ["an object", (holder, key) => { holder[key] = { a: [] } }],
        ["white space added", (holder, key) => { holder[key] = `${String(holder[key])}\n` }],
        ["cut", (holder, key) => { holder[key] = String(holder[key]).slice(0, -4) }],
      ]
      for (const [what, change] of changes) {
        tried++
        const upstream = judge(changed(answer, path, change))
        const same = upstream.refused.length === 0 && upstream.publish?.keyid === whole.publish?.keyid && JSON.stringify({ ...upstream.provenance, bundle: "" }) === JSON.stringify({ ...whole.provenance, bundle: "" })
        const gone = upstream.refused.length === 0 && !same
        if (gone || (same && !UNSIGNED.some((pattern) => pattern.test(name)))) unnoticed.push(`${name} ${what}`)
      }
    }
    console.log(`${file}: ${tried} mutants, ${unnoticed.length} unnoticed`)
    expect(unnoticed.filter((name) => !HINT_BESIDE_CERTIFICATE.test(name))).toEqual([])
    expect(tried).toBeGreaterThan(150)
    for (const name of unnoticed) expect(answer.attestations[Number(name.split(".")[1])]?.bundle["verificationMaterial"]).not.toHaveProperty("publicKey")
  })
})

describe("over its bounds", () => {
  const { answer, purl, sha512 } = answerOf("sigstore@2.3.1.json")
  const refused = (attestations: unknown) => VERIFIER.verifyUpstream(inputFor(purl, sha512, attestations)).upstream.refused
  const provenance = answer.attestations[1] as Answer["attestations"][0]
  const withBundle = (bundle: unknown) => ({ attestations: [{ predicateType: provenance.predicateType, bundle }] })
  const deep = (levels: number): Json => { let value: Json = "x"; for (let i = 0; i < levels; i++) value = [value]; return value }

  test.each([
    { name: "50 MB of payload", bundle: () => changedBundle((bundle) => { (bundle["dsseEnvelope"] as { payload: string }).payload = "A".repeat(50 * MIB) }) },
    { name: "a member with 50 MB", bundle: () => ({ ...provenance.bundle, more: "x".repeat(50 * MIB) }) },
    { name: "a million members", bundle: () => ({ ...provenance.bundle, more: Array.from({ length: 1_000_000 }, () => 0) }) },
    { name: "a hundred thousand levels", bundle: () => ({ ...provenance.bundle, more: deep(100_000) }) },
    { name: "a million entries of logs", bundle: () => changedBundle((bundle) => { const material = bundle["verificationMaterial"] as { tlogEntries: Json[] }; material.tlogEntries = Array.from({ length: 1_000_000 }, () => material.tlogEntries[0] as Json) }) },
    { name: "nine entries of logs", bundle: () => changedBundle((bundle) => { const material = bundle["verificationMaterial"] as { tlogEntries: Json[] }; material.tlogEntries = Array.from({ length: 9 }, () => material.tlogEntries[0] as Json) }) },
    { name: "the same entry twice", bundle: () => changedBundle((bundle) => { const material = bundle["verificationMaterial"] as { tlogEntries: Json[] }; material.tlogEntries.push(material.tlogEntries[0] as Json) }) },
    { name: "65 hashes in a proof", bundle: () => changedBundle((bundle) => { const entry = (bundle["verificationMaterial"] as { tlogEntries: { inclusionProof: { hashes: string[] } }[] }).tlogEntries[0]; entry?.inclusionProof.hashes.push(...Array.from({ length: 65 }, () => "AAAA")) }) },
  ])("$name: refused, in bounded time and memory", ({ bundle }) => {
    const answer = withBundle(bundle())
    const before = process.memoryUsage().heapUsed
    const started = process.cpuUsage()
    expect(refused(answer)).toEqual([expect.stringMatching(/^PROVENANCE_(?:MALFORMED|UNVERIFIED)$/)])
    const { user } = process.cpuUsage(started)
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * MIB)
    // Not a race: a walk of the whole input takes seconds.
    expect(user / 1000).toBeLessThan(2_000)
  })
  test("what is not an object at all", () => {
    for (const value of [undefined, null, 1, "x", [], [[]], true, new Date(0), Symbol("x")]) expect(readBundle(value).ok).toBe(false)
  })
  test("the prototype's names are members like any other", () => {
    const hostile = JSON.parse(JSON.stringify(provenance.bundle).replace('"tlogEntries"', '"__proto__"')) as unknown
    expect(refused(withBundle(hostile))).toEqual(["PROVENANCE_UNVERIFIED"])
  })

  function changedBundle(change: (bundle: { [key: string]: Json }) => void): unknown {
    const bundle = structuredClone(provenance.bundle)
    change(bundle)
    return bundle
  }
})
