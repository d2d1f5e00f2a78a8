import { describe, expect, test } from "vitest"
import fc from "fast-check"
import {
  canonicalize, type Envelope, formatObservation, formatRebuild, formatRelease, isVouchsafeError, NO_UPSTREAM, openRelease, parseEntry, parseForeignEntry, parseObservation, parseOwnEntry, parseRebuild,
  parseRelease, type Rebuild, type Upstream,
} from "../../src/index.ts"
import { COMMIT, crypto, envelopeOf, EVIL, formatForeignEntry, GOOD, mismatch, observation, provenance, publisher, PURL, rebuild, releaseBy, SSH_KEY } from "./world.ts"

const LOG = "alpha.example/log"
const says = (text: string) => expect.objectContaining({ name: "VouchsafeError", kind: "input", message: expect.stringContaining(text) })
const edit = (text: string, change: (statement: Record<string, any>) => void): string => {
  const statement = JSON.parse(text) as Record<string, any>
  change(statement)
  return canonicalize(statement as never)
}

describe("upstream", () => {
  const upstream = (more: object): Upstream => ({ ...NO_UPSTREAM, ...more })
  const full = upstream({ signature: SSH_KEY, publish: { keyid: SSH_KEY, bundle: "66".repeat(32) }, provenance: provenance(), refused: [] })
  test("read back as written, with and without anything in it", () => {
    for (const value of [NO_UPSTREAM, full, upstream({ refused: ["PROVENANCE_INVALID", "PUBLISH_INVALID"] }), upstream({ provenance: provenance({ repositoryId: null, ownerId: null, ref: null, workflow: null, trigger: null, runner: null }) })]) {
      expect(parseObservation(formatObservation(observation(LOG, { upstream: value }))).upstream).toEqual(value)
    }
  })
  test.each<[string, (upstream: Record<string, any>) => void, string]>([
    ["no member for provenance", (u) => { delete u["provenance"] }, "upstream.provenance"],
    ["an unknown member", (u) => { u["trusted"] = true }, "upstream.trusted"],
    ["a key id of another form", (u) => { u["signature"] = "deadbeef" }, "upstream.signature"],
    ["a publish attestation without bundle", (u) => { delete u["publish"].bundle }, "publish.bundle"],
    ["codes out of order", (u) => { u["refused"] = ["PUBLISH_A", "PROVENANCE_A"] }, "refused"],
    ["a code twice", (u) => { u["refused"] = ["PUBLISH_A", "PUBLISH_A"] }, "refused"],
    ["a code of nothing known", (u) => { u["refused"] = ["WITHDRAWN"] }, "refused[0]"],
    ["a repository over http", (u) => { u["provenance"].repository = "http://git.example/a/b" }, "repository"],
    ["a repository with .git", (u) => { u["provenance"].repository = "https://git.example/a/b.git" }, "repository"],
    ["a repository with credentials", (u) => { u["provenance"].repository = "https://t@git.example/a/b" }, "repository"],
    ["a repository of nobody", (u) => { u["provenance"].repository = "https://git.example" }, "repository"],
    ["an upper-case commit", (u) => { u["provenance"].commit = COMMIT.toUpperCase() }, "commit"],
    ["a commit of zeros", (u) => { u["provenance"].commit = "0".repeat(40) }, "commit"],
    ["an id that is a number", (u) => { u["provenance"].ownerId = 7 }, "ownerId"],
    ["an id with a leading zero", (u) => { u["provenance"].repositoryId = "07" }, "repositoryId"],
    ["an empty builder", (u) => { u["provenance"].builder = "" }, "builder"],
    ["a builder that is a placeholder", (u) => { u["provenance"].builder = "Unknown" }, "builder"],
    ["a workflow with a line break", (u) => { u["provenance"].workflow = "a\nb" }, "workflow"],
    ["a runner of another kind", (u) => { u["provenance"].runner = "mine" }, "runner"],
    ["a predicate type of another kind", (u) => { u["provenance"].predicateType = "https://slsa.dev/provenance/v0.1" }, "predicateType"],
    ["no signing time", (u) => { u["provenance"].signedAt = 0 }, "signedAt"],
  ])("refuses %s", (_, change, text) => {
    const statement = edit(formatObservation(observation(LOG, { upstream: full })), (s) => change(s["predicate"].upstream))
    expect(() => parseObservation(statement)).toThrow(says(text))
  })
})

describe("rebuild", () => {
  test("read back as written", () => {
    const tgz = rebuild(LOG, { match: "tgz", rebuilt: { ...rebuild(LOG).rebuilt, sha512: GOOD } })
    for (const one of [rebuild(LOG), mismatch(LOG), tgz, rebuild(LOG, { source: { ...rebuild(LOG).source, repository: "file:///srv/git/x.git", directory: "packages/x" } })]) {
      expect(parseRebuild(formatRebuild(one))).toEqual(one)
      expect(parseEntry(formatRebuild(one))).toEqual({ kind: "rebuild", rebuild: one })
    }
  })
  const source = (more: object): ((p: Record<string, any>) => void) => (p) => Object.assign(p["source"], more)
  const signature = (more: object): ((p: Record<string, any>) => void) => (p) => Object.assign(p["source"].signature, more)
  const placeholders = ["", " ", "unknown", "Unknown", "none", "n/a", "N/A", "null", "undefined", "todo", "todo".toUpperCase(), "placeholder", "-"]
  test.each<[string, (predicate: Record<string, any>) => void, string]>([
    ...placeholders.map((word): [string, (p: Record<string, any>) => void, string] => [`the repository ${JSON.stringify(word)}`, source({ repository: word }), "source.repository"]),
    ...placeholders.map((word): [string, (p: Record<string, any>) => void, string] => [`the commit ${JSON.stringify(word)}`, source({ commit: word }), "source.commit"]),
    ...placeholders.map((word): [string, (p: Record<string, any>) => void, string] => [`the ref ${JSON.stringify(word)}`, source({ ref: word }), "source.ref"]),
    ...placeholders.slice(1).map((word): [string, (p: Record<string, any>) => void, string] => [`the directory ${JSON.stringify(word)}`, source({ directory: word }), "source.directory"]),
    ["a commit of zeros", source({ commit: "0".repeat(40) }), "source.commit"],
    ["a commit of fs", source({ commit: "f".repeat(64) }), "source.commit"],
    ["a commit cut short", source({ commit: COMMIT.slice(1) }), "source.commit"],
    ["a repository without scheme", source({ repository: "git.example/ann/x" }), "source.repository"],
    ["a repository without host", source({ repository: "https:///ann/x" }), "source.repository"],
    ["a repository without path", source({ repository: "https://git.example/" }), "source.repository"],
    ["a repository at an unknown host", source({ repository: "https://unknown/ann/x" }), "source.repository"],
    ["a repository with a password", source({ repository: "https://ann:secret@git.example/ann/x" }), "source.repository"],
    ["a repository with a query", source({ repository: "https://git.example/ann/x?y" }), "source.repository"],
    ["a repository by ssh", source({ repository: "ssh://git@git.example/ann/x" }), "source.repository"],
    ["a repository that runs a helper", source({ repository: "ext::sh -c x" }), "source.repository"],
    ["a file repository that climbs", source({ repository: "file:///srv/../etc" }), "source.repository"],
    ["the ref of a pull request", source({ ref: "refs/pull/1/head" }), "source.ref"],
    ["a ref that git refuses", source({ ref: "refs/heads/a..b" }), "source.ref"],
    ["a ref that ends in .lock", source({ ref: "refs/heads/a.lock" }), "source.ref"],
    ["no way of finding", source({ foundBy: [] }), "source.foundBy"],
    ["one way twice", source({ foundBy: ["tag", "tag"] }), "source.foundBy"],
    ["a way of its own", source({ foundBy: ["guess"] }), "source.foundBy[0]"],
    ["a directory that climbs", source({ directory: "../x" }), "source.directory"],
    ["an absolute directory", source({ directory: "/x" }), "source.directory"],
    ["a valid signature without key", signature({ state: "valid", key: null }), "signature"],
    ["a signed commit that is unsigned", signature({ state: "unsigned" }), "signature"],
    ["a signer of a signature by nobody known", signature({ signer: "ann" }), "signature.signer"],
    ["an OpenPGP key in lower case", signature({ kind: "openpgp", key: "ab".repeat(20) }), "signature.key"],
    ["an SSH key of another form", signature({ key: "ssh-ed25519 AAAA" }), "signature.key"],
    ["another level", (p) => { p["match"] = "almost" }, "predicate.match"],
    ["no level although nothing differs", (p) => { p["match"] = "none" }, "predicate.match"],
    ["a level although files differ", (p) => { p["differences"] = { count: 1, classes: { changed: 1 }, document: "aa".repeat(32) } }, "predicate.match"],
    ["the published file without being it", (p) => { p["match"] = "tgz" }, "predicate.match"],
    ["less than the published file, being it", (p) => { p["rebuilt"].sha512 = GOOD }, "predicate.match"],
    ["differences that nobody can read", (p) => { p["match"] = "none"; p["differences"] = { count: 1, classes: { changed: 1 }, document: null } }, "differences.document"],
    ["classes of no differences", (p) => { p["differences"].classes = { changed: 1 } }, "differences.classes"],
    ["a class with a line break", (p) => { p["match"] = "none"; p["differences"] = { count: 1, classes: { "a\nb": 1 }, document: "aa".repeat(32) } }, "differences.classes"],
    ["a recipe override that is a text", (p) => { p["recipe"].override = "no" }, "recipe.override"],
    ["no recipe digest", (p) => { p["recipe"].sha256 = "" }, "recipe.sha256"],
    ["an empty sandbox", (p) => { p["environment"].sandbox = "" }, "environment.sandbox"],
    ["a sandbox called none", (p) => { p["environment"].sandbox = "none" }, "environment.sandbox"],
    ["an end before its beginning", (p) => { p["rebuiltAt"] = p["startedAt"] - 1 }, "rebuiltAt"],
    ["an unknown member", (p) => { p["approved"] = true }, "predicate.approved"],
    ["kind foreign", (p) => { p["kind"] = "foreign" }, "predicate.kind"],
  ])("refuses %s", (_, change, text) => {
    const statement = edit(formatRebuild(rebuild(LOG)), (s) => change(s["predicate"]))
    expect(() => parseRebuild(statement)).toThrow(says(text))
    expect(() => parseEntry(statement)).toThrow(says(text))
    expect(() => formatRebuild({ ...rebuild(LOG), source: { ...rebuild(LOG).source, commit: "unknown" } } as Rebuild)).toThrow(says("source.commit"))
  })
})

describe("release", () => {
  const key = publisher(1)
  const entry = formatForeignEntry(LOG, releaseBy(key))
  const reseal = (statement: object, payloadType?: string): Envelope => envelopeOf(key, JSON.stringify(statement), payloadType)
  const statement = JSON.parse(formatRelease({ purl: PURL, sha512: GOOD, source: { repository: "https://git.example/ann/x", commit: COMMIT } })) as Record<string, any>
  const inner = (change: (s: Record<string, any>) => void): Envelope => {
    const copy = structuredClone(statement)
    change(copy)
    return reseal(copy)
  }
  test("read back as written, also in other people's spelling", () => {
    expect(parseForeignEntry(entry)).toMatchObject({ purl: PURL, sha512: GOOD, log: LOG, release: { purl: PURL, sha512: GOOD } })
    expect(formatForeignEntry(LOG, parseForeignEntry(entry).envelope)).toBe(entry)
    expect(openRelease(crypto, releaseBy(key), key.verifier)).toEqual({ purl: PURL, sha512: GOOD })
    expect(openRelease(crypto, inner((s) => { s["predicateType"] = "https://in-toto.io/attestation/release/v0.1"; s["predicate"].packageId = "1" }), key.verifier)).toMatchObject({ purl: PURL, source: { commit: COMMIT } })
    expect(JSON.parse(formatRelease({ purl: "pkg:npm/%40acme/x@1.0.0", sha512: GOOD }))).toMatchObject({ subject: [{ name: "x-1.0.0.tgz" }] })
  })
  test("only the key that signed opens it, whatever the hint says", () => {
    const other = publisher(2)
    expect(openRelease(crypto, releaseBy(key), other.verifier)).toBeUndefined()
    const claimed: Envelope = { ...releaseBy(other), signatures: [{ ...releaseBy(other).signatures[0]!, keyId: releaseBy(key).signatures[0]!.keyId! }] }
    expect(openRelease(crypto, claimed, key.verifier)).toBeUndefined()
    expect(openRelease(crypto, claimed, other.verifier)).toMatchObject({ purl: PURL })
    const retyped: Envelope = { ...releaseBy(key), payloadType: "text/plain" }
    expect(openRelease(crypto, retyped, key.verifier)).toBeUndefined()
    expect(() => openRelease(crypto, releaseBy(key), { ...key.verifier, type: 4 })).toThrow(RangeError)
  })
  test.each<[string, Envelope, string]>([
    ["another payload type", reseal(statement, "application/json"), "payloadType"],
    ["what is no JSON", envelopeOf(key, "hello"), "JSON"],
    ["bytes that are no UTF-8", { ...releaseBy(key), payload: Uint8Array.of(0xff) }, "payload"],
    ["another predicate type", inner((s) => { s["predicateType"] = "https://slsa.dev/provenance/v1" }), "predicateType"],
    ["two subjects", inner((s) => s["subject"].push({ name: "y-1.tgz", digest: { sha512: EVIL } })), "subject"],
    ["no sha512", inner((s) => { s["subject"][0].digest = { sha256: "00".repeat(32) } }), "sha512"],
    ["a subject that is no tarball", inner((s) => { s["subject"][0].name = "left-pad" }), "subject[0].name"],
    ["a purl without version", inner((s) => { s["predicate"].purl = "pkg:npm/left-pad" }), "version"],
    ["a purl of another spelling", inner((s) => { s["predicate"].purl = "pkg:npm//left-pad@1.3.0" }), "purl"],
    ["a source without commit", inner((s) => { delete s["predicate"].vouchsafe_source.commit }), "vouchsafe_source.commit"],
    ["a placeholder source", inner((s) => { s["predicate"].vouchsafe_source.repository = "unknown" }), "vouchsafe_source.repository"],
  ])("refuses to log %s", (_, envelope, text) => expect(() => formatForeignEntry(LOG, envelope)).toThrow(says(text)))
  test.each<[string, (entry: Record<string, any>) => void, string]>([
    ["another purl than the envelope's", (e) => { e["subject"][0].name = "pkg:npm/other@1.0.0" }, "subject[0]"],
    ["another digest than the envelope's", (e) => { e["subject"][0].digest.sha512 = EVIL }, "subject[0]"],
    ["kind own", (e) => { e["predicate"].kind = "own" }, "predicate.kind"],
    ["two signatures", (e) => e["predicate"].envelope.signatures.push(e["predicate"].envelope.signatures[0]), "signatures"],
    ["no signature", (e) => { e["predicate"].envelope.signatures = [] }, "signatures"],
    ["another spelling of base64", (e) => { e["predicate"].envelope.signatures[0].sig = e["predicate"].envelope.signatures[0].sig.replace(/=+$/, "") }, "sig"],
    ["a member beside the envelope", (e) => { e["predicate"].registry = "https://registry.example/" }, "predicate.registry"],
    ["a member inside the envelope", (e) => { e["predicate"].envelope.note = "x" }, "envelope.note"],
  ])("refuses an entry with %s", (_, change, text) => expect(() => parseForeignEntry(edit(entry, change))).toThrow(says(text)))
  test("refuses an envelope that is too large", () => {
    const large = inner((s) => { s["predicate"].note = "x".repeat(25_000) })
    expect(() => formatForeignEntry(LOG, large)).toThrow(says("32768"))
  })
})

test("own entries are observations, and nothing else", () => {
  for (const entry of [formatRebuild(rebuild(LOG)), formatForeignEntry(LOG, releaseBy(publisher(1)))]) expect(() => parseOwnEntry(entry)).toThrow(says("predicateType"))
  expect(() => parseEntry(edit(formatRebuild(rebuild(LOG)), (s) => { s["predicateType"] = "https://vouchsafe.example/notice/v1" }))).toThrow(says("predicateType"))
})

test("the readers throw nothing but typed input errors", () => {
  const base = [formatRebuild(mismatch(LOG)), formatForeignEntry(LOG, releaseBy(publisher(1))), formatRelease({ purl: PURL, sha512: GOOD })].map((text) => JSON.parse(text) as Record<string, any>)
  const paths = ["predicate", "subject", "predicateType"]
  fc.assert(fc.property(fc.constantFrom(...base), fc.constantFrom(...paths), fc.jsonValue(), fc.option(fc.string()), fc.constantFrom(parseEntry, parseRebuild, parseForeignEntry, parseRelease), (document, path, value, member, parse) => {
    const copy = structuredClone(document)
    const keys = Object.keys((copy[path] as object | string) instanceof Object ? copy[path] as object : {})
    if (member === null || keys.length === 0) copy[path] = value
    else copy[path][keys[member.length % keys.length] as string] = value
    try {
      parse(canonicalize(copy as never))
    } catch (error) {
      if (!isVouchsafeError(error) || error.kind !== "input") throw error
    }
  }), { numRuns: 400 })
})
