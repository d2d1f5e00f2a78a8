import {
  type Entry, formatForeignEntry, formatObservation, formatRelease, INTOTO_PAYLOAD_TYPE, keyHint, type LogEvidence, NO_UPSTREAM, parseEntry, parseObservation, type Rebuild, signEnvelope, utf8Encode, type Verdict,
} from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { describe as describeVerdict } from "../src/explain/describe.ts"
import { explainDocument } from "../src/explain/document.ts"
import { saidAbout } from "../src/explain/said.ts"
import { ann, COMMIT, DIFFERS, observed, PROVENANCE, PURL, rebuilt, REGISTRY, released, SHA512, SSH_KEY } from "./support/statements.ts"

const log = (operator: string, entries: readonly string[]): LogEvidence => ({
  operator, origin: `${operator}.example/log`, reached: true, statuses: [], batches: [{ checkpoint: "", indices: entries.map((_, i) => i), entries, proof: [], bodies: [] }],
})
const rebuildOf = (text: string): Rebuild => (parseEntry(text) as Entry & { kind: "rebuild" }).rebuild

/** Alpha and beta agree, gamma differs and refused what came; the release stands in two logs. */
const EVIDENCE = [
  log("alpha", [observed("alpha.example/log", { ...NO_UPSTREAM, signature: SSH_KEY, provenance: PROVENANCE }), rebuilt("alpha.example/log", DIFFERS), rebuilt("alpha.example/log"), released("alpha.example/log")]),
  log("beta", [observed("beta.example/log", { ...NO_UPSTREAM, provenance: { ...PROVENANCE, repository: "https://git.example/eve/left" } }), rebuilt("beta.example/log"), released("beta.example/log"), "no statement", rebuilt("beta.example/log", { purl: "pkg:npm/other@1.0.0" })]),
  log("gamma", [observed("gamma.example/log", { ...NO_UPSTREAM, refused: ["PROVENANCE_INVALID"] }), rebuilt("gamma.example/log", DIFFERS)]),
]
const claim = (operator: string, index: number) => {
  const { match, source, recipe } = rebuildOf(EVIDENCE.find((one) => one.operator === operator)?.batches[0]?.entries[index] as string)
  return { operator, origin: `${operator}.example/log`, index, match, repository: source.repository, commit: source.commit, recipe: recipe.sha256, override: recipe.override, signature: source.signature, agrees: match !== "none" }
}
const VERDICT: Verdict = {
  ok: true, purl: PURL, registry: REGISTRY, sha512: SHA512, labels: ["rebuilt (recipe)"], level: "rebuilt",
  claims: ["alpha", "beta"].map((operator) => ({ operator, origin: `${operator}.example/log`, index: 0, predicateType: "x", checkpointTime: 1, bundled: [] })),
  findings: [{ code: "SOURCE_MISMATCH", severity: "warn", saidBy: ["gamma"], message: "gamma rebuilt it from source and got other files" }],
  provenance: { repository: PROVENANCE.repository, commit: COMMIT, workflow: PROVENANCE.workflow, builder: PROVENANCE.builder, runner: "github-hosted", saidBy: ["alpha"] },
  rebuilds: [claim("alpha", 2), claim("beta", 1), claim("gamma", 1)],
  releases: [{ key: keyHint(ann.verifier), origin: "alpha.example/log", index: 3 }],
}

describe("explain", () => {
  test("tells the level, the provenance and who says so, every rebuild, every release", () => {
    const text = describeVerdict(VERDICT, saidAbout(EVIDENCE, VERDICT)).join("\n")
    expect(text).toMatch(/^allowed \(level rebuilt, rebuilt \(recipe\)\): 2 operators vouch for these bytes$/m)
    expect(text).toContain("warning SOURCE_MISMATCH: gamma rebuilt it from source")
    expect(text).toMatch(/^provenance +https:\/\/git\.example\/ann\/left\n +commit 0123456789abcdef0123456789abcdef01234567\n +workflow \.ci\/release\.yml, builder https:\/\/git\.example\/runner \(github-hosted\)\n +verified by alpha$/m)
    expect(text).toMatch(/^ +beta verified https:\/\/git\.example\/eve\/left at 0123/m)
    expect(text).toMatch(/^ +gamma refused: PROVENANCE_INVALID$/m)
    expect(text).toMatch(/^registry +its signature: verified by alpha$/m)
    expect(text).toMatch(/^ +its publish attestation: verified by nobody$/m)
    expect(text).toMatch(/^alpha +1 +3 paths differ: changed 2, only-in-published 1 +0123456789ab +77777777 \(its own\) +superseded /m)
    expect(text).toMatch(/^alpha +2 +same contents +0123456789ab +77777777 \(its own\) +agrees +https:\/\/git\.example\/ann\/left\.git refs\/tags\/v1 in packages\/left, found by gitHead and tag; commit signature valid by SHA256:k+ \(ann@git\.example\)$/m)
    expect(text).toMatch(/^gamma +1 +3 paths differ.+stands apart/m)
    expect(text.match(/^ann\.example\/release\+[0-9a-f]{8} +(alpha|beta) +[32] +yes /gm)).toHaveLength(2)
    expect(text).not.toContain("other@1.0.0")
  })
  test("as a document: the verdict's members and every statement", () => {
    const document = JSON.parse(JSON.stringify(explainDocument({ verdict: VERDICT, said: saidAbout(EVIDENCE, VERDICT), since: undefined, notices: [] }))) as Record<string, any>
    expect(document["verdict"]).toEqual(JSON.parse(JSON.stringify(VERDICT)))
    expect(document["statements"]).toMatchObject([{ operator: "alpha", counts: true, upstream: { signature: SSH_KEY, provenance: PROVENANCE } }, { operator: "beta" }, { operator: "gamma", counts: false, upstream: { refused: ["PROVENANCE_INVALID"] } }])
    expect(document["rebuilds"].map(({ operator, index, standing }: Record<string, unknown>) => `${operator} ${index} ${standing}`)).toEqual(["alpha 1 superseded", "alpha 2 agrees", "beta 1 agrees", "gamma 1 apart"])
    expect(document["rebuilds"][3]).toMatchObject({ match: "none", differences: { count: 3, classes: { changed: 2 } }, source: { foundBy: ["gitHead", "tag"] } })
    expect(document["releases"]).toMatchObject([{ operator: "alpha", counts: true, claimedKey: keyHint(ann.verifier) }, { operator: "beta", counts: true }])
  })
  test("where nothing is known it says so, and what to do", () => {
    const { level: _, provenance: __, rebuilds: ___, releases: ____, ...bare } = VERDICT
    const verdict: Verdict = { ...bare, labels: [], findings: [] }
    const text = describeVerdict(verdict, saidAbout([log("alpha", [observed("alpha.example/log")])], verdict)).join("\n")
    expect(text).toMatch(/^allowed: 2 operators vouch for these bytes$/m)
    expect(text).toMatch(/^provenance +none verified$/m)
    expect(text).toContain("rebuilt by nobody; `vouchsafe build` asks the network for it")
  })
  test("what strangers wrote cannot move a terminal, nor break the print", () => {
    const evil = signEnvelope(ann, { payloadType: INTOTO_PAYLOAD_TYPE, payload: utf8Encode(formatRelease({ purl: PURL, sha512: SHA512 })), keyId: "\u001b[2J\u202ekey" })
    const entries = [formatObservation({ ...parseObservation(observed("alpha.example/log")), observedAt: 8_640_000_000_000 }), formatForeignEntry("alpha.example/log", evil)]
    const text = describeVerdict(VERDICT, saidAbout([log("alpha", entries)], VERDICT)).join("\n")
    expect(text).not.toMatch(/[\u001b\u202e]/)
    expect(text).toContain("\\u{1b}[2J\\u{202e}key")
    expect(text).toMatch(/^alpha +0 +yes +\+275760-09-13/m)
  })
})
