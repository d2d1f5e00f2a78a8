import fc from "fast-check"
import { expect, test } from "vitest"
import { parseTlogPolicy, quorumSatisfied, verifierKeyOf } from "../src/index.ts"
import { allowOnly, expectRefusal, PROPERTY_RUNS } from "./support.ts"

const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
const log = (byte: number): string => verifierKeyOf(`log${byte}.example`, 1, key(byte)).vkey
const witness = (byte: number): string => verifierKeyOf(`w${byte}.example`, 4, key(byte)).vkey

const GOOD = `# who is trusted
log ${log(1)}
log\t${log(2)}  https://log2.example/prefix/

witness a ${witness(3)}
witness b ${witness(4)} https://w4.example/
witness c ${witness(5)}
witness d ${witness(6)}
group ab any a b
group all all ab c
group most 2 all d
quorum most
`

test("a policy reads with its keys, addresses, groups and quorum", () => {
  const policy = parseTlogPolicy(GOOD)
  expect(policy.logs.map(({ key: { name }, url }) => [name, url])).toEqual([["log1.example", undefined], ["log2.example", "https://log2.example/prefix/"]])
  expect(policy.witnesses.map(({ name, url }) => [name, url])).toEqual([["a", undefined], ["b", "https://w4.example/"], ["c", undefined], ["d", undefined]])
  expect(policy.groups).toEqual([
    { name: "ab", threshold: 1, members: ["a", "b"] }, { name: "all", threshold: 2, members: ["ab", "c"] }, { name: "most", threshold: 2, members: ["all", "d"] },
  ])
  expect(parseTlogPolicy("quorum none")).toEqual({ logs: [], witnesses: [], groups: [], quorum: "none" })
  expect(parseTlogPolicy(`witness \u00e9 ${witness(3)}\nquorum \u00e9\n`).quorum).toBe("\u00e9")
})

test.each([
  { present: [], ok: false }, { present: ["a", "b", "c"], ok: false }, { present: ["d"], ok: false }, { present: ["a", "c"], ok: false },
  { present: ["a", "d"], ok: false }, { present: ["a", "c", "d"], ok: true }, { present: ["b", "c", "d", "x"], ok: true },
  { present: ["most"], ok: false }, { present: ["all", "d"], ok: false },
])("quorum over groups with $present: $ok", ({ present, ok }) => {
  expect(quorumSatisfied(parseTlogPolicy(GOOD), new Set(present))).toBe(ok)
})

test("quorum of one witness, and none", () => {
  expect(quorumSatisfied(parseTlogPolicy(`witness a ${witness(3)}\nquorum a\n`), new Set(["a"]))).toBe(true)
  expect(quorumSatisfied(parseTlogPolicy(`witness a ${witness(3)}\nquorum a\n`), new Set(["b"]))).toBe(false)
  expect(quorumSatisfied(parseTlogPolicy("quorum none\n"), new Set())).toBe(true)
})

test.each([
  { name: "nothing", text: "", says: "no quorum line" },
  { name: "no quorum", text: GOOD.replace("quorum most\n", ""), says: "no quorum line" },
  { name: "two quorums", text: `${GOOD}quorum most\n`, says: "second quorum" },
  { name: "an unknown quorum", text: GOOD.replace("quorum most", "quorum more"), says: "quorum is" },
  { name: "a quorum before its group", text: `quorum a\nwitness a ${witness(3)}\n`, says: "quorum is" },
  { name: "quorum without a name", text: "quorum\n", says: "words" },
  { name: "quorum with two names", text: "quorum none none\n", says: "words" },
  { name: "an unknown keyword", text: `${GOOD}logs x\n`, says: "starts with" },
  { name: "a keyword in capitals", text: GOOD.replace("log ", "Log "), says: "starts with" },
  { name: "a comment after a line", text: GOOD.replace("quorum most", "quorum most # two"), says: "words" },
  { name: "an indented comment", text: GOOD.replace("# who", " # who"), says: "starts with" },
  { name: "carriage returns", text: GOOD.replaceAll("\n", "\r\n"), says: "control character" },
  { name: "a NUL", text: `${GOOD}\0`, says: "control character" },
  { name: "a DEL", text: `${GOOD}\u007f`, says: "control character" },
  { name: "a lone surrogate", text: `${GOOD}#\ud800`, says: "control character" },
  { name: "a byte order mark", text: `\ufeff${GOOD}`, says: "starts with" },
  { name: "a bare hexadecimal key", text: `log ${"ab".repeat(32)}\nquorum none\n`, says: "line 1" },
  { name: "a wrong key ID", text: GOOD.replace(log(1), log(1).replace(/\+[0-9a-f]{8}\+/, "+00000000+")), says: "key ID" },
  { name: "a log with a cosigner's key", text: `log ${witness(3)}\nquorum none\n`, says: "of type 4" },
  { name: "a witness with a log's key", text: `witness a ${log(3)}\nquorum none\n`, says: "of type 1" },
  { name: "a log twice", text: `log ${log(1)}\nlog ${log(1)}\nquorum none\n`, says: "twice" },
  { name: "a log's key under another name", text: `log ${log(1)}\nlog ${verifierKeyOf("other", 1, key(1)).vkey}\nquorum none\n`, says: "twice" },
  { name: "a witness's key under another name", text: `witness a ${witness(3)}\nwitness b ${verifierKeyOf("other", 4, key(3)).vkey}\nquorum none\n`, says: "twice" },
  { name: "a witness name twice", text: `witness a ${witness(3)}\nwitness a ${witness(4)}\nquorum none\n`, says: "twice" },
  { name: "a group named as a witness", text: GOOD.replace("group ab any a b", "group d any a b"), says: "twice" },
  { name: "a witness named none", text: `witness none ${witness(3)}\nquorum none\n`, says: "reserved" },
  { name: "a group named none", text: `witness a ${witness(3)}\ngroup none any a\nquorum none\n`, says: "reserved" },
  { name: "a group with none as member", text: GOOD.replace("any a b", "any a none"), says: "earlier line" },
  { name: "a group without members", text: GOOD.replace("any a b", "any"), says: "words" },
  { name: "a member twice", text: GOOD.replace("any a b", "any a a"), says: "twice" },
  { name: "a member of two groups", text: GOOD.replace("all ab c", "all ab c a"), says: "twice" },
  { name: "a group in itself", text: GOOD.replace("group ab any a b", "group ab any ab b"), says: "earlier line" },
  { name: "an unknown member", text: GOOD.replace("any a b", "any a x"), says: "earlier line" },
  { name: "a threshold of 0", text: GOOD.replace("most 2", "most 0"), says: "asks for 0 of 2" },
  { name: "a threshold beyond the members", text: GOOD.replace("most 2", "most 3"), says: "asks for 3 of 2" },
  { name: "a threshold with a leading zero", text: GOOD.replace("most 2", "most 02"), says: "decimal" },
  { name: "a threshold in words", text: GOOD.replace("most 2", "most ALL"), says: "decimal" },
  { name: "a negative threshold", text: GOOD.replace("most 2", "most -1"), says: "decimal" },
  { name: "a log without a key", text: "log\nquorum none\n", says: "words" },
  { name: "a log with too many words", text: `log ${log(1)} https://x.example/ y\nquorum none\n`, says: "words" },
  { name: "an address that is none", text: `log ${log(1)} x.example\nquorum none\n`, says: "address" },
  { name: "an address without a host", text: `log ${log(1)} https:///x\nquorum none\n`, says: "address" },
  { name: "an address of another scheme", text: `log ${log(1)} file://x/y\nquorum none\n`, says: "address" },
  { name: "too long", text: "#".repeat(1_000_001), says: "at most" },
])("policy refuses: $name", ({ text, says }) => {
  expectRefusal(() => parseTlogPolicy(text), "POLICY_TEXT_MALFORMED", says)
})

test("at least 32 logs, witnesses and groups", () => {
  const numbers = Array.from({ length: 40 }, (_, i) => i + 1)
  const text = [
    ...numbers.map((i) => `log ${log(i)}`), ...numbers.map((i) => `witness w${i} ${witness(100 + i)}`), ...numbers.map((i) => `group g${i} all w${i}`),
    `group top 21 ${numbers.map((i) => `g${i}`).join(" ")}`, "quorum top",
  ].join("\n")
  const policy = parseTlogPolicy(text)
  expect([policy.logs.length, policy.witnesses.length, policy.groups.length]).toEqual([40, 40, 41])
  const names = numbers.map((i) => `w${i}`)
  expect(quorumSatisfied(policy, new Set(names.slice(0, 20)))).toBe(false)
  expect(quorumSatisfied(policy, new Set(names.slice(0, 21)))).toBe(true)
})

test("throws nothing but POLICY_TEXT_MALFORMED; dropping a witness never satisfies a quorum", () => {
  const pieces = fc.string({ unit: fc.constantFrom("log ", "witness ", "group ", "quorum ", "none", "a", "b", " ", "\n", "any ", "1 ", witness(3), log(1), "#"), maxLength: 14 })
  fc.assert(fc.property(pieces, (text) => { allowOnly(() => parseTlogPolicy(text), "POLICY_TEXT_MALFORMED") }), { numRuns: PROPERTY_RUNS * 2 })
  const policy = parseTlogPolicy(GOOD)
  fc.assert(fc.property(fc.subarray(["a", "b", "c", "d"]), fc.constantFrom("a", "b", "c", "d"), (names, dropped) => {
    const fewer = new Set(names.filter((name) => name !== dropped))
    expect(quorumSatisfied(policy, fewer) && !quorumSatisfied(policy, new Set(names))).toBe(false)
  }), { numRuns: PROPERTY_RUNS })
})
