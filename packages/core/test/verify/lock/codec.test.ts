import fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  type ArtifactFacts, FLAG_WORDS, formatLock, formatLockLine, formatLockset, hexEncode, isVouchsafeError, isWellFormed, type Lock, type LockLine, lockLines, lockLineOf, parseLock, parseLockLine, parseLockset, utf8Encode,
} from "../../../src/index.ts"
import { formatBits, parseBits } from "../../../src/verify/lock/bits.ts"
import { crypto, makeWorld, observation, provenance, REGISTRY, type World } from "../world.ts"
import { locksetBy, makeLock, projectLines } from "./locks.ts"

const world = makeWorld()
const lock = makeLock(world, [...projectLines(3), lockLineOf(observation("any", { upstream: { signature: null, publish: null, provenance: provenance(), refused: ["PROVENANCE_OTHER"] } }))])
const TEXT = formatLock(lock)
const LINES = TEXT.split("\n")
const other = "https://other.example/"

function refusalOf(text: string): { readonly message: string; readonly line: unknown } | undefined {
  try {
    parseLock(crypto, text)
    return undefined
  } catch (error) {
    if (!isVouchsafeError(error, "LOCK_MALFORMED")) throw error
    return { message: error.message, line: error.details["line"] }
  }
}

/** The lock with its lines edited. */
function edited(edit: (lines: string[]) => void): string {
  const lines = [...LINES]
  edit(lines)
  return lines.join("\n")
}

const replaced = (index: number, from: string | RegExp, to: string): string => edited((lines) => {
  const next = (lines[index] ?? "").replace(from, to)
  if (next === lines[index]) throw new TypeError(`line ${index + 1} has no ${from}`)
  lines[index] = next
})

const lockset = LINES.findIndex((line) => line.startsWith("lockset "))
const head = LINES.findIndex((line) => line.startsWith("head "))
const empty = LINES.indexOf("", 3)

describe("the file", () => {
  test("reads back as it was written", () => {
    expect(formatLock(parseLock(crypto, TEXT))).toBe(TEXT)
    expect(parseLock(crypto, TEXT)).toEqual(lock)
  })
  test("a lock without proofs, and one without lines", () => {
    for (const bare of [{ ...lock, locksets: [] }, { ...lock, locksets: [], lines: lockLines(crypto, [], REGISTRY) }]) expect(formatLock(parseLock(crypto, formatLock(bare)))).toBe(formatLock(bare))
  })
  test.each([
    { name: "an empty file", text: "", line: 1, says: "expected vouchsafe-lock/v1" },
    { name: "another format", text: replaced(0, "v1", "v2"), line: 1, says: "expected vouchsafe-lock/v1" },
    { name: "a byte order mark", text: `\uFEFF${TEXT}`, line: 1, says: "byte order mark" },
    { name: "CR LF", text: TEXT.replaceAll("\n", "\r\n"), line: 1, says: "carriage return" },
    { name: "one CR", text: replaced(4, /$/, "\r"), line: 5, says: "carriage return" },
    { name: "no newline at the end", text: TEXT.slice(0, -1), line: LINES.length - 1, says: "cut off" },
    { name: "half a file", text: TEXT.slice(0, TEXT.length / 2), line: undefined, says: "cut off" },
    { name: "a merge conflict", text: edited((lines) => lines.splice(4, 0, "<<<<<<< HEAD")), line: 5, says: "merge conflict" },
    { name: "the middle of a merge conflict", text: edited((lines) => lines.splice(5, 0, "=======")), line: 6, says: "merge conflict" },
    { name: "the end of a merge conflict", text: edited((lines) => lines.splice(6, 0, ">>>>>>> theirs")), line: 7, says: "merge conflict" },
    { name: "a network in upper case", text: replaced(1, /[0-9a-f]{64}/, "AB".repeat(32)), line: 2, says: "64 hex digits" },
    { name: "a roster version with a zero before it", text: replaced(1, / 1$/, " 01"), line: 2, says: "expected roster" },
    { name: "a registry without its slash", text: replaced(2, /\/$/, ""), line: 3, says: "trailing slash" },
    { name: "an unknown key", text: replaced(3, " #", " extra=1 #"), line: 4, says: '"extra=1"' },
    { name: "keys in another order", text: replaced(3, /( at=\d+)( by=\w+)/, "$2$1"), line: 4, says: "order" },
    { name: "a key twice", text: replaced(3, /( at=\d+)/, "$1$1"), line: 4, says: "again" },
    { name: "a line edited by hand", text: replaced(4, "by=stevemao", "by=mallory"), line: 5, says: "edited by hand" },
    { name: "a line whose hash was edited by hand", text: replaced(4, /h1:A/, "h1:B"), line: 5, says: "edited by hand" },
    { name: "a line without its mark", text: replaced(4, / #.{4}$/, ""), line: 5, says: "expected an artifact with its mark" },
    { name: "two spaces", text: replaced(4, " sha512-", "  sha512-"), line: 5, says: "does not begin with a purl" },
    { name: "a space at the end of a line", text: replaced(4, /$/, " "), line: 5, says: "mark" },
    { name: "lines in another order", text: edited((lines) => lines.splice(3, 2, lines[4] as string, lines[3] as string)), line: 5, says: "expected lines in order" },
    { name: "a line twice", text: edited((lines) => lines.splice(4, 0, lines[3] as string)), line: 5, says: "a second one about" },
    { name: "an upper-case escape spelt in lower case", text: replaced(3, "pkg:npm/dep", "pkg:npm/%64ep"), line: 4, says: "spelling" },
    { name: "base64 with bits to spare", text: replaced(3, /sha512-(.{85})./, "sha512-$1B"), line: 4, says: "does not begin with" },
    { name: "nothing after the empty line", text: edited((lines) => lines.splice(empty + 1)).concat("\n"), line: empty + 1, says: "nothing follows" },
    { name: "two empty lines", text: edited((lines) => lines.splice(empty, 0, "")), line: empty + 2, says: "expected a line of notices" },
    { name: "bytes after the end", text: `${TEXT}more\n`, line: LINES.length, says: '"more"' },
    { name: "an empty line after the end", text: `${TEXT}\n`, line: LINES.length, says: '""' },
    { name: "a head twice", text: edited((lines) => lines.splice(head, 0, lines[head] as string)), line: head + 2, says: "second head" },
    { name: "heads in another order", text: edited((lines) => lines.splice(head, lines.length - head - 1, ...reversedHeads(lines.slice(head, -1)))), line: undefined, says: "not in its one place" },
    { name: "a lockset of a head that is not there", text: replaced(lockset, / 6 (\d{10})/, " 7 $1"), line: lockset + 1, says: "does not stand before it" },
    { name: "a second lockset of a log", text: edited((lines) => lines.splice(lockset, 0, lines[lockset] as string)), line: lockset + 2, says: "second lockset of" },
    { name: "more notices heads than a roster has nodes", text: replaced(lockset, / \d+(?:,\d+)* 4 (\S+)$/, ` ${Array.from({ length: 129 }, () => "0").join(",")} 4 $1`), line: lockset + 1, says: "names 129 notices heads" },
    { name: "too few bits", text: replaced(lockset, / 4 (\S+)$/, " 3 $1"), line: lockset + 1, says: "has the bits" },
    { name: "bits in another spelling", text: replaced(lockset, / 4 (\S+)$/, " m:8A== $1"), line: lockset + 1, says: "one spelling" },
    { name: "a proof that is no base64", text: replaced(lockset, /.$/, "!"), line: lockset + 1, says: "base64 of hashes" },
    { name: "a notices head that nobody names", text: edited((lines) => lines.splice(empty + 1, 0, `notices aaa 3 ${"A".repeat(43)}=`)), line: undefined, says: "not in its one place" },
    { name: "a lone surrogate", text: replaced(head + 1, /$/, "\ud800"), line: head + 2, says: "lone surrogate" },
  ])("refuses: $name", ({ text, line, says }) => {
    const refusal = refusalOf(text)
    expect(refusal?.message).toContain(says)
    if (line === undefined) expect(refusal?.line).toBeTypeOf("number")
    else expect(refusal).toMatchObject({ line })
  })
  test.each([TEXT.replaceAll("\n", "\r\n"), replaced(4, "by=stevemao", "by=mallory")])("advises what works: `vouchsafe lock` writes over no lock that it cannot read", (text) => {
    expect(() => parseLock(crypto, text)).toThrow(expect.objectContaining({ hint: expect.stringMatching(/restore or remove the file, then run `npx vouchsafe lock`$/) }))
  })
  test("the mark catches an edit of every byte of a line", () => {
    const line = LINES[3] as string
    for (let i = 0; i < line.length; i++) {
      const next = String.fromCharCode(line.charCodeAt(i) === 0x7a ? 0x79 : line.charCodeAt(i) + 1)
      expect(refusalOf(edited((lines) => lines.splice(3, 1, line.slice(0, i) + next + line.slice(i + 1)))), `byte ${i}`).toBeDefined()
    }
  })
  test("refuses to make a lock with two lines about one purl", () => {
    const [first] = projectLines(1) as [LockLine]
    expect(() => lockLines(crypto, [first, { ...first, facts: { ...first.facts, registry: other } }], REGISTRY)).toThrow("two lines about")
  })
})

/** The second half with its heads the other way round. */
function reversedHeads(lines: readonly string[]): string[] {
  const groups: string[][] = []
  for (const line of lines) {
    if (line.startsWith("signed ")) groups.at(-1)?.push(line)
    else groups.push([line])
  }
  const heads = groups.filter(([first]) => first?.startsWith("head ")).reverse()
  return [...heads, ...groups.filter(([first]) => first?.startsWith("head ") === false)].flat()
}

const text = fc.string({ unit: "grapheme", maxLength: 20 }).filter(isWellFormed)
const fact = text.filter((value) => value !== "")
const hex = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(hexEncode)
const flags = fc.uniqueArray(fc.record({ word: fc.constantFrom(...FLAG_WORDS), detail: text }), { selector: ({ word, detail }) => `${word}:${detail}`, maxLength: 6 })
  .map((list) => list.sort((a, b) => (`${a.word}:${a.detail}` < `${b.word}:${b.detail}` ? -1 : 1)))
const facts: fc.Arbitrary<ArtifactFacts> = fc.record({
  purl: fc.constantFrom("pkg:npm/a@1.0.0", "pkg:npm/%40s/b@2.0.0-rc.1%2Bx"), registry: fc.constantFrom(REGISTRY, other), sha512: hex(64),
  h1: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => `h1:${Buffer.from(bytes).toString("base64")}`),
  publishedAt: fc.option(fc.integer({ min: 0, max: 4_000_000_000 })), publisher: fc.option(text), repository: fc.option(text),
  provenance: fc.option(fc.record({
    repository: fact, repositoryId: fc.option(fact), ownerId: fc.option(fact), commit: fact, workflow: fc.option(fact), builder: fact, runner: fc.constantFrom("github-hosted" as const, "self-hosted" as const, null),
  })),
  runsScripts: fc.boolean(), flags,
})
const line = fc.record({ facts, bundled: fc.array(fact, { maxLength: 3 }) })

describe("a line", () => {
  test("reads back as it was written", () => {
    fc.assert(fc.property(line, (one) => {
      expect(parseLockLine(formatLockLine(one, REGISTRY), REGISTRY)).toEqual(one)
    }))
  })
  test("has one spelling", () => {
    fc.assert(fc.property(line, fc.nat(), fc.string({ unit: "binary-ascii", minLength: 0, maxLength: 2 }), fc.nat(2), (one, at, insert, cut) => {
      const written = formatLockLine(one, REGISTRY)
      const place = at % (written.length + 1)
      const changed = written.slice(0, place) + insert + written.slice(place + cut)
      let read: LockLine
      try {
        read = parseLockLine(changed, REGISTRY)
      } catch (error) {
        expect(isVouchsafeError(error) && error.kind === "input").toBe(true)
        return
      }
      expect(formatLockLine(read, REGISTRY)).toBe(changed)
    }))
  })
  test("throws nothing but refusals", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.string({ unit: "binary-ascii" })), (garbage) => {
      for (const candidate of [garbage, `${formatLockLine(projectLines(1)[0] as LockLine, REGISTRY)} ${garbage}`]) {
        try {
          parseLockLine(candidate, REGISTRY)
        } catch (error) {
          expect(isVouchsafeError(error) && error.kind === "input").toBe(true)
        }
      }
    }))
  })
  const good = formatLockLine(lock.lines.artifacts[3] as LockLine, REGISTRY)
  test.each([
    { name: "the lock's own registry", line: `${good.replace(/ at=.*/, "")} registry=${REGISTRY}`, says: "no registry id other than" },
    { name: "no registry id", line: `${good.replace(/ at=.*/, "")} registry=other`, says: "no registry id other than" },
    { name: "a time with a zero before it", line: good.replace(/at=/, "at=0"), says: "plain decimal" },
    { name: "a flag that nobody knows", line: good.replace(/flags=\w+/, "flags=strange"), says: "none that is known" },
    { name: "a flag twice", line: good.replace(/flags=(\S+)/, "flags=$1,$1"), says: "not in order" },
    { name: "a flag with an empty detail", line: good.replace(/flags=\S+/, "flags=burst:"), says: "empty detail" },
    { name: "a runner that nobody knows", line: good.replace("github-hosted flags", "mine flags"), says: "runner" },
    { name: "six facts of provenance", line: good.replace(/prov=([^,]*),/, "prov=$1"), says: "6 items" },
    { name: "provenance without a commit", line: good.replace(/,[0-9a-f]{40},/, ",,"), says: "lacks" },
    { name: "runs with a value", line: good.replace(" flags", " runs=1 flags"), says: '"runs=1"' },
    { name: "an escape of what needs none", line: good.replace("by=s", "by=%73"), says: "one spelling" },
    { name: "an escape in lower case", line: good.replace("by=s", "by=%2c"), says: "one spelling" },
    { name: "an escape that is no UTF-8", line: good.replace("by=s", "by=%FF"), says: "one spelling" },
    { name: "a comma in a text", line: good.replace("by=s", "by=,"), says: "one spelling" },
    { name: "a bundled path that is empty", line: good.replace(" flags", " bundled=a,,b flags"), says: "empty item" },
    { name: "too long a line", line: good + "a".repeat(70_000), says: "at most" },
  ])("refuses: $name", ({ line: bad, says }) => {
    expect(() => parseLockLine(bad, REGISTRY)).toThrow(says)
  })
})

describe("bits", () => {
  test("read back as they were written", () => {
    fc.assert(fc.property(fc.array(fc.boolean(), { maxLength: 400 }), (bits) => {
      expect(parseBits(formatBits(bits), bits.length)).toEqual(bits)
    }))
  })
  test("have one spelling", () => {
    fc.assert(fc.property(fc.stringMatching(/^[0-9,m:A-Za-z+/=]{0,12}$/), fc.nat(40), (spelt, count) => {
      const bits = parseBits(spelt, count)
      if (bits !== undefined) expect(formatBits(bits)).toBe(spelt)
    }))
  })
  test.each([["1300", 1300], ["0,5", 5], ["2,1,2", 5]])("%s", (spelt, count) => {
    expect(formatBits(parseBits(spelt, count) ?? [])).toBe(spelt)
  })
  test("alternating ones are packed", () => {
    expect(formatBits(Array.from({ length: 80 }, (_, i) => i % 2 === 0))).toMatch(/^m:/)
  })
})

describe("a lockset", () => {
  const said = statementOf(world)
  test("reads back as it was written", () => {
    expect(formatLockset(parseLockset(said))).toBe(said)
  })
  test.each([
    { name: "kind foreign", from: '"kind":"own"', to: '"kind":"foreign"' },
    { name: "another subject", from: '"vouchsafe.lock"', to: '"pkg:npm/x@1.0.0"' },
    { name: "another digest", from: "rfc6962Sha256", to: "sha256" },
    { name: "an upper-case root", from: /"rfc6962Sha256":"[0-9a-f]{4}/, to: '"rfc6962Sha256":"ABCD' },
    { name: "no lines", from: '"bits":"5","count":5', to: '"bits":"0","count":0' },
    { name: "more lines than a lock has", from: '"bits":"5","count":5', to: '"bits":"20001","count":20001' },
    { name: "more bits than lines", from: '"count":5', to: '"count":4' },
    { name: "bits in another spelling", from: '"bits":"5"', to: '"bits":"m:+A=="' },
    { name: "a member too many", from: '"count":5', to: '"count":5,"extra":1' },
    { name: "a notices log twice", from: "alpha.example/notices", to: "beta.example/notices" },
    { name: "no registry id", from: REGISTRY, to: "https://registry.example" },
    { name: "roster version 0", from: '"roster":1', to: '"roster":0' },
    { name: "a space", from: '"count":5', to: '"count": 5' },
  ])("refuses: $name", ({ from, to }) => {
    expect(said.replace(from, to)).not.toBe(said)
    expect(() => parseLockset(said.replace(from, to))).toThrow(expect.objectContaining({ kind: "input" }))
  })
})

function statementOf(of: World): string {
  const made = makeLock(of) as Lock
  const { log, bits, roster, notices, time } = locksetBy(of, "alpha", made)
  return formatLockset({ log, bits, roster, notices, time, registry: REGISTRY, count: 5, root: crypto.sha256(utf8Encode("root")) })
}
