import { type Finding, formatNotice, type LogEvidence, NO_UPSTREAM, type Observation, parseObservation, PLAIN_HISTORY, type Verdict } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { explainDocument } from "../src/explain/document.ts"
import { noticesAbout } from "../src/explain/notices.ts"
import { saidAbout } from "../src/explain/said.ts"
import { type Explained, SCREEN_COLUMNS, SCREEN_LINES, screenOf } from "../src/explain/screen.ts"
import { sinceWhat } from "../src/explain/since.ts"
import { COMMIT, observed, PROVENANCE, PURL, rebuilt, REGISTRY, released, SHA512 } from "./support/statements.ts"

const log = (operator: string, entries: readonly string[], notices: readonly string[] = []): LogEvidence => ({
  operator, origin: `${operator}.example/log`, reached: true, statuses: [], batches: [{ checkpoint: "", indices: entries.map((_, i) => i), entries, proof: [], bodies: [] }], notices: { checkpoint: "", entries: notices },
})
const notice = (kind: "withdrawal" | "reversal", reason: string, more: object = {}): string => formatNotice({ purl: PURL, registry: REGISTRY, sha512: SHA512, log: "alpha.example/notices", notice: kind, time: 1_790_000_000, reason, ...more } as Parameters<typeof formatNotice>[0])
const observation = (more: object = {}): Observation => {
  const plain = parseObservation(observed("alpha.example/log", { ...NO_UPSTREAM, provenance: null }))
  return { ...plain, history: { ...PLAIN_HISTORY, previous: { version: "0.9.0", publishedAt: 1, provenance: "verified", source: "found" }, versions: 9, ...more } }
}
const EVIDENCE = ["alpha", "beta", "gamma"].map((operator) => log(operator, [observed(`${operator}.example/log`, { ...NO_UPSTREAM, provenance: PROVENANCE }), rebuilt(`${operator}.example/log`), released(`${operator}.example/log`)],
  operator === "alpha" ? [notice("withdrawal", "stolen token"), notice("reversal", "it was another package", { reverses: 0 }), notice("withdrawal", "stolen after all")] : []))
const FINDING: Finding = {
  code: "IDENTITY_CHANGED", severity: "deny", saidBy: ["alpha", "beta"], message: `the repository and the owner are others than in the version before, as ${"a".repeat(30)} and ${"b".repeat(60)} say`,
  expected: `built from https://git.example/ann/left (repository id 1234567) by .ci/release.yml on https://git.example/runner`, found: "built from https://git.example/eve/left (repository id 7654321) by .ci/release.yml on https://git.example/runner",
  hint: "ask the publisher; `vouchsafe explain left@1.0.0` shows who says what",
}
const CLAIMS = ["alpha", "beta", "gamma"].map((operator) => ({ operator, origin: `${operator}.example/log`, index: 0, predicateType: "x", checkpointTime: 1, bundled: [] }))
const REFUSED: Verdict = {
  ok: false, code: "IDENTITY_CHANGED", purl: PURL, registry: REGISTRY, sha512: SHA512, labels: [], claims: CLAIMS,
  findings: [{ ...FINDING, code: "NOT_VOUCHED", message: "first in the list, and not what decided" }, FINDING, { ...FINDING, code: "NEW_INSTALL_SCRIPT", severity: "warn", message: "a warning" }, { ...FINDING, code: "TOO_YOUNG", severity: "warn", message: "one more" }],
  provenance: { repository: PROVENANCE.repository, commit: COMMIT, workflow: PROVENANCE.workflow, builder: PROVENANCE.builder, runner: null, saidBy: ["beta", "alpha"] },
}
const ALLOWED: Verdict = { ok: true, purl: PURL, registry: REGISTRY, sha512: SHA512, labels: ["single-operator"], claims: CLAIMS, findings: [], level: "provenance" }
const explained = (verdict: Verdict, more: Partial<Explained> = {}): Explained => ({ verdict, said: saidAbout(EVIDENCE, verdict), notices: noticesAbout(EVIDENCE, PURL, REGISTRY), since: sinceWhat(PURL, observation({ publisher: "new", changed: ["owner", "repository"], scripts: ["postinstall"], gap: 800 * 86_400, dependencies: [{ name: "evil", createdAt: 1, isExotic: false, isKin: false }] }), []), ...more })

describe("one screen", () => {
  test.each([["refused", REFUSED], ["allowed", ALLOWED]] as const)("%s: at most 24 lines of 80 columns", (_, verdict) => {
    const lines = screenOf(explained(verdict), 2)
    expect(lines.length).toBeLessThanOrEqual(SCREEN_LINES)
    expect(lines.filter((line) => line.length > SCREEN_COLUMNS)).toEqual([])
  })
  test("a refusal: the rule that decided with both sides, who says so and where, what changed, what to do", () => {
    const text = screenOf(explained(REFUSED), 2).join("\n")
    expect(text).toMatch(/^left@\S+ is refused: IDENTITY_CHANGED\n/)
    expect(text).toMatch(/\n {2}IDENTITY_CHANGED: the repository and the owner are others than in the version\n/)
    expect(text).toMatch(/\n {4}expected {2}built from https:\/\/git\.example\/ann\/left .*\n(?:.*\n)? {4}found {5}built from https:\/\/git\.example\/eve\/left/)
    expect(text.indexOf("IDENTITY_CHANGED: ")).toBeLessThan(text.indexOf("NOT_VOUCHED: first in the list"))
    expect(text).toMatch(/^alpha +observed \d{4}-\d\d-\d\d +entry 0 +counts$/m)
    expect(text).toMatch(/^since 0\.9\.0, the version before:\n {2}published by .+, who never published it before$/m)
    expect(text).toMatch(/\n {2}and \d more changes \(--json\)\n/)
    expect(text).toMatch(/\nnext: ask the publisher\n {6}or, to install it all the same:\n {2}npx vouchsafe allow left@1\.0\.0 --code IDENTITY_CHANGED \\\n {4}--owner YOU --reason WHY --until DAY$/)
    expect(text).not.toContain("vouchsafe explain")
  })
  test("an allowed one says by how many of how many, and that nothing is to be done", () => {
    const text = screenOf(explained(ALLOWED, { since: { version: "0.9.0", source: "lock", changes: [] }, notices: [] }), 2).join("\n")
    expect(text).toMatch(/ is allowed \(level provenance, single-operator\)\n/)
    expect(text).toContain("  3 operators vouch for these bytes, 2 needed")
    expect(text).toContain("since 0.9.0, which you have: nothing of note changed")
    expect(text).toContain("next: nothing; it may be installed")
  })
  test("a finding that nothing excepts offers no exception", () => {
    const text = screenOf(explained({ ...REFUSED, code: "PROOF_INVALID", findings: [{ ...FINDING, code: "PROOF_INVALID", hint: "run `vouchsafe log verify`" }] }), 2).join("\n")
    expect(text).toContain("next: run `vouchsafe log verify`")
    expect(text).not.toContain("vouchsafe allow")
  })
  test("what strangers wrote cannot move a terminal", () => {
    const evil = "\u001b[2J\u202e\nevil"
    const text = screenOf(explained({ ...REFUSED, findings: [{ ...FINDING, message: evil, hint: evil }] }, { notices: [{ operator: "alpha", index: 0, notice: "withdrawal", sha512: SHA512, time: Number.MAX_SAFE_INTEGER, reason: evil, reversed: null }], since: { version: evil, source: "lock", changes: [evil] } }), 2).join("\n")
    expect(text).not.toMatch(/[\u001b\u202e]|^evil/m)
  })
})

describe("notices stay readable", () => {
  test("a withdrawal that was reversed by its author is shown with its reversal, the later one stands", () => {
    expect(noticesAbout(EVIDENCE, PURL, REGISTRY)).toMatchObject([
      { operator: "alpha", index: 0, reason: "stolen token", reversed: { index: 1, reason: "it was another package" } }, { operator: "alpha", index: 2, reason: "stolen after all", reversed: null },
    ])
    const text = screenOf(explained(ALLOWED), 2).join("\n")
    expect(text).toMatch(/withdrawal by alpha, \d{4}-\d\d-\d\d, entry 0 \(reversed \d{4}-\d\d-\d\d, entry 1\): st/)
    expect(text).toMatch(/withdrawal by alpha, \S+, entry 2: stolen after all/)
    expect(explainDocument(explained(REFUSED))).toMatchObject({ notices: [{ reversed: { index: 1 } }, { reversed: null }], since: { version: "0.9.0", source: "history" } })
  })
  test("what cannot be read, and what is about another, is left out", () => {
    expect(noticesAbout([log("alpha", [], ["no notice", notice("reversal", "x", { reverses: 7 })])], PURL, REGISTRY)).toEqual([])
    expect(noticesAbout(EVIDENCE, "pkg:npm/other@1.0.0", REGISTRY)).toEqual([])
  })
})

describe("what changed", () => {
  test.each([
    { more: { publisher: "maintainer" }, says: "first release by its maintainer" }, { more: { publisher: "same" }, says: "provenance: had one, has none" }, { more: { gyp: ["binding.gyp"] }, says: "new gyp files: binding.gyp" },
    { more: { source: "absent" }, says: "its source had a commit or tag, and has none" }, { more: { lapsedDomains: ["gone.example"] }, says: "lapsed domains of maintainers: gone.example" }, { more: { gap: 400 * 86_400 }, says: "400 days after" },
  ])("$says", ({ more, says }) => expect(sinceWhat(PURL, observation(more), [])?.changes.join("\n")).toContain(says))
  test("nothing to compare with", () => {
    expect(sinceWhat(PURL, observation({ previous: null }), [])).toBeUndefined()
    expect(sinceWhat(PURL, undefined, [])).toBeUndefined()
    expect(screenOf(explained(ALLOWED, { since: undefined }), 2).join("\n")).toContain("no earlier version to compare with")
  })
})
