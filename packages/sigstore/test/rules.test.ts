import { describe, expect, test } from "vitest"
import type { SignerCertificate } from "../src/bundle/certificate.ts"
import { judgeAttestation } from "../src/attestation.ts"
import { createUpstreamVerifier, UPSTREAM_CODES } from "../src/index.ts"
import { judgeProvenance } from "../src/rules/provenance.ts"
import { normaliseRepository, sameRepository } from "../src/rules/repository.ts"
import { readStatement } from "../src/statement.ts"
import { attestationFile, inputFor, realTrust, REGISTRY } from "./support/data.ts"

interface Attestation { predicateType: string; bundle: { dsseEnvelope: { payload: string; payloadType: string; signatures: { keyid?: string; sig: string }[] }; verificationMaterial: Record<string, unknown> } }
interface Statement { _type: unknown; subject: { name: string; digest: Record<string, string> }[]; predicateType: string; predicate: Record<string, unknown> }

const ANSWER = JSON.parse(attestationFile("registry-shape", "sigstore@2.3.1.json")) as { attestations: [Attestation, Attestation] }
const [PUBLISH, PROVENANCE] = ANSWER.attestations
const statementOf = (attestation: Attestation): Statement => JSON.parse(Buffer.from(attestation.bundle.dsseEnvelope.payload, "base64").toString("utf8")) as Statement
const [SUBJECT] = statementOf(PUBLISH).subject as [Statement["subject"][0]]
const SHA512 = SUBJECT.digest["sha512"] as string
const KEYS = realTrust().registries.get(REGISTRY)

/** An attestation as somebody would sign it who may: cryptography says yes, whatever it says. */
function judgeSigned(attestation: Attestation, change: { statement?: (statement: Statement) => void; attestation?: (attestation: Attestation) => void } = {}, repository: string | null = null) {
  const changed = structuredClone(attestation)
  const statement = statementOf(changed)
  change.statement?.(statement)
  changed.bundle.dsseEnvelope.payload = Buffer.from(JSON.stringify(statement)).toString("base64")
  change.attestation?.(changed)
  return judgeAttestation(changed, {
    expected: { name: "sigstore", version: "2.3.1", sha512: SHA512 }, repository, keys: KEYS,
    verify: () => ({ ok: true, signer: { key: undefined as never }, signedAt: 1 }),
  })
}

describe("what passes cryptography and is refused by rule", () => {
  test("nothing of the unchanged", () => {
    expect(judgeSigned(PUBLISH).codes).toEqual([])
    expect(judgeSigned(PROVENANCE, {}, "git+https://github.com/sigstore/sigstore-js.git").codes).toEqual([])
  })

  const bothKinds = [{ kind: "PUBLISH", attestation: PUBLISH }, { kind: "PROVENANCE", attestation: PROVENANCE }] as const
  test.each([
    { name: "subject of another package", statement: (s: Statement) => { (s.subject[0] as Statement["subject"][0]).name = "pkg:npm/sigstore@2.3.0" }, code: "SUBJECT_NAME" },
    { name: "subject of a package of another type", statement: (s: Statement) => { (s.subject[0] as Statement["subject"][0]).name = "pkg:pypi/sigstore@2.3.1" }, code: "SUBJECT_NAME" },
    { name: "subject with a registry of its own", statement: (s: Statement) => { (s.subject[0] as Statement["subject"][0]).name += "?repository_url=https://other.example" }, code: "SUBJECT_NAME" },
    { name: "digest of other bytes", statement: (s: Statement) => { (s.subject[0] as Statement["subject"][0]).digest = { sha512: "0".repeat(128) } }, code: "SUBJECT_DIGEST" },
    { name: "digest in capitals", statement: (s: Statement) => { (s.subject[0] as Statement["subject"][0]).digest = { sha512: SHA512.toUpperCase() } }, code: "SUBJECT_DIGEST" },
    { name: "digest of another algorithm", statement: (s: Statement) => { (s.subject[0] as Statement["subject"][0]).digest = { sha256: "0".repeat(64) } }, code: "SUBJECT_DIGEST" },
    { name: "two subjects", statement: (s: Statement) => { s.subject.push(SUBJECT) }, code: "SUBJECT_COUNT" },
    { name: "no subject", statement: (s: Statement) => { s.subject = [] }, code: "SUBJECT_COUNT" },
    { name: "a statement of another type", statement: (s: Statement) => { s._type = "https://in-toto.io/Statement/v2" }, code: "MALFORMED" },
    { name: "a payload type other than in-toto", attestation: (a: Attestation) => { a.bundle.dsseEnvelope.payloadType = "application/json" }, code: "PAYLOAD_TYPE" },
    { name: "another media type", attestation: (a: Attestation) => { Object.assign(a.bundle, { mediaType: "application/vnd.dev.sigstore.bundle.v0.4+json" }) }, code: "MEDIA_TYPE_UNKNOWN" },
    { name: "two signatures", attestation: (a: Attestation) => { a.bundle.dsseEnvelope.signatures.push({ sig: "AAAA" }) }, code: "MALFORMED" },
  ])("of both kinds: $name", ({ statement, attestation: change, code }) => {
    for (const { kind, attestation } of bothKinds) {
      const judged = judgeSigned(attestation, { ...(statement && { statement }), ...(change && { attestation: change }) })
      expect(judged.codes).toContain(`${kind}_${code}`)
      expect([judged.publish, judged.provenance]).toEqual([undefined, undefined])
    }
  })

  test.each([
    { name: "the outer type of the other kind", of: PUBLISH, change: { attestation: (a: Attestation) => { a.predicateType = PROVENANCE.predicateType } }, code: "PROVENANCE_TYPE_MISMATCH" },
    { name: "an outer type that nobody knows", of: PUBLISH, change: { attestation: (a: Attestation) => { a.predicateType = "https://example.com/other" } }, code: "PUBLISH_TYPE_MISMATCH" },
    { name: "the outer type of another version", of: PROVENANCE, change: { attestation: (a: Attestation) => { a.predicateType = "https://slsa.dev/provenance/v0.2" } }, code: "PROVENANCE_TYPE_MISMATCH" },
    { name: "publish: a keyid other than the hint", of: PUBLISH, change: { attestation: (a: Attestation) => { (a.bundle.dsseEnvelope.signatures[0] as { keyid: string }).keyid = "SHA256:DhQ8wR5APBvFHLF/+Tc+AYvPOdTpcIDqOhxsBHRwC7U" } }, code: "PUBLISH_KEYID_MISMATCH" },
    { name: "publish: no keyid", of: PUBLISH, change: { attestation: (a: Attestation) => { delete (a.bundle.dsseEnvelope.signatures[0] as { keyid?: string }).keyid } }, code: "PUBLISH_KEYID_MISMATCH" },
    { name: "publish: a hint that no key has", of: PUBLISH, change: { attestation: (a: Attestation) => { a.bundle.verificationMaterial["publicKey"] = { hint: "SHA256:unknown" } } }, code: "PUBLISH_KEY_UNKNOWN" },
    { name: "publish: signed by a workflow", of: PUBLISH, change: { attestation: (a: Attestation) => { a.bundle.verificationMaterial = PROVENANCE.bundle.verificationMaterial } }, code: "PUBLISH_NOT_BY_REGISTRY" },
    { name: "publish: a predicate about another version", of: PUBLISH, change: { statement: (s: Statement) => { s.predicate["version"] = "2.3.0" } }, code: "PUBLISH_PREDICATE_MISMATCH" },
    { name: "publish: a predicate about another package", of: PUBLISH, change: { statement: (s: Statement) => { s.predicate["name"] = "sigstore2" } }, code: "PUBLISH_PREDICATE_MISMATCH" },
    { name: "provenance: signed by a registry's key", of: PROVENANCE, change: { attestation: (a: Attestation) => { a.bundle.verificationMaterial = PUBLISH.bundle.verificationMaterial } }, code: "PROVENANCE_NOT_BY_CERTIFICATE" },
  ])("$name", ({ of, change, code }) => {
    expect(judgeSigned(of, change).codes).toContain(code)
  })
})

describe("provenance against certificate and package", () => {
  const COMMIT = "46e7056ff9912ebfee5298d94024895a9fea76c0"
  const CERTIFICATE: SignerCertificate = {
    issuer: "https://token.actions.githubusercontent.com", sanKind: "uri",
    san: "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main",
    repository: "https://github.com/sigstore/sigstore-js", repositoryId: "495574555", ownerId: "71096353", commit: COMMIT, ref: "refs/heads/main",
    trigger: "push", runner: "github-hosted", buildConfig: "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main",
  }
  const judge = (more: { certificate?: Partial<SignerCertificate>; predicate?: (predicate: Record<string, unknown>) => void; repository?: string | null } = {}) => {
    const statement = statementOf(PROVENANCE)
    more.predicate?.(statement.predicate as Record<string, unknown>)
    const read = readStatement(Buffer.from(JSON.stringify(statement)))
    if (read === undefined) throw new Error("the statement does not read")
    return judgeProvenance(read, { ...CERTIFICATE, ...more.certificate }, more.repository ?? null)
  }

  test("the real one is taken", () => {
    expect(judge()).toMatchObject({ codes: [], facts: { repository: "https://github.com/sigstore/sigstore-js", commit: COMMIT, runner: "github-hosted" } })
  })
  test("a self-hosted builder is told apart", () => {
    const builder = (p: Record<string, unknown>) => { ((p["runDetails"] as Record<string, unknown>)["builder"] as Record<string, unknown>)["id"] = "https://github.com/actions/runner/self-hosted" }
    expect(judge({ certificate: { runner: "self-hosted" }, predicate: builder }).facts).toMatchObject({ runner: "self-hosted" })
    expect(judge({ certificate: { runner: undefined } }).facts).toMatchObject({ runner: null })
  })
  test("nothing is compared with what an old certificate leaves out, or with a workflow of another repository", () => {
    expect(judge({ certificate: { buildConfig: undefined, san: "https://github.com/sigstore/sigstore-js/.github/workflows/called.yml@refs/heads/main", trigger: undefined, repositoryId: undefined, ownerId: undefined } }).codes).toEqual([])
    expect(judge({ certificate: { buildConfig: "https://github.com/sigstore/rules/.github/workflows/required.yml@refs/heads/main" } }).codes).toEqual([])
  })
  test("a called workflow of another repository signs, the calling one is named", () => {
    expect(judge({ certificate: { san: "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/x.yml@refs/tags/v1" } }).facts).toMatchObject({ workflow: ".github/workflows/release.yml" })
  })

  test("GitLab: provenance v0.2 of its own runners", () => {
    const commit = "0123456789abcdef0123456789abcdef01234567"
    const repository = "https://gitlab.com/group/sub/name"
    const statement = readStatement(Buffer.from(JSON.stringify({
      _type: "https://in-toto.io/Statement/v0.1", subject: [SUBJECT], predicateType: "https://slsa.dev/provenance/v0.2",
      predicate: { builder: { id: `${repository}/-/runners/12270807` }, invocation: { configSource: { uri: `git+${repository}`, digest: { sha1: commit }, entryPoint: "deploy" } }, materials: [{ uri: `git+${repository}`, digest: { sha1: commit } }] },
    })))
    const certificate: SignerCertificate = {
      ...CERTIFICATE, issuer: "https://gitlab.com", san: `${repository}//.gitlab-ci.yml@refs/heads/main`, repository, commit, buildConfig: `${repository}//.gitlab-ci.yml@refs/heads/main`, runner: "gitlab-hosted",
    }
    if (statement === undefined) throw new Error("the statement does not read")
    expect(judgeProvenance(statement, certificate, "gitlab:group/sub/name")).toMatchObject({ codes: [], facts: { repository, commit, workflow: ".gitlab-ci.yml", runner: null } })
    expect(judgeProvenance(statement, { ...certificate, runner: "self-hosted" }, null).facts).toMatchObject({ runner: "self-hosted" })
    expect(judgeProvenance(statement, { ...certificate, issuer: "https://token.actions.githubusercontent.com" }, null).codes).toEqual(["PROVENANCE_IDENTITY_MALFORMED"])
  })

  type Build = { externalParameters: { workflow: Record<string, string> }; resolvedDependencies: { uri: string; digest: Record<string, string> }[] }
  const build = (p: Record<string, unknown>): Build => p["buildDefinition"] as Build
  const dependency = (p: Record<string, unknown>): Build["resolvedDependencies"][0] => build(p).resolvedDependencies[0] as Build["resolvedDependencies"][0]
  test("what else went in is named by address and first digest, in order, each once; the source is not", () => {
    const predicate = (p: Record<string, unknown>) => {
      build(p).resolvedDependencies.push(
        { uri: "git+https://github.com/other/action@refs/tags/v4", digest: { gitCommit: "AB".repeat(20), sha256: "c".repeat(64) } },
        { uri: "docker://image", digest: { strange: "no digest", sha256: "d".repeat(64) } }, { uri: "docker://image", digest: { sha256: "d".repeat(64) } },
        { uri: "https://example.com/without", digest: {} }, { uri: "", digest: { sha256: "d".repeat(64) } }, null as never,
      )
    }
    expect(judge({ predicate }).facts?.inputs).toEqual([
      { uri: "docker://image", digest: `sha256:${"d".repeat(64)}` }, { uri: "git+https://github.com/other/action@refs/tags/v4", digest: `gitCommit:${"ab".repeat(20)}` },
    ])
    expect(judge({}).facts?.inputs).toEqual([])
  })
  test.each([
    { name: "signed by a person", certificate: { sanKind: "email", san: "somebody@example.com", issuer: "https://github.com/login/oauth" }, code: "PROVENANCE_BY_PERSON" },
    { name: "an e-mail address under a CI's issuer", certificate: { sanKind: "email", san: "https://github.com/a@b" }, code: "PROVENANCE_BY_PERSON" },
    { name: "an issuer that is no CI", certificate: { issuer: "https://accounts.google.com" }, code: "PROVENANCE_ISSUER_UNKNOWN" },
    { name: "an issuer that starts like one", certificate: { issuer: "https://token.actions.githubusercontent.com/evil" }, code: "PROVENANCE_ISSUER_UNKNOWN" },
    { name: "no issuer", certificate: { issuer: undefined }, code: "PROVENANCE_ISSUER_UNKNOWN" },
    { name: "an identity at another forge than the issuer's", certificate: { issuer: "https://gitlab.com" }, code: "PROVENANCE_IDENTITY_MALFORMED" },
    { name: "a repository at another forge", certificate: { repository: "https://github.com.example/sigstore/sigstore-js" }, code: "PROVENANCE_IDENTITY_MALFORMED" },
    { name: "no repository", certificate: { repository: undefined }, code: "PROVENANCE_IDENTITY_MALFORMED" },
    { name: "no commit", certificate: { commit: undefined }, code: "PROVENANCE_IDENTITY_MALFORMED" },
    { name: "a branch for a commit", certificate: { commit: "main" }, code: "PROVENANCE_IDENTITY_MALFORMED" },
    { name: "zeros for a commit", certificate: { commit: "0".repeat(40) }, code: "PROVENANCE_IDENTITY_MALFORMED" },
    { name: "an owner id that is none", certificate: { ownerId: "-1" }, code: "PROVENANCE_IDENTITY_MALFORMED" },
    { name: "a workflow of another repository in the predicate", predicate: (p: Record<string, unknown>) => { build(p).externalParameters.workflow["repository"] = "https://github.com/other/repo" }, code: "PROVENANCE_SOURCE_MISMATCH" },
    { name: "a workflow at another ref", predicate: (p: Record<string, unknown>) => { build(p).externalParameters.workflow["ref"] = "refs/heads/evil" }, code: "PROVENANCE_SOURCE_MISMATCH" },
    { name: "another workflow of the repository", predicate: (p: Record<string, unknown>) => { build(p).externalParameters.workflow["path"] = ".github/workflows/test.yml" }, code: "PROVENANCE_SOURCE_MISMATCH" },
    ...[["event_name", "workflow_dispatch"], ["repository_id", "1"], ["repository_owner_id", "2"]].map(([name = "", value]) => (
      { name: `another ${name}`, predicate: (p: Record<string, unknown>) => { (build(p) as Build & { internalParameters: { github: Record<string, unknown> } }).internalParameters.github[name] = value }, code: "PROVENANCE_SOURCE_MISMATCH" })),
    { name: "sources of another repository", predicate: (p: Record<string, unknown>) => { dependency(p).uri = "git+https://github.com/other/repo@refs/heads/main" }, code: "PROVENANCE_SOURCE_MISMATCH" },
    { name: "sources that are no git", predicate: (p: Record<string, unknown>) => { dependency(p).uri = "https://example.com/a.tgz" }, code: "PROVENANCE_SOURCE_MISMATCH" },
    { name: "another commit", predicate: (p: Record<string, unknown>) => { dependency(p).digest = { gitCommit: "a".repeat(39) + "b" } }, code: "PROVENANCE_COMMIT_MISMATCH" },
    { name: "a second, other commit of the same repository", predicate: (p: Record<string, unknown>) => { build(p).resolvedDependencies.push({ ...dependency(p), digest: { gitCommit: "a".repeat(39) + "b" } }) }, code: "PROVENANCE_COMMIT_MISMATCH" },
    { name: "no sources", predicate: (p: Record<string, unknown>) => { build(p).resolvedDependencies = [] }, code: "PROVENANCE_PREDICATE_MALFORMED" },
    { name: "one input with two digests", predicate: (p: Record<string, unknown>) => { build(p).resolvedDependencies.push({ uri: "https://example.com/tool", digest: { sha256: "a".repeat(64) } }, { uri: "https://example.com/tool", digest: { sha256: "b".repeat(64) } }) }, code: "PROVENANCE_PREDICATE_MALFORMED" },
    { name: "more inputs than a statement holds", predicate: (p: Record<string, unknown>) => { for (let i = 0; i <= 256; i++) build(p).resolvedDependencies.push({ uri: `https://example.com/${i}`, digest: { sha256: "a".repeat(64) } }) }, code: "PROVENANCE_PREDICATE_MALFORMED" },
    { name: "no builder", predicate: (p: Record<string, unknown>) => { delete p["runDetails"] }, code: "PROVENANCE_PREDICATE_MALFORMED" },
    { name: "a builder that says the other of its runner", certificate: { runner: "self-hosted" }, code: "PROVENANCE_BUILDER_MISMATCH" },
    { name: "a builder elsewhere", predicate: (p: Record<string, unknown>) => { ((p["runDetails"] as Record<string, unknown>)["builder"] as Record<string, unknown>)["id"] = "https://builder.example/x" }, code: "PROVENANCE_BUILDER_MISMATCH" },
    { name: "a package that names another repository", repository: "github:sigstore/sigstore", code: "PROVENANCE_REPOSITORY_MISMATCH" },
    { name: "a package that names a repository of the same name elsewhere", repository: "https://gitlab.com/sigstore/sigstore-js", code: "PROVENANCE_REPOSITORY_MISMATCH" },
    { name: "a package that names nothing readable", repository: "n/a", code: "PROVENANCE_REPOSITORY_MISMATCH" },
  ] as { name: string; certificate?: Partial<SignerCertificate>; predicate?: (p: Record<string, unknown>) => void; repository?: string; code: string }[])("refuses $name", ({ certificate, predicate, repository, code }) => {
    const judged = judge({ ...(certificate && { certificate }), ...(predicate && { predicate }), ...(repository !== undefined && { repository }) })
    expect(judged.codes).toContain(code)
    expect(judged.facts).toBeUndefined()
  })
})

describe("repositories", () => {
  test.each([
    ["git+https://github.com/sigstore/sigstore-js.git", "https://github.com/sigstore/sigstore-js"],
    ["https://github.com/sigstore/sigstore-js", "https://github.com/sigstore/sigstore-js"],
    ["https://www.github.com/sigstore/sigstore-js/", "https://github.com/sigstore/sigstore-js"],
    ["http://github.com/a/b.git#readme", "https://github.com/a/b"],
    ["git://github.com/a/b.git", "https://github.com/a/b"],
    ["git+ssh://git@github.com/a/b.git", "https://github.com/a/b"],
    ["ssh://git@github.com:22/a/b.git", "https://github.com/a/b"],
    ["git@github.com:a/b.git", "https://github.com/a/b"],
    ["a/b", "https://github.com/a/b"],
    ["github:a/b#semver:^1", "https://github.com/a/b"],
    ["gitlab:group/sub/name", "https://gitlab.com/group/sub/name"],
    ["https://gitlab.com/group/sub/name/-/tree/main/x", "https://gitlab.com/group/sub/name"],
    ["https://github.com/a/b/tree/main/packages/c", "https://github.com/a/b"],
    ["https://user:secret@git.example:8443/a/b.git", "https://git.example:8443/a/b"],
    ["bitbucket:a/b", "https://bitbucket.org/a/b"],
  ])("%s", (written, expected) => expect(normaliseRepository(written)).toBe(expected))
  test.each(["", "n/a?", "none", "https://github.com/a", "file:///srv/a/b", "javascript:alert(1)", "https://", "git@github.com:", "../a/..", "https://github.com/../b", "https://github.com/a/.git", "x".repeat(5000), "ftp://a/b/c"])("none in %j", (written) => {
    const normalised = normaliseRepository(written)
    expect(normalised === undefined || normalised === "https://github.com/n/a").toBe(true)
  })
  test("case counts only where the forge says so", () => {
    expect(sameRepository("https://github.com/A/b", "https://github.com/a/B")).toBe(true)
    expect(sameRepository("https://git.example/A/b", "https://git.example/a/b")).toBe(false)
  })
})

describe("a whole answer", () => {
  const verifier = createUpstreamVerifier(realTrust())
  const purl = "pkg:npm/sigstore@2.3.1"
  const refused = (answer: unknown, more = {}) => verifier.verifyUpstream(inputFor(purl, SHA512, answer, more)).upstream.refused
  test.each([
    { name: "no object", answer: "x", refused: ["ATTESTATIONS_MALFORMED"] },
    { name: "null", answer: null, refused: ["ATTESTATIONS_MALFORMED"] },
    { name: "no list", answer: { attestations: {} }, refused: ["ATTESTATIONS_MALFORMED"] },
    { name: "too many", answer: { attestations: Array.from({ length: 17 }, () => PUBLISH) }, refused: ["ATTESTATIONS_MALFORMED"] },
    { name: "null among them", answer: { attestations: [PUBLISH, null] }, refused: ["ATTESTATIONS_MALFORMED"] },
    { name: "one without a bundle", answer: { attestations: [{ predicateType: PUBLISH.predicateType }] }, refused: ["PUBLISH_MEDIA_TYPE_UNKNOWN"] },
    { name: "the same twice", answer: { attestations: [PROVENANCE, PROVENANCE] }, refused: ["PROVENANCE_DUPLICATE"] },
    { name: "announced provenance that is not there", answer: { attestations: [PUBLISH] }, more: { announced: { provenance: { predicateType: PROVENANCE.predicateType } } }, refused: ["PROVENANCE_MISSING"] },
    { name: "attestations of another version", answer: JSON.parse(attestationFile("registry-shape", "sigstore@2.1.0.json")) as unknown, refused: ["PROVENANCE_SUBJECT_DIGEST", "PROVENANCE_SUBJECT_NAME"] },
  ])("refuses $name", ({ answer, more, refused: codes }) => expect(refused(answer, more)).toEqual(codes))

  test("an answer with a kind that is not read says nothing of it", () => {
    const other = structuredClone(PROVENANCE)
    other.predicateType = "https://in-toto.io/attestation/vulns/v0.2"
    const statement = { ...statementOf(PROVENANCE), predicateType: other.predicateType }
    other.bundle.dsseEnvelope.payload = Buffer.from(JSON.stringify(statement)).toString("base64")
    expect(refused({ attestations: [PUBLISH, PROVENANCE, other] })).toEqual([])
  })
  test("the bytes that are kept do not depend on the order of members", () => {
    const reordered = { attestations: ANSWER.attestations.map(({ predicateType, bundle }) => ({ bundle: Object.fromEntries(Object.entries(bundle).reverse()), predicateType })) }
    const kept = (answer: unknown) => verifier.verifyUpstream(inputFor(purl, SHA512, answer)).bundles.map(({ sha256 }) => sha256)
    expect(kept(reordered)).toEqual(kept(ANSWER))
  })
  test("a registry without known keys: its own word is not judged, provenance is", () => {
    const { upstream } = verifier.verifyUpstream(inputFor(purl, SHA512, ANSWER, { registry: "https://other.example/", signatures: [{ keyid: "SHA256:x", sig: "AAAA" }] }))
    expect(upstream).toMatchObject({ signature: null, publish: null, refused: [] })
    expect(upstream.provenance?.commit).toBe("46e7056ff9912ebfee5298d94024895a9fea76c0")
  })
  test("every code that a rule gives is in the list", () => {
    expect(new Set(UPSTREAM_CODES).size).toBe(UPSTREAM_CODES.length)
    expect(UPSTREAM_CODES.every((code) => /^(?:REGISTRY_SIGNATURE|ATTESTATIONS|PUBLISH|PROVENANCE)_[A-Z0-9_]{1,48}$/.test(code))).toBe(true)
  })
})
