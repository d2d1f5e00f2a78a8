import { describe, expect, test } from "vitest"
import { createUpstreamVerifier, type UpstreamCode } from "../src/index.ts"
import { asAnswer, attestationFile, type IndexedBundle, inputFor, readIndex, realTrust } from "./support/data.ts"

const VERIFIER = createUpstreamVerifier(realTrust())
const VALID = readIndex("valid")
const NEGATIVES = readIndex("negatives")

/** Name and digest of a file's package: of the bundle that the index could read. */
function subjectOf(bundles: readonly IndexedBundle[]): { purl: string; sha512: string } {
  const known = bundles.find(({ verify, subject }) => verify === "OK" && subject !== undefined) ?? bundles.find(({ subject }) => subject !== undefined)
  if (known?.subject === undefined) throw new Error("the index names no subject")
  return { purl: known.subject, sha512: known.sha512 }
}

describe("every valid file verifies and says what its index says", () => {
  test.each(VALID.map((entry) => ({ name: entry.file, entry })))("$name", ({ entry }) => {
    const { purl, sha512 } = subjectOf(entry.bundles)
    const { upstream, bundles } = VERIFIER.verifyUpstream(inputFor(purl, sha512, asAnswer(attestationFile(entry.file), entry.bundles)))
    const publish = entry.bundles.find(({ identity }) => identity === undefined)
    const provenance = entry.bundles.find(({ identity }) => identity !== undefined)
    expect(upstream.refused).toEqual([])
    expect(upstream.publish?.keyid).toBe(publish?.key.replace("publicKey:", ""))
    expect(bundles.map(({ sha256 }) => sha256).sort()).toEqual([upstream.publish?.bundle, upstream.provenance?.bundle].filter((sha256) => sha256 !== undefined).sort())
    if (provenance?.identity === undefined) {
      expect(upstream.provenance).toBeNull()
      return
    }
    const { identity } = provenance
    expect(upstream.provenance).toMatchObject({
      predicateType: provenance.predicateType, issuer: identity.issuer, san: identity.san,
      repository: identity.sourceRepository, commit: identity.sourceCommit, ref: identity.sourceRef,
      trigger: identity.trigger ?? null, runner: identity.runner ?? null, builder: provenance.predicateBuilder,
    })
    expect(provenance.tlog.map(({ integratedTime }) => Number(integratedTime))).toContain(upstream.provenance?.signedAt)
  })

  test("the same in the shape of the registry's answer", () => {
    const count = VALID.flatMap((entry) => {
      const { purl, sha512 } = subjectOf(entry.bundles)
      const name = `${(entry.package as string).replace("/", "__")}.json`
      const { upstream } = VERIFIER.verifyUpstream(inputFor(purl, sha512, JSON.parse(attestationFile("registry-shape", name))))
      return upstream.refused.length === 0 && (upstream.publish !== null || upstream.provenance !== null) ? [name] : []
    })
    console.log(`valid attestations: ${VALID.length} files, ${VALID.flatMap(({ bundles }) => bundles).length} bundles; ${count.length} in the registry's shape`)
    expect(count).toHaveLength(VALID.length)
    expect(VALID).toHaveLength(13)
  })

  test("owner and repository ids are there where the certificate is new enough", () => {
    const { purl, sha512 } = subjectOf(VALID.find((entry) => entry.package === "sigstore@2.3.1")?.bundles ?? [])
    const { upstream } = VERIFIER.verifyUpstream(inputFor(purl, sha512, JSON.parse(attestationFile("registry-shape", "sigstore@2.3.1.json"))))
    expect(upstream.provenance).toMatchObject({ repositoryId: "495574555", ownerId: "71096353", workflow: ".github/workflows/release.yml", runner: "github-hosted" })
  })
})

/** Name of a negative file, as far as it says what is wrong in it, to a code that fits. All codes of the file are in the snapshot of the next test. */
const FITTING: readonly (readonly [RegExp, UpstreamCode])[] = [
  [/invalidsigprov/, "PROVENANCE_UNVERIFIED"],
  [/invalidsigpub/, "PUBLISH_UNVERIFIED"],
  [/mismatch-prov-payloadtype/, "PROVENANCE_PAYLOAD_TYPE"],
  [/att-mismatch-prov-predicatetype/, "PROVENANCE_TYPE_MISMATCH"],
  [/att-mismatch-pub-predicatetype/, "PUBLISH_TYPE_MISMATCH"],
  [/stmt-mismatch-prov-predicatetype/, "PROVENANCE_TYPE_MISMATCH"],
  [/stmt-mismatch-pub-predicatetype/, "PUBLISH_TYPE_MISMATCH"],
  [/stmt-mismatch-prov-type/, "PROVENANCE_MALFORMED"],
  [/stmt-mismatch-pub-type/, "PUBLISH_MALFORMED"],
  [/publish-nosubjects/, "PUBLISH_MALFORMED"],
  [/prov-invalid-signature/, "PROVENANCE_UNVERIFIED"],
  [/publish-invalid-signature/, "PUBLISH_UNVERIFIED"],
  [/pacote\/invalid-attestations/, "PUBLISH_MALFORMED"],
  [/no-keyid/, "PUBLISH_KEYID_MISMATCH"],
  [/malformed-subject/, "PUBLISH_SUBJECT_DIGEST"],
  [/mismatched-subject-name/, "PUBLISH_SUBJECT_NAME"],
  [/mismatched-subject-digest/, "PUBLISH_SUBJECT_DIGEST"],
  [/unsupported-attestations/, "PUBLISH_PAYLOAD_TYPE"],
  [/npm__cli\/invalid-signature/, "PROVENANCE_MALFORMED"],
  [/npm__cli\/.*multi-subject/, "PROVENANCE_SUBJECT_COUNT"],
  [/npm__cli\//, "PROVENANCE_BY_PERSON"],
]

describe("every negative file is refused, for a reason that fits", () => {
  /** A file that is a bare list is no answer of a registry; inside the answer's shape its own fault shows. */
  const answers = (entry: (typeof NEGATIVES)[number]): { raw: unknown; wrapped: unknown } => {
    const raw = asAnswer(attestationFile(entry.file), entry.bundles)
    return { raw, wrapped: Array.isArray(raw) ? { attestations: raw } : raw }
  }

  test.each(NEGATIVES.map((entry) => ({ name: entry.file.replace(/^negatives\//, ""), entry })))("$name", ({ name, entry }) => {
    const { purl, sha512 } = subjectOf(entry.bundles)
    const { raw, wrapped } = answers(entry)
    const judge = (answer: unknown) => VERIFIER.verifyUpstream(inputFor(purl, sha512, answer)).upstream
    if (raw !== wrapped) expect(judge(raw)).toEqual({ signature: null, publish: null, provenance: null, refused: ["ATTESTATIONS_MALFORMED"] })
    const code = FITTING.find(([pattern]) => pattern.test(name))?.[1]
    if (code === undefined) {
      // Valid, but for its shape: the one file whose list is not in an object.
      expect(name).toMatch(/npm-attestations\.intoto\.sigstore$/)
      expect(judge(wrapped).refused).toEqual([])
      return
    }
    const upstream = judge(wrapped)
    expect(upstream.refused).toContain(code)
    // What is not refused may still count; what is refused never does.
    for (const kind of ["PUBLISH", "PROVENANCE"] as const) {
      const isRefused = upstream.refused.some((refused) => refused.startsWith(kind))
      if (isRefused) expect(upstream[kind.toLowerCase() as "publish" | "provenance"]).toBeNull()
    }
  })

  test("the whole table", () => {
    const table = NEGATIVES.map((entry) => {
      const { purl, sha512 } = subjectOf(entry.bundles)
      return `${entry.file.replace(/^negatives\//, "")}: ${VERIFIER.verifyUpstream(inputFor(purl, sha512, answers(entry).wrapped)).upstream.refused.join(" ")}`
    })
    const passCryptography = NEGATIVES.filter(({ bundles }) => bundles.every(({ verify }) => verify === "OK"))
    console.log(`negative attestations: ${NEGATIVES.length} files refused, ${passCryptography.length} of which pass plain cryptography`)
    expect(NEGATIVES).toHaveLength(35)
    expect(passCryptography).toHaveLength(3)
    expect(table).toMatchSnapshot()
  })
})
