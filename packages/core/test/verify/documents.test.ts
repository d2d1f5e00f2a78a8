import fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  canonicalize, escapeForDisplay, formatEvidenceAnswer, formatEvidenceRequest, formatNotice, formatObservation, isRegistryId, isVouchsafeError, matchesName, parseEvidenceAnswer, parseEvidenceRequest,
  parseMisbehavior, parseNotice, parseObservation, parsePolicy, parseRoster, registryIdOf,
} from "../../src/index.ts"
import { crypto, evidenceOf, makeWorld, notice, observation, publisher, PURL, REGISTRY, SSH_KEY } from "./world.ts"

const refusal = (code: string, says: string) => expect.objectContaining({ code, message: expect.stringContaining(says) })
const edit = (text: string, change: (document: Record<string, any>) => void): string => {
  const document = JSON.parse(text) as Record<string, any>
  change(document)
  return JSON.stringify(document)
}
/** As `edit`, in canonical form, so that the shape and not the spelling is what is refused. */
const editCanonical = (text: string, change: (document: Record<string, any>) => void): string => canonicalize(JSON.parse(edit(text, change)))

describe("roster", () => {
  const { rosterText } = makeWorld()
  test("defaults: a majority of operators, a majority of the others' witnesses", () => {
    const roster = parseRoster(crypto, rosterText)
    expect(roster).toMatchObject({ threshold: 3, singleOperator: false, warnings: [], operators: ["alpha", "beta", "gamma", "delta"] })
    expect(roster.policy.groups).toMatchObject([{ threshold: 2 }])
    expect(parseRoster(crypto, makeWorld(["solo"]).rosterText)).toMatchObject({ threshold: 1, singleOperator: true })
  })
  test("a threshold below the majority is told", () => {
    expect(parseRoster(crypto, edit(rosterText, (roster) => { roster["threshold"] = 2 })).warnings).toEqual([expect.stringContaining("two quorums can disagree")])
  })
  test.each<[string, (roster: Record<string, any>) => void, string]>([
    ["an unknown member", (roster) => { roster["extra"] = 1 }, "document.extra"],
    ["another format", (roster) => { roster["format"] = "vouchsafe-roster/v2" }, "format"],
    ["no nodes", (roster) => { roster["nodes"] = [] }, "nodes"],
    ["a threshold above the operators", (roster) => { roster["threshold"] = 5 }, "threshold"],
    ["a threshold of 0", (roster) => { roster["threshold"] = 0 }, "threshold"],
    ["a registry without trailing slash", (roster) => { roster["registries"] = ["https://registry.example"] }, "registries[0]"],
    ["a log missing in the policy text", (roster) => { roster["policy"] = roster["policy"].replace(/^log .*\n/, "") }, "log line"],
    ["a node with a witness key as log key", (roster) => { roster["nodes"][0].log = roster["nodes"][0].witness }, "nodes[0].log"],
    ["one key in two roles", (roster) => { roster["nodes"][0].notices = roster["nodes"][0].log }, "key name once"],
    ["quorum none with several operators", (roster) => { roster["policy"] = roster["policy"].replace("quorum witnesses", "quorum none") }, "quorum"],
    ["witness quorums that need not intersect", (roster) => { roster["policy"] = roster["policy"].replace("group witnesses 2", "group witnesses 1") }, "2q > w"],
    ["a witness quorum that a log can never reach", (roster) => { roster["policy"] = roster["policy"].replace("group witnesses 2", "group witnesses 4") }, "can reach"],
    ["two nodes of one operator", (roster) => { roster["nodes"][1].operator = "alpha" }, "one witness"],
    ["an operator name with capitals", (roster) => { roster["nodes"][0].operator = "Alpha" }, "nodes[0].operator"],
    ["a node URL without slash", (roster) => { roster["nodes"][0].url = "https://alpha.example" }, "nodes[0].url"],
  ])("refuses %s", (_, change, says) => expect(() => parseRoster(crypto, edit(rosterText, change))).toThrow(refusal("ROSTER_MALFORMED", says)))
})

describe("vouchsafe.json", () => {
  const minimal = { format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json" }
  test("defaults", () => expect(parsePolicy(JSON.stringify(minimal))).toMatchObject({ preset: "recommended", maxNoticeAgeSeconds: 86_400, budgetMs: 20_000, exceptions: [] }))
  const exception = { purl: PURL, code: "NOT_VOUCHED", owner: "ann", reason: "because", until: "2027-01-31" }
  test.each<[string, object, string]>([
    ["an unknown member", { ...minimal, treshold: 3 }, "document.treshold"],
    ["no roster", { format: minimal.format }, "document.roster"],
    ["another preset", { ...minimal, preset: "lax" }, "preset"],
    ["a duration without unit", { ...minimal, maxNoticeAge: "24" }, "maxNoticeAge"],
    ["a duration of zero", { ...minimal, budget: "0s" }, "budget"],
    ["a budget of a day", { ...minimal, budget: "1d" }, "budget"],
    ["a rule that nobody may set", { ...minimal, rules: { NOT_VOUCHED: "off" } }, "rules.NOT_VOUCHED"],
    ["a severity that is none", { ...minimal, rules: { EXOTIC_SOURCE: "ignore" } }, "rules.EXOTIC_SOURCE"],
    ["an exception without owner", { ...minimal, exceptions: [{ ...exception, owner: " " }] }, "exceptions[0].owner"],
    ["an exception for a proof that fails", { ...minimal, exceptions: [{ ...exception, code: "PROOF_INVALID" }] }, "exceptions[0].code"],
    ["an exception for a withdrawal without digest", { ...minimal, exceptions: [{ ...exception, code: "WITHDRAWN" }] }, "exceptions[0].sha512"],
    ["an exception until a day that is none", { ...minimal, exceptions: [{ ...exception, until: "2027-02-30" }] }, "exceptions[0].until"],
    ["an exception for every version", { ...minimal, exceptions: [{ ...exception, purl: "pkg:npm/left-pad" }] }, "exceptions[0].purl"],
    ["an exception for a weaker policy", { ...minimal, exceptions: [{ ...exception, code: "POLICY_WEAKENED" }] }, "exceptions[0].code"],
    ["an age without unit", { ...minimal, minimumAge: "3" }, "minimumAge"],
    ["an age of ten years and a day", { ...minimal, minimumAge: "3651d" }, "minimumAge"],
    ["rules that never settle", { ...minimal, settleAge: "0s" }, "settleAge"],
    ["a lock that is always too old", { ...minimal, maxLockAge: "0s" }, "maxLockAge"],
    ["an override that overrides nothing", { ...minimal, overrides: [{ match: ["a"] }] }, "overrides[0]"],
    ["an override of a code that is no rule", { ...minimal, overrides: [{ rules: { WITHDRAWN: "off" } }] }, "overrides[0].rules.WITHDRAWN"],
    ["an override for nobody", { ...minimal, overrides: [{ match: [], rules: { TOO_YOUNG: "off" } }] }, "overrides[0].match"],
    ["an override of a registry that is none", { ...minimal, overrides: [{ registries: ["registry.example"], minimumAge: "0s" }] }, "overrides[0].registries[0]"],
    ["an override of a kind that is none", { ...minimal, overrides: [{ dependency: ["peer"], minimumAge: "0s" }] }, "overrides[0].dependency[0]"],
    ["an override of a kind twice", { ...minimal, overrides: [{ dependency: ["dev", "dev"], minimumAge: "0s" }] }, "overrides[0].dependency"],
    ["an override of a workspace outside", { ...minimal, overrides: [{ workspaces: ["../other"], minimumAge: "0s" }] }, "overrides[0].workspaces[0]"],
    ["an override of a workspace with a slash too many", { ...minimal, overrides: [{ workspaces: ["packages/a/"], minimumAge: "0s" }] }, "overrides[0].workspaces[0]"],
    ["an override of a workspace by steps", { ...minimal, overrides: [{ workspaces: ["packages/./a"], minimumAge: "0s" }] }, "overrides[0].workspaces[0]"],
    ["an override with a preset", { ...minimal, overrides: [{ preset: "observe", minimumAge: "0s" }] }, "overrides[0].preset"],
    ["a name bound to nothing", { ...minimal, registries: [{ match: ["@acme/*"] }] }, "registries[0].registry"],
    ["a name bound to a host", { ...minimal, registries: [{ match: ["@acme/*"], registry: "npm.acme.example" }] }, "registries[0].registry"],
    ["a name bound to no attesters", { ...minimal, registries: [{ match: ["@acme/*"], registry: "https://npm.acme.example/", attesters: [] }] }, "registries[0].attesters"],
    ["a list without source", { ...minimal, lists: [{ name: "a" }] }, "lists[0].source"],
    ["a list over plain http", { ...minimal, lists: [{ name: "a", source: "http://lists.example/a" }] }, "lists[0].source"],
    ["a list over another scheme", { ...minimal, lists: [{ name: "a", source: "ftp://lists.example/a" }] }, "lists[0].source"],
    ["a list's name that is no file name", { ...minimal, lists: [{ name: "../a", source: "./a" }] }, "lists[0].name"],
    ["two lists of one name", { ...minimal, lists: [{ name: "a", source: "./a" }, { name: "a", source: "./b" }] }, "lists[1].name"],
    ["a list that may be two months old", { ...minimal, lists: [{ name: "a", source: "./a", maxAge: "60d" }] }, "lists[0].maxAge"],
  ])("refuses %s", (_, document, says) => {
    expect(() => parsePolicy(JSON.stringify(document))).toThrow(expect.objectContaining({ kind: "input", message: expect.stringContaining(says) }))
  })
  const vkey = publisher(1).verifier.vkey
  const [level, publishing, signing] = [{ match: ["a"], level: "rebuilt" }, { match: ["a"], keys: [{ key: vkey }] }, { match: ["a"], keys: [SSH_KEY] }]
  const witnessKey = makeWorld().nodes[0]?.witness.verifier.vkey
  test.each<[string, object, string]>([
    ["a level that is none", { levels: [{ ...level, level: "sworn" }] }, "levels[0].level"],
    ["a level for nobody", { levels: [level, { ...level, match: [] }] }, "levels[1].match"],
    ["a level with a member of another list", { levels: [{ ...level, keys: [] }] }, "levels[0].keys"],
    ["a bare scope with a star", { levels: [{ ...level, match: ["@acme*"] }] }, "levels[0].match[0]"],
    ["a star in the middle", { levels: [{ ...level, match: ["a*b"] }] }, "levels[0].match[0]"],
    ["a star as scope", { levels: [{ ...level, match: ["@*/x"] }] }, "levels[0].match[0]"],
    ["a pattern with a version", { levels: [{ ...level, match: ["a@1.0.0"] }] }, "levels[0].match[0]"],
    ["an encoded pattern", { levels: [{ ...level, match: ["%40acme/x"] }] }, "levels[0].match[0]"],
    ["an empty pattern", { levels: [{ ...level, match: [""] }] }, "levels[0].match[0]"],
    ["levels that are no list", { levels: level }, "levels"],
    ["a publisher without keys", { publishers: [{ match: ["a"], keys: [] }] }, "publishers[0].keys"],
    ["a publisher's key that is none", { publishers: [{ match: ["a"], keys: [{ key: "ann" }] }] }, "publishers[0].keys[0].key"],
    ["a publisher's key with another id", { publishers: [{ match: ["a"], keys: [{ key: vkey.replace(/\+[0-9a-f]{8}\+/, "+00000000+") }] }] }, "publishers[0].keys[0].key"],
    ["a witness's key", { publishers: [{ match: ["a"], keys: [{ key: witnessKey }] }] }, "publishers[0].keys[0].key"],
    ["one key twice", { publishers: [{ match: ["a"], keys: [{ key: vkey }, { key: vkey, from: "2026-01-01" }] }] }, "publishers[0].keys"],
    ["a threshold above the keys", { publishers: [{ ...publishing, threshold: 2 }] }, "publishers[0].threshold"],
    ["a threshold of 0", { publishers: [{ ...publishing, threshold: 0 }] }, "publishers[0].threshold"],
    ["a key from a day that is none", { publishers: [{ match: ["a"], keys: [{ key: vkey, from: "2026-02-30" }] }] }, "publishers[0].keys[0].from"],
    ["a key that ends before it begins", { publishers: [{ match: ["a"], keys: [{ key: vkey, from: "2026-02-02", until: "2026-02-01" }] }] }, "publishers[0].keys[0].until"],
    ["a key revoked at an hour", { publishers: [{ match: ["a"], keys: [{ key: vkey, revoked: "2026-02-02T10:00" }] }] }, "publishers[0].keys[0].revoked"],
    ["a signer of another form", { signers: [{ match: ["a"], keys: ["ssh-ed25519 AAAA"] }] }, "signers[0].keys[0]"],
    ["an OpenPGP signer in lower case", { signers: [{ match: ["a"], keys: [`openpgp:${"ab".repeat(20)}`] }] }, "signers[0].keys[0]"],
    ["a short OpenPGP key id", { signers: [{ match: ["a"], keys: ["openpgp:ABCDEF0123456789"] }] }, "signers[0].keys[0]"],
    ["no signers at all", { signers: [{ ...signing, keys: [] }] }, "signers[0].keys"],
    ["0 rebuilders", { rebuilders: 0 }, "rebuilders"],
    ["half a rebuilder", { rebuilders: 0.5 }, "rebuilders"],
    ["governance without sources", { governance: { genesis: "ab".repeat(32) } }, "governance.sources"],
    ["governance without genesis", { governance: { sources: [] } }, "governance.genesis"],
    ["a genesis in upper case", { governance: { genesis: "AB".repeat(32), sources: [] } }, "governance.genesis"],
    ["a genesis too short", { governance: { genesis: "ab", sources: [] } }, "governance.genesis"],
    ["a source without its slash", { governance: { genesis: "ab".repeat(32), sources: ["https://a.example/tuf"] } }, "governance.sources[0]"],
    ["a source with credentials", { governance: { genesis: "ab".repeat(32), sources: ["https://a:b@a.example/tuf/"] } }, "governance.sources[0]"],
    ["too many sources", { governance: { genesis: "ab".repeat(32), sources: Array.from({ length: 17 }, () => "https://a.example/tuf/") } }, "governance.sources"],
    ["governance with more", { governance: { genesis: "ab".repeat(32), sources: [], trust: true } }, "governance.trust"],
  ])("refuses %s", (_, more, says) => expect(() => parsePolicy(JSON.stringify({ ...minimal, ...more }))).toThrow(refusal("CONFIG_MALFORMED", `vouchsafe.json:1: ${says}`)))
  test.each<[string, string, boolean]>([
    ["left-pad", "left-pad", true], ["left-pad", "left-pads", false], ["left-pad", "@x/left-pad", false],
    ["left-*", "left-pad", true], ["left-*", "left-", true], ["left-*", "left", false], ["left-*", "@left-/x", false],
    ["@acme/*", "@acme/x", true], ["@acme/*", "@acme-evil/x", false], ["@acme/*", "acme", false], ["@acme/x*", "@acme/xy", true], ["@acme/x*", "@acme/y", false],
    ["*", "left-pad", true], ["*", "@acme/x", true],
  ])("the pattern %s and the name %s: %s", (pattern, name, matches) => {
    const { levels } = parsePolicy(JSON.stringify({ ...minimal, levels: [{ match: [pattern], level: "rebuilt" }] }))
    expect(matchesName(levels[0]?.match ?? [], name)).toBe(matches)
  })
  test.each<[string, string, number, string]>([
    ["an unknown key", '{\n "format": "vouchsafe-policy/v1",\n "roster": "./r",\n "tresholt": 2\n}', 4, "document.tresholt"],
    ["a value deep inside", '{"format": "vouchsafe-policy/v1", "roster": "./r",\n"exceptions": [\n{"purl": "pkg:npm/a@1.0.0",\n"code": "NOT_VOUCHED", "owner": "a",\n"reason": "b",\n"until": "soon"}]}', 6, "exceptions[0].until"],
    ["a member that is missing, at what should hold it", '{"format": "vouchsafe-policy/v1", "roster": "./r",\n"exceptions": [\n\n{"purl": "pkg:npm/a@1.0.0"}]}', 4, "exceptions[0].code"],
    ["a rule", '{\n"rules": {\n"TOO_YOUNG": "deny",\n"TOO_OLD": "deny"\n},\n"format": "vouchsafe-policy/v1", "roster": "./r"}', 4, "rules.TOO_OLD"],
    ["a comma too many", '{\n"format": "vouchsafe-policy/v1",\n"roster": "./r",\n}', 4, "not JSON"],
    ["a comment", '{\n// ours\n"format": "vouchsafe-policy/v1"}', 2, "not JSON"],
    ["a text that never ends", '{\n"format": "vouchsafe-policy/v1,\n"roster": "./r"}', 2, "not JSON"],
    ["a mark of a merge conflict", '{\n"format": "vouchsafe-policy/v1",\n<<<<<<< HEAD\n"roster": "./r"\n}', 3, "not JSON"],
    ["nothing", "", 1, "not JSON"],
    ["brackets without end", "[".repeat(50_000), 1, "not JSON"],
    ["a key with a quote in it", '{"format": "vouchsafe-policy/v1", "roster": "./r", "a\\"b": 1,\n"rules": []}', 1, "no such member"],
  ])("an error points to the line: %s", (_, text, line, says) => {
    expect(() => parsePolicy(text)).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED", message: expect.stringMatching(new RegExp(`^vouchsafe\\.json:${line}: .*${says.replace(/[.[\]]/g, "\\$&")}`, "s")), details: expect.objectContaining({ line }) }))
  })
  test("refuses cut JSON", () => expect(() => parsePolicy('{"format":')).toThrow(refusal("CONFIG_MALFORMED", "not JSON")))
})

describe("statements", () => {
  const text = formatObservation(observation("alpha.example/log"))
  const noticeText = formatNotice(notice("alpha"))
  test("read back as written", () => {
    expect(formatObservation(parseObservation(text))).toBe(text)
    expect(formatNotice(parseNotice(noticeText))).toBe(noticeText)
    const foreignKeys = observation("alpha.example/log")
    const dependencies = new Map([["__proto__", "1"], ["constructor", "2"]])
    expect(parseObservation(formatObservation({ ...foreignKeys, package: { ...foreignKeys.package, dependencies } })).package.dependencies).toEqual(dependencies)
  })
  test.each<[string, (statement: Record<string, any>) => void, string]>([
    ["two subjects", (statement) => statement["subject"].push(statement["subject"][0]), "subject"],
    ["a subject with another digest beside", (statement) => { statement["subject"][0].digest.sha256 = "00" }, "sha256"],
    ["an upper-case digest", (statement) => { statement["subject"][0].digest.sha512 = "AB".repeat(64) }, "sha512"],
    ["a purl with qualifiers", (statement) => { statement["subject"][0].name += "?x=y" }, "qualifiers"],
    ["a foreign statement", (statement) => { statement["predicate"].kind = "foreign" }, "predicate.kind"],
    ["another predicate type", (statement) => { statement["predicateType"] += "1" }, "predicateType"],
    ["a missing fact", (statement) => { delete statement["predicate"].contents.h1 }, "predicate.contents.h1"],
    ["an unknown fact", (statement) => { statement["predicate"].approved = true }, "predicate.approved"],
    ["a negative size", (statement) => { statement["predicate"].tarball.size = -1 }, "predicate.tarball.size"],
    ["a size that is a text", (statement) => { statement["predicate"].tarball.size = "1" }, "predicate.tarball.size"],
    ["a script that is no text", (statement) => { statement["predicate"].package.scripts = { install: 1 } }, "scripts.install"],
  ])("refuses an observation with %s", (_, change, says) => {
    expect(() => parseObservation(editCanonical(text, change))).toThrow(expect.objectContaining({ kind: "input", message: expect.stringContaining(says) }))
  })
  test.each<[string, (statement: Record<string, any>) => void, string]>([
    ["a conflict without the other digest", (statement) => { statement["predicate"].notice = "conflict" }, "other"],
    ["a withdrawal that reverses", (statement) => { statement["predicate"].reverses = 0 }, "reverses"],
    ["a reason that is a book", (statement) => { statement["predicate"].reason = "x".repeat(501) }, "predicate.reason"],
    ["another kind", (statement) => { statement["predicate"].notice = "praise" }, "predicate.notice"],
  ])("refuses a notice with %s", (_, change, says) => {
    expect(() => parseNotice(editCanonical(noticeText, change))).toThrow(expect.objectContaining({ kind: "input", message: expect.stringContaining(says) }))
  })
  test("any other spelling is refused", () => expect(() => parseObservation(` ${text}`)).toThrow(refusal("JSON_NOT_CANONICAL", "")))
})

describe("evidence", () => {
  const request = formatEvidenceRequest({ artifacts: [{ purl: PURL, registry: REGISTRY }], deadlineMs: 5_000, knownSize: 7, noticesFrom: 0 })
  const evidence = evidenceOf(makeWorld(), "alpha")
  const [batch] = evidence.batches
  if (batch?.proof === undefined || evidence.notices === undefined) throw new TypeError("incomplete evidence")
  const answer = formatEvidenceAnswer({
    log: { ...batch, proof: batch.proof, consistency: [] }, notices: { ...evidence.notices, from: 0 },
    artifacts: [{ purl: PURL, registry: REGISTRY, status: "observed", indices: batch.indices }],
  })
  test("read back as written", () => {
    expect(formatEvidenceRequest(parseEvidenceRequest(request))).toBe(request)
    expect(formatEvidenceAnswer(parseEvidenceAnswer(answer))).toBe(answer)
  })
  test.each<[string, (document: Record<string, any>) => void, string]>([
    ["2,001 artifacts", (document) => { document["artifacts"] = Array.from({ length: 2_001 }, (_, i) => ({ purl: `pkg:npm/a${i}@1.0.0`, registry: REGISTRY })) }, "artifacts"],
    ["an artifact twice", (document) => document["artifacts"].push(document["artifacts"][0]), "artifacts[1]"],
    ["a deadline of an hour", (document) => { document["deadlineMs"] = 3_600_000 }, "deadlineMs"],
    ["an unknown member", (document) => { document["admin"] = true }, "document.admin"],
    ["a registry with credentials", (document) => { document["artifacts"][0].registry = "https://u:p@registry.example/" }, "artifacts[0].registry"],
  ])("refuses a request with %s", (_, change, says) => expect(() => parseEvidenceRequest(edit(request, change))).toThrow(refusal("REQUEST_MALFORMED", says)))
  test.each<[string, (document: Record<string, any>) => void, string]>([
    ["17 statements about one artifact", (document) => { document["artifacts"][0].indices = Array.from({ length: 17 }, (_, i) => i) }, "artifacts[0].indices"],
    ["indices that descend", (document) => { document["log"].indices = [3, 3] }, "log.indices[1]"],
    ["fewer entries than indices", (document) => { document["log"].entries = [] }, "log.entries"],
    ["a hash that is no base64", (document) => { document["log"].proof = ["!"] }, "log.proof[0]"],
    ["an allowed status that nodes may not say", (document) => { document["artifacts"][0].status = "vouched" }, "artifacts[0].status"],
    ["a code with a newline", (document) => { document["artifacts"][0].code = "A\nB" }, "artifacts[0].code"],
  ])("refuses an answer with %s", (_, change, says) => expect(() => parseEvidenceAnswer(edit(answer, change))).toThrow(refusal("EVIDENCE_MALFORMED", says)))
})

describe("registry ids", () => {
  test.each([
    ["https://Registry.Example", "https://registry.example/"], ["https://registry.example:443/", "https://registry.example/"],
    ["http://127.0.0.1:4873", "http://127.0.0.1:4873/"], ["https://registry.example/npm//", "https://registry.example/npm/"],
  ])("%s is spelled %s", (url, id) => expect(registryIdOf(url)).toBe(id))
  test.each(["https://u:p@registry.example/", "ftp://registry.example/", "https://registry.example/?a", "https://registry.example/#a", "registry.example", "https://registry.example/../", "https://registry.example:99999/"])(
    "%s has no spelling", (url) => {
      expect(isRegistryId(url)).toBe(false)
      expect(() => registryIdOf(url)).toThrow(refusal("CONFIG_MALFORMED", "registry URL"))
    })
})

test("texts of strangers cannot move a terminal", () => {
  expect(escapeForDisplay("a\u001b[31mb\u202ec\u200b\ud800\n")).toBe("a\\u{1b}[31mb\\u{202e}c\\u{200b}\\u{d800}\\u{a}")
})

test("parsers throw nothing but typed input errors", () => {
  const parsers = [(text: string) => parseRoster(crypto, text), parsePolicy, parseObservation, parseNotice, parseEvidenceRequest, parseEvidenceAnswer, parseMisbehavior]
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), fc.constantFrom(...parsers), (text, parse) => {
    try {
      parse(text)
    } catch (error) {
      if (!isVouchsafeError(error) || error.kind !== "input") throw error
    }
  }), { numRuns: 500 })
})
