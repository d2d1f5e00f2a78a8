import { beforeAll, describe, expect, test } from "vitest"
import { findSigner, parseAllowedSigners } from "../../src/git/allowed-signers.ts"
import { matchesPattern, matchesPatternList } from "../../src/git/ssh-pattern.ts"
import { parseSshPublicKeyText, type SshPublicKey } from "../../src/git/ssh-key.ts"
import { formatSshTime, parseSshTime } from "../../src/git/ssh-time.ts"
import { makeSshKey, sshKeygenVerifies, type SshKeyPair, sshSign, workFolder } from "./ssh-tools.ts"

const folder = workFolder("allowed")
const MESSAGE = "hello\n"
const AT = 1_700_000_000 // 2023-11-14T22:13:20Z
let pair: SshKeyPair
let other: SshKeyPair
let key: SshPublicKey
let signature: string
beforeAll(() => {
  pair = makeSshKey(folder, "one", "ed25519")
  other = makeSshKey(folder, "two", "ed25519")
  const [type = "", base64 = ""] = pair.line.split(" ")
  key = parseSshPublicKeyText(type, base64)
  signature = sshSign(pair, MESSAGE)
})

// Every row is asked of ssh-keygen too. `K` stands for the key, `O` for another one.
const ROWS: readonly { name: string; line: string; matches: boolean; identity?: string; time?: number; stricter?: true }[] = [
  { name: "plain", line: "dev@x K", matches: true },
  { name: "with a comment", line: "dev@x K my key", matches: true },
  { name: "blanks and tabs", line: " \tdev@x \t K ", matches: true },
  { name: "quoted principal", line: '"dev@x" K', matches: true },
  { name: "second of two principals", line: "a@x,dev@x K", matches: true },
  { name: "star", line: "* K", matches: true },
  { name: "pattern", line: "*@x K", matches: true },
  { name: "question mark", line: "de?@x K", matches: true },
  { name: "star with an exclusion of another", line: "!root@x,*@x K", matches: true },
  { name: "excluded", line: "*@x,!dev@x K", matches: false },
  { name: "excluded first", line: "!dev@x,*@x K", matches: false },
  { name: "only an exclusion", line: "!root@x K", matches: false },
  { name: "another principal", line: "a@x K", matches: false },
  { name: "another case", line: "DEV@x K", matches: false },
  { name: "question mark takes one", line: "dev?@x K", matches: false },
  { name: "another key", line: "dev@x O", matches: false },
  { name: "a comment line", line: "# dev@x K", matches: false },
  { name: "no key", line: "dev@x", matches: false },
  { name: "no principal", line: "K", matches: false },
  { name: "a kind that differs from the blob", line: "dev@x ssh-rsa B", matches: false },
  { name: "namespace", line: 'dev@x namespaces="git" K', matches: true },
  { name: "namespace among others", line: 'dev@x namespaces="file,git" K', matches: true },
  { name: "namespace pattern", line: 'dev@x namespaces="g*" K', matches: true },
  { name: "option name in capitals", line: 'dev@x NameSpaces="git" K', matches: true },
  { name: "another namespace", line: 'dev@x namespaces="file" K', matches: false },
  { name: "no namespace at all", line: 'dev@x namespaces="" K', matches: false },
  { name: "namespace excluded", line: 'dev@x namespaces="*,!git" K', matches: false },
  { name: "namespace not quoted", line: "dev@x namespaces=git K", matches: false },
  { name: "namespaces twice", line: 'dev@x namespaces="git",namespaces="git" K', matches: false },
  { name: "cert-authority", line: "dev@x cert-authority K", matches: false },
  { name: "cert-authority in capitals, beside another", line: 'dev@x CERT-AUTHORITY,namespaces="git" K', matches: false },
  { name: "an unknown option", line: 'dev@x no-touch-required K', matches: false },
  { name: "an unknown option with a value", line: 'dev@x purpose="git" K', matches: false },
  { name: "a comma at the end", line: 'dev@x namespaces="git", K', matches: false },
  { name: "an open quote", line: 'dev@x namespaces="git K', matches: false },
  { name: "a blank in a value", line: 'dev@x namespaces="git file" K', matches: false },
  { name: "from a day", line: 'dev@x valid-after="20231114" K', matches: true },
  { name: "from a later day", line: 'dev@x valid-after="20231115" K', matches: false },
  { name: "from the minute", line: 'dev@x valid-after="202311142213" K', matches: true },
  { name: "from the next minute", line: 'dev@x valid-after="202311142214" K', matches: false },
  { name: "from the second itself", line: 'dev@x valid-after="20231114221320" K', matches: true },
  { name: "from the next second", line: 'dev@x valid-after="20231114221321" K', matches: false },
  { name: "from the second itself, Z", line: 'dev@x valid-after="20231114221320Z" K', matches: true },
  { name: "from the next second, z", line: 'dev@x valid-after="20231114221321z" K', matches: false },
  { name: "from the second itself, UTC", line: 'dev@x valid-after="20231114221320UTC" K', matches: true },
  { name: "until the second itself", line: 'dev@x valid-before="20231114221320Z" K', matches: true },
  { name: "until the second before", line: 'dev@x valid-before="20231114221319Z" K', matches: false },
  { name: "until a day, Z", line: 'dev@x valid-before="20231115Z" K', matches: true },
  { name: "until that day begins", line: 'dev@x valid-before="20231114Z" K', matches: false },
  { name: "both", line: 'dev@x valid-after="20230101",valid-before="20240101" K', matches: true },
  { name: "both with a namespace", line: 'dev@x valid-after="20230101",namespaces="git",valid-before="20240101" K', matches: true },
  { name: "both the wrong way round", line: 'dev@x valid-after="20240101",valid-before="20230101" K', matches: false },
  { name: "both the same", line: 'dev@x valid-after="20231114221320",valid-before="20231114221320" K', matches: false },
  { name: "a date with dashes", line: 'dev@x valid-after="2023-11-14" K', matches: false },
  { name: "a date of ten digits", line: 'dev@x valid-after="2023111422" K', matches: false },
  { name: "month 13", line: 'dev@x valid-after="20231314" K', matches: false },
  { name: "day 32", line: 'dev@x valid-after="20231132" K', matches: false },
  { name: "hour 24", line: 'dev@x valid-after="202311142460" K', matches: false },
  { name: "31 February, which ssh-keygen takes for 3 March", line: 'dev@x valid-after="20230231" K', matches: false, stricter: true },
  { name: "no date", line: 'dev@x valid-after="" K', matches: false },
  { name: "valid-after twice", line: 'dev@x valid-after="20230101",valid-after="20230101" K', matches: false },
  { name: "a bad line, then a good one", line: "dev@x nonsense K\ndev@x K", matches: true },
  { name: "expired line, then a valid one", line: 'dev@x valid-before="20200101" K\ndev@x valid-after="20200101" K', matches: true },
  { name: "no newline at the end", line: "other@x O\ndev@x K", matches: true },
]

describe("as ssh-keygen reads it", () => {
  test.each(ROWS)("$name", ({ line, matches, stricter }) => {
    const blob = pair.line.split(" ")[1] ?? ""
    const text = line.replace(/\bK\b/g, pair.line).replace(/\bO\b/g, other.line).replace(/\bB\b/g, blob)
    const mine = findSigner(parseAllowedSigners(text), { key, namespace: "git", time: AT, identity: "dev@x" })
    expect(mine.ok).toBe(matches)
    if (stricter === undefined) expect(sshKeygenVerifies(folder, { allowed: text, signature, message: MESSAGE, identity: "dev@x", time: formatSshTime(AT) })).toBe(matches)
  })
})

test("lines that never match are named with the reason", () => {
  const { signers, problems } = parseAllowedSigners(`# ours\n\ndev@x ${pair.line}\nca@x cert-authority ${pair.line}\nold@x valid-after="soon" ${pair.line}\nx@x\n`)
  expect(signers.map(({ line }) => line)).toEqual([3])
  expect(problems.map(({ line }) => line)).toEqual([4, 5, 6])
  expect(problems[0]?.reason).toContain("cert-authority: certificates are not judged here")
  expect(problems[1]?.reason).toContain('valid-after is "soon"')
})

test("a text or a list of lines beyond the limit counts for nothing", () => {
  expect(parseAllowedSigners(`dev@x ${pair.line}\n${"#".repeat(1024 * 1024)}`)).toMatchObject({ signers: [], problems: [{ line: 0 }] })
  expect(parseAllowedSigners(`dev@x ${pair.line}\n${"\n".repeat(10_000)}`)).toMatchObject({ signers: [], problems: [{ line: 0 }] })
})

test("without an identity the signer is the first principal that its own line matches", () => {
  const ask = (text: string): unknown => findSigner(parseAllowedSigners(text.replaceAll("K", pair.line)), { key, namespace: "git", time: AT })
  expect(ask("a@x,b@x K")).toEqual({ ok: true, signer: "a@x", line: 1 })
  expect(ask("!a@x,b@x K")).toEqual({ ok: true, signer: "b@x", line: 1 })
  expect(ask("!a@x K")).toMatchObject({ ok: false, detail: expect.stringContaining("is for other principals") as string })
  expect(ask('a@x valid-before="20200101" K')).toMatchObject({ ok: false, detail: expect.stringContaining("line 1 was valid earlier only") as string })
})

test.each([
  ["20231114", 1_699_920_000], ["20231114Z", 1_699_920_000], ["202311142213", 1_699_999_980], ["20231114221320", AT], ["20231114221320UTC", AT],
  ["20231114221360", undefined], ["19700101", undefined], ["20230229", undefined], ["20240229", 1_709_164_800], ["2023111", undefined], ["20231114 ", undefined], ["+2231114", undefined],
])("time %s", (text, seconds) => {
  expect(parseSshTime(text)).toBe(seconds)
})

test("patterns: stars cost little, and mean what they say", () => {
  expect(matchesPattern("a".repeat(5000), `${"*a".repeat(500)}b`)).toBe(false)
  expect(matchesPattern("abcabc", "*abc")).toBe(true)
  expect(matchesPattern("", "*")).toBe(true)
  expect(matchesPattern("", "?")).toBe(false)
  expect(matchesPattern("a*b", "a\\*b")).toBe(false)
  expect(matchesPatternList("a", "")).toBe(false)
})
