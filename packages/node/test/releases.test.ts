import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { nodeCrypto } from "@vouchsafe/client/node"
import { formatEnvelope, formatObservation, formatRelease, INTOTO_PAYLOAD_TYPE, KEY_TYPE, keyHint, parseObservation, parseRoster, signEnvelope, type Signer, signerFromSeed, utf8Encode } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { RELEASES_PER_ADDRESS, RELEASES_PER_ARTIFACT_AND_KEY_MAX } from "../src/limits.ts"
import { openDsse } from "./dsse.ts"
import { clientFor, evidence, place, registryOf, start } from "./network.ts"
import { ask, tempFolder } from "./support.ts"

const JSON_TYPE = { "content-type": "application/json" }
const publisher = (name: string): Signer => signerFromSeed(name, KEY_TYPE.ed25519, randomBytes(32))
const seal = (signer: Signer, text: string, keyId = keyHint(signer.verifier), payloadType = INTOTO_PAYLOAD_TYPE): string =>
  formatEnvelope(signEnvelope(signer, { payloadType, payload: utf8Encode(text), keyId }))

/** A lone node that takes releases of one publisher. */
async function world(more: { keys?: readonly string[] } = {}) {
  const registry = await registryOf(3)
  const acme = publisher("acme")
  const at = place(join(tempFolder(), "data"), { registries: [registry.url], publisherKeys: more.keys ?? [acme.verifier.vkey] })
  const node = await start(at)
  const url = node.listenUrl
  const sha512 = (n: number): string => registry.built(`zz-${n}`, "1.0.0")?.sha512 as string
  const artifact = (n: number) => ({ purl: `pkg:npm/zz-${n}@1.0.0`, registry: registry.url })
  const release = (n: number, from?: { repository: string; commit: string }): string => formatRelease({ purl: artifact(n).purl, sha512: sha512(n), ...(from === undefined ? {} : { source: from }) })
  const submit = (body: string, headers: Record<string, string> = JSON_TYPE, socketPath?: string) => ask(url, { method: "POST", path: "/v1/releases", headers, body, ...(socketPath === undefined ? {} : { socketPath }) })
  const size = async (): Promise<number> => (JSON.parse((await ask(url, { path: "/v1/status" })).body) as { log: { size: number } }).log.size
  const roster = parseRoster(nodeCrypto, readFileSync(node.rosterPath, "utf8"))
  return { registry, acme, at, node, url, sha512, artifact, release, submit, size, roster }
}

/** `NOT_ALLOWED` and the like, with the message. */
const errorOf = (body: string): { code: string; message: string } => (JSON.parse(body) as { error: { code: string; message: string } }).error

describe("a release", () => {
  test("is logged once, travels with the observation, counts for a client under the key that its policy names, and comes back as its own envelope", async () => {
    const { acme, url, submit, release, artifact, sha512, roster } = await world()
    const sealed = seal(acme, release(0, { repository: "https://git.example/acme/zz-0", commit: "12".repeat(20) }))
    const early = await submit(sealed)
    expect([early.status, errorOf(early.body).code]).toEqual([409, "NOT_OBSERVED"])
    await evidence(url, { artifacts: [artifact(0), artifact(1)] })
    const first = await submit(sealed)
    expect([first.status, JSON.parse(first.body)]).toEqual([200, { index: 2, known: false }])
    const again = await submit(sealed)
    expect([again.status, JSON.parse(again.body)]).toEqual([200, { index: 2, known: true }])

    const policy = { publishers: [{ match: ["zz-*"], keys: [{ key: acme.verifier.vkey }] }] }
    const { verdicts } = await clientFor(roster, policy).check([0, 1].map((n) => ({ ...artifact(n), sha512: sha512(n) })), { budgetMs: 20_000 })
    expect(verdicts.map(({ ok, findings }) => [ok, findings.map(({ code }) => code)])).toEqual([[true, []], [false, ["NOT_RELEASED"]]])
    expect(verdicts[0]).toMatchObject({ claims: [{ index: expect.any(Number) as number }], releases: [{ key: keyHint(acme.verifier), index: 2 }] })
    expect(verdicts[1]).toMatchObject({ code: "NOT_RELEASED" })

    const exported = await ask(url, { path: "/v1/envelope/2" })
    expect(exported.headers).toMatchObject({ "content-type": "application/vnd.dsse.envelope.v1+json", "content-disposition": "attachment", "x-content-type-options": "nosniff" })
    expect(openDsse(exported.body, acme.verifier.publicKey)).toMatchObject({ payload: { predicate: { purl: artifact(0).purl } } })
  })
  test("is found again after a restart, and not logged twice when it is sent twice at once", async () => {
    const { acme, at, node, submit, release, artifact, url, size } = await world()
    await evidence(url, { artifacts: [artifact(0)] })
    const sealed = seal(acme, release(0))
    const replies = await Promise.all([submit(sealed), submit(sealed), submit(sealed)])
    expect(replies.map(({ body }) => (JSON.parse(body) as { index: number }).index)).toEqual([1, 1, 1])
    expect(await size()).toBe(2)
    await node.stop()
    const next = await start(at)
    const known = await ask(next.listenUrl, { method: "POST", path: "/v1/releases", headers: JSON_TYPE, body: sealed })
    expect(JSON.parse(known.body)).toEqual({ index: 1, known: true })
  })
  test("over the admin socket may bring its key along, and nowhere else", async () => {
    const { url, submit, release, artifact, node } = await world()
    await evidence(url, { artifacts: [artifact(0)] })
    const own = publisher("own")
    const body = JSON.stringify({ envelope: JSON.parse(seal(own, release(0))) as unknown, key: own.verifier.vkey })
    expect((await submit(body)).status).toBe(400)
    expect((await submit(seal(own, release(0)))).status).toBe(403)
    expect((await submit(JSON.stringify({ envelope: JSON.parse(seal(own, release(0))) as unknown, key: publisher("own").verifier.vkey }), JSON_TYPE, node.adminSocket)).status).toBe(403)
    expect(JSON.parse((await submit(body, JSON_TYPE, node.adminSocket)).body)).toEqual({ index: 1, known: false })
  })
})

describe("what is no release of a publisher is refused, and no log changes", () => {
  const commit = "0123456789".repeat(4)
  test.each([
    { name: "nothing", make: () => "", status: 400, says: "not JSON" },
    { name: "a list", make: () => "[]", status: 400, says: "expected an object" },
    { name: "another member beside the envelope's", make: (w: World) => JSON.stringify({ ...JSON.parse(seal(w.acme, w.release(0))) as object, predicateType: "x" }), status: 400, says: "document.predicateType" },
    { name: "no signature", make: (w: World) => JSON.stringify({ ...JSON.parse(seal(w.acme, w.release(0))) as object, signatures: [] }), status: 400, says: "signatures" },
    { name: "two signatures", make: (w: World) => { const e = JSON.parse(seal(w.acme, w.release(0))) as { signatures: object[] }; return JSON.stringify({ ...e, signatures: [...e.signatures, ...e.signatures] }) }, status: 400, says: "signatures" },
    { name: "another payload type", make: (w: World) => seal(w.acme, w.release(0), "acme", "application/json"), status: 400, says: "payloadType" },
    { name: "a key that nobody named", make: (w: World) => seal(publisher("acme"), w.release(0)), status: 403, says: "no valid signature" },
    { name: "the right key's hint over another key's signature", make: (w: World) => seal(publisher("evil"), w.release(0), keyHint(w.acme.verifier)), status: 403, says: "no valid signature" },
    { name: "a signature of other text", make: (w: World) => JSON.stringify({ ...JSON.parse(seal(w.acme, w.release(0))) as object, payload: Buffer.from(w.release(1)).toString("base64") }), status: 403, says: "no valid signature" },
    { name: "a signature over the payload alone", make: (w: World) => JSON.stringify({ payload: Buffer.from(w.release(0)).toString("base64"), payloadType: INTOTO_PAYLOAD_TYPE, signatures: [{ sig: Buffer.from(w.acme.sign(utf8Encode(w.release(0)))).toString("base64") }] }), status: 403, says: "no valid signature" },
    { name: "bytes that nobody served", make: (w: World) => seal(w.acme, formatRelease({ purl: w.artifact(0).purl, sha512: "ab".repeat(64) })), status: 409, says: "has not observed" },
    { name: "a package that is not there", make: (w: World) => seal(w.acme, formatRelease({ purl: "pkg:npm/zz-none@1.0.0", sha512: "ab".repeat(64) })), status: 409, says: "has not observed" },
    { name: "a subject of two packages", make: (w: World) => { const s = JSON.parse(w.release(0)) as { subject: object[] }; return seal(w.acme, JSON.stringify({ ...s, subject: [...s.subject, { name: "x-1.0.0.tgz", digest: { sha512: "00".repeat(64) } }] })) }, status: 400, says: "subject" },
    { name: "a placeholder for the repository", make: (w: World) => seal(w.acme, w.release(0).replace('"predicate":{', `"predicate":{"vouchsafe_source":{"repository":"unknown","commit":"${commit}"},`)), status: 400, says: "repository" },
    { name: "a commit of zeros", make: (w: World) => seal(w.acme, w.release(0).replace('"predicate":{', `"predicate":{"vouchsafe_source":{"repository":"https://git.example/a","commit":"${"0".repeat(40)}"},`)), status: 400, says: "commit" },
    { name: "text that is no UTF-8", make: (w: World) => formatEnvelope(signEnvelope(w.acme, { payloadType: INTOTO_PAYLOAD_TYPE, payload: Uint8Array.of(0xff, 0xfe) })), status: 400, says: "UTF-8" },
  ])("$name", async ({ make, status, says }) => {
    const w = await world()
    await evidence(w.url, { artifacts: [w.artifact(0)] })
    const reply = await w.submit(make(w))
    expect([reply.status, errorOf(reply.body).message]).toEqual([status, expect.stringContaining(says)])
    expect(await w.size()).toBe(1)
  })
  test.each([
    { name: "a page's", headers: { ...JSON_TYPE, origin: "https://attacker.example" }, status: 403 },
    { name: "a page's of another site", headers: { ...JSON_TYPE, "sec-fetch-site": "cross-site" }, status: 403 },
    { name: "a form's", headers: { "content-type": "text/plain" }, status: 415 },
    { name: "a rebound name's", headers: { ...JSON_TYPE, host: "attacker.example" }, status: 421 },
  ])("A7: $name request", async ({ headers, status }) => {
    const { acme, release, submit, url, artifact, size } = await world()
    await evidence(url, { artifacts: [artifact(0)] })
    expect((await submit(seal(acme, release(0)), headers as unknown as Record<string, string>)).status).toBe(status)
    expect(await size()).toBe(1)
  })
  test("more than an address may send, more than a key may have of one version, and a body over its limit", async () => {
    const { acme, release, submit, url, artifact, size } = await world()
    await evidence(url, { artifacts: [artifact(0)] })
    const source = (n: number) => ({ repository: "https://git.example/acme/zz-0", commit: `${n}a`.repeat(20) })
    for (let i = 1; i <= RELEASES_PER_ARTIFACT_AND_KEY_MAX; i++) expect((await submit(seal(acme, release(0, source(i))))).status).toBe(200)
    const full = await submit(seal(acme, release(0, source(9))))
    expect([full.status, errorOf(full.body).code]).toEqual([429, "RATE_LIMITED"])
    expect((await submit(JSON.stringify({ payload: "A".repeat(64 * 1024) }))).status).toBe(413)
    let limited = 0
    for (let i = 0; i < RELEASES_PER_ADDRESS.burst; i++) if ((await submit("{}")).status === 429) limited += 1
    expect(limited).toBeGreaterThan(0)
    expect(await size()).toBe(1 + RELEASES_PER_ARTIFACT_AND_KEY_MAX)
  })
})

type World = Awaited<ReturnType<typeof world>>

describe("A1: a publisher's envelope shaped like an observation never counts as an attester's word", () => {
  test("an envelope, an oversized body and a polyglot, each signed by a publisher that the node takes releases from", async () => {
    const { acme, url, submit, artifact, sha512, registry, release, roster, size } = await world()
    const answer = await evidence(url, { artifacts: [artifact(0)] })
    const own = parseObservation(answer.log.entries[0] as string)
    const forged = formatObservation({ ...own, purl: artifact(1).purl, sha512: "0".repeat(128) })
    const hidden = JSON.parse(forged) as { predicate: object; predicateType: string }
    // One document that one reader takes for a release, and another, who takes the first of two equal members, for an observation.
    const twice = release(0).replace('{"_type"', `{"predicateType":"${hidden.predicateType}","predicate":${JSON.stringify(hidden.predicate)},"kind":"own","_type"`)
    const both = JSON.stringify({ ...JSON.parse(release(0)) as object, kind: "own", observation: hidden, predicate: { ...hidden.predicate, kind: "own", purl: artifact(0).purl } })
    const replies = await Promise.all([
      submit(seal(acme, forged)), submit(forged), submit(seal(acme, forged).padEnd(64 * 1024, " ")),
      submit(seal(acme, JSON.stringify({ ...JSON.parse(release(1)) as object, subject: hidden }))),
    ])
    expect(replies.map(({ status }) => status)).toEqual([400, 400, 413, 400])
    const taken = [await submit(seal(acme, twice)), await submit(seal(acme, both))]
    expect(taken.map(({ status }) => status)).toEqual([200, 200])
    expect(await size()).toBe(3)

    // A new node would serve them to anybody: a client sees one observation of zz-0, the node's own, and none that says what was forged.
    const client = clientFor(roster)
    const { verdicts } = await client.check([{ ...artifact(0), sha512: sha512(0) }, { ...artifact(0), sha512: "0".repeat(128) }, { ...artifact(1), sha512: "0".repeat(128) }], { budgetMs: 20_000 })
    expect(verdicts.map(({ ok }) => ok)).toEqual([true, false, false])
    expect(verdicts[0]?.claims.map(({ index }) => index)).toEqual([0])
    expect(verdicts[2]).toMatchObject({ code: "NOT_VOUCHED" })
    expect(registry.built("zz-1", "1.0.0")?.sha512).not.toBe("0".repeat(128))
    // And what was taken stands as foreign, under the publisher's own signature only.
    const entries = (await evidence(url, { artifacts: [artifact(0)] })).log.entries.map((entry) => JSON.parse(entry) as { predicateType: string; predicate: { kind: string } })
    expect(entries.map(({ predicate, predicateType }) => [predicate.kind, predicateType.split("/").at(-2)])).toEqual([["own", "observation"], ["foreign", "foreign"]])
    const status = JSON.parse((await ask(url, { path: "/v1/status" })).body) as { exportKey: string }
    const exportKey = Buffer.from(status.exportKey.split("+").slice(2).join("+"), "base64").subarray(1)
    for (const index of [1, 2]) expect(openDsse((await ask(url, { path: `/v1/envelope/${index}` })).body, exportKey)).toBeUndefined()
    const observation = openDsse((await ask(url, { path: "/v1/envelope/0" })).body, exportKey)
    expect(observation?.body).toBe(answer.log.entries[0])
  })
  test("entries of the log that are none of these are not exported", async () => {
    const { url } = await world()
    for (const path of ["/v1/envelope/0", "/v1/envelope/", "/v1/envelope/00", "/v1/envelope/-1", "/v1/envelope/1e0", "/v1/envelope/x"]) expect((await ask(url, { path })).status).toBe(404)
  })
})
