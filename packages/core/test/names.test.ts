import { PackageURL } from "packageurl-js"
import fc from "fast-check"
import { expect, test } from "vitest"
import {
  base64Encode, formatPurl, h1, hexOfH1, npmNameOf, npmPurl, parsePurl, parseSri, type Purl, sha512OfSri, spellNpmPurl, sriOfSha512,
} from "../src/index.ts"
import { allowOnly, expectRefusal, nodeCrypto, PROPERTY_RUNS } from "./support.ts"

test.each([
  "", "pkg:", "pkg:npm", "pkg:npm/", "pkg:/npm", "npm/foo@1", "pkg%3Anpm/foo@1", "pkg:npm/@1.0.0", "pkg:npm/@scope/@1.0.0", "pkg:1npm/foo", "pkg:n_pm/foo", "pkg:npm/foo@1?a b=1", "pkg:npm/foo@1?=1",
  "pkg:npm/foo@1?a", "pkg:npm/foo@1?a=1&a=2", "pkg:npm/foo@1?a=1&A=2", "pkg:npm/foo@1?", "pkg:npm/foo%", "pkg:npm/foo%2", "pkg:npm/foo%zz", "pkg:npm/foo%ff@1", "pkg:npm/foo%00@1", "pkg:npm/foo@1%0a", "pkg:npm/a%2fb/c@1",
  "pkg:npm/a%2Fb@1", "pkg:npm/a@b/c@1", "pkg:npm/@a/b@c@1", "pkg:maven/@a/b@1", "pkg:npm/foo@1#a%2Fb", "pkg:npm/\ud800@1", `pkg:npm/${"a".repeat(4097)}`,
])("purl refuses %j", (text) => {
  expectRefusal(() => parsePurl(text), "PURL_MALFORMED")
})

test.each([
  ["pkg:npm/%40scope/name@1.0.0", { name: "@scope/name", version: "1.0.0" }],
  ["pkg:npm/@scope/name@1.0.0", { name: "@scope/name", version: "1.0.0" }],
  ["pkg:npm/JSONStream@1.3.5", { name: "JSONStream", version: "1.3.5" }],
  ["pkg:npm/a@1.0.0-beta.1%2Bbuild.5", { name: "a", version: "1.0.0-beta.1+build.5" }],
])("%s names an npm package", (text, expected) => {
  expect(npmNameOf(text)).toEqual(expected)
  expect(npmPurl(expected.name, expected.version)).toBe(text.replace("/@", "/%40"))
})

test.each([
  "pkg:npm/foo", "pkg:npm/%40scope/foo", "pkg:pypi/foo@1", "pkg:npm/scope/foo@1", "pkg:npm/%40a/b/foo@1", "pkg:npm/%40/foo@1", "pkg:npm/%40@1", "pkg:npm/a%40b@1", "pkg:npm/foo@1?repository_url=https:%2F%2Fprivate.example", "pkg:npm/foo@1#sub",
])("no npm name in %j", (text) => {
  expectRefusal(() => npmNameOf(text), "PURL_MALFORMED")
})

test.each(["", "/", "@", "@scope", "@scope/", "@/name", "scope/name", "@a/b/c", "a@b", "@a@b/c"])("no npm purl for the name %j", (name) => {
  expectRefusal(() => npmPurl(name, "1.0.0"), "PURL_MALFORMED")
})

test("no purl without a version, and another registry shows", () => {
  expectRefusal(() => npmPurl("a", ""), "PURL_MALFORMED")
  expectRefusal(() => npmPurl("a", "1\n"), "PURL_MALFORMED")
  expectRefusal(() => npmPurl("a", "\udead"), "PURL_MALFORMED")
  const other = npmPurl("@s/a", "1.0.0", { repositoryUrl: "https://registry.example/" })
  expect(other).toBe("pkg:npm/%40s/a@1.0.0?repository_url=https:%2F%2Fregistry.example%2F")
  expect(parsePurl(other).qualifiers).toEqual({ repository_url: "https://registry.example/" })
  expectRefusal(() => npmNameOf(other), "PURL_MALFORMED", "qualifiers")
})

const word = fc.string({ unit: fc.constantFrom(..."abcXYZ019.-_~:@+%/?#& é\u4e2d\ud83d\ude00".match(/./gu) as string[]), minLength: 1, maxLength: 8 })
const segment = word.filter((text) => !text.includes("/"))
const purls = fc.record({
  type: fc.constantFrom("npm", "generic", "a.b-c"), name: segment, version: word, namespace: fc.array(segment, { minLength: 1, maxLength: 2 }).map((parts) => parts.join("/")),
  subpath: fc.array(segment.filter((text) => text !== "." && text !== ".."), { minLength: 1, maxLength: 2 }).map((parts) => parts.join("/")),
  qualifiers: fc.dictionary(fc.constantFrom("a", "b.c", "repository_url"), word, { noNullPrototype: true }),
}, { requiredKeys: ["type", "name", "qualifiers"] })

test("purls write back; reading throws nothing but PURL_MALFORMED and settles after one round", () => {
  fc.assert(fc.property(purls, (parts) => { expect(parsePurl(formatPurl(parts as Purl))).toEqual(parts) }), { numRuns: PROPERTY_RUNS * 2 })
  const pieces = fc.string({ unit: fc.constantFrom("pkg:", "npm", "/", "@", "a", "%40", "%2F", "?", "=", "#", "..", "1", "&"), maxLength: 10 }).map((text) => `pkg:npm/${text}`)
  fc.assert(fc.property(fc.oneof(pieces, fc.string()), (text) => {
    allowOnly(() => {
      const canonical = formatPurl(parsePurl(text))
      expect(formatPurl(parsePurl(canonical))).toBe(canonical)
    }, "PURL_MALFORMED")
  }), { numRuns: PROPERTY_RUNS * 5 })
})

test("an npm purl is spelt as taking it apart and writing it again does, or refused the same", () => {
  const pieces = fc.string({ unit: fc.constantFrom("a", "B", "1", ".", "..", "-", "_", "~", ":", "/", "@", "%40", "%2B", "%2b", "%41", "+", "?", "#", "\n", "é", "pkg:npm/"), maxLength: 8 })
  const texts = fc.oneof(pieces.map((text) => `pkg:npm/${text}`), fc.tuple(pieces, pieces).map(([name, version]) => `pkg:npm/${name}@${version}`), fc.tuple(pieces, pieces, pieces).map(([scope, name, version]) => `pkg:npm/%40${scope}/${name}@${version}`))
  const outcome = (action: () => string): string => {
    try {
      return action()
    } catch (error) {
      return String((error as { code?: string }).code)
    }
  }
  const PLAIN_SEED = 20_261
  let plain = 0
  fc.assert(fc.property(texts, (text) => {
    const spelled = outcome(() => spellNpmPurl(text))
    if (spelled === text) plain += 1
    expect(spelled).toBe(outcome(() => {
      const { name, version } = npmNameOf(text)
      return npmPurl(name, version)
    }))
  }), { numRuns: PROPERTY_RUNS * 10, seed: PLAIN_SEED })
  // the cases are the same in every run: random ones are now and then nearly all refused
  expect(plain).toBeGreaterThan(10)
  expectRefusal(() => spellNpmPurl(`pkg:npm/${"a".repeat(4_096)}@1`), "PURL_MALFORMED")
})

test("npm purls read the same in another implementation", () => {
  const names = fc.tuple(fc.option(fc.stringMatching(/^[a-z0-9-]{1,8}$/)), fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9._~-]{0,8}$/), fc.stringMatching(/^[0-9]\.[0-9]\.[0-9](?:-[a-z]{1,3})?(?:\+[a-z]{1,3})?$/))
  fc.assert(fc.property(names, ([scope, bare, version]) => {
    const text = npmPurl(scope === null ? bare : `@${scope}/${bare}`, version)
    const peer = PackageURL.fromString(text)
    // The other implementation writes npm names in lower case, which loses old names such as JSONStream.
    expect([peer.type, peer.namespace ?? null, peer.name, peer.version]).toEqual(["npm", scope === null ? null : `@${scope}`, bare.toLowerCase(), version])
  }), { numRuns: PROPERTY_RUNS })
})

const SHA512 = `sha512-${base64Encode(new Uint8Array(64).fill(7))}`
const SHA1 = `sha1-${base64Encode(new Uint8Array(20))}`

test.each([
  { name: "nothing", text: "" },
  { name: "no algorithm", text: SHA512.slice("sha512".length) },
  { name: "no digest", text: "sha512-" },
  { name: "no dash", text: "sha512" },
  { name: "an algorithm in capitals", text: SHA512.replace("sha", "SHA") },
  { name: "an unknown algorithm", text: SHA512.replace("sha512", "md5") },
  { name: "an inherited name as algorithm", text: SHA512.replace("sha512", "constructor") },
  { name: "a sha512 of 32 bytes", text: `sha512-${base64Encode(new Uint8Array(32))}` },
  { name: "a sha256 of 64 bytes", text: SHA512.replace("sha512", "sha256") },
  { name: "base64 without padding", text: SHA512.slice(0, -2) },
  { name: "URL-safe base64", text: `sha512-${"_".repeat(85)}w==` },
  { name: "base64 with unused bits set", text: SHA512.replace(/Bw==$/, "Bx==") },
  { name: "options", text: `${SHA512}?ct=application/x` },
  { name: "two spaces", text: `${SHA512}  ${SHA1}` },
  { name: "a space before", text: ` ${SHA512}` },
  { name: "a newline", text: `${SHA512}\n` },
  { name: "one good, one bad", text: `${SHA512} sha1-x` },
  { name: "too long", text: "a".repeat(5000) },
])("integrity refuses: $name", ({ text }) => {
  expectRefusal(() => parseSri(text), "SRI_MALFORMED")
  expectRefusal(() => sha512OfSri(text), "SRI_MALFORMED")
})

test("integrity: the one sha512, in either direction", () => {
  expect(sha512OfSri(SHA512)).toBe("07".repeat(64))
  expect(sha512OfSri(`${SHA1} ${SHA512}`)).toBe("07".repeat(64))
  expect(sha512OfSri(`${SHA512} ${SHA512}`)).toBe("07".repeat(64))
  expect(sha512OfSri(SHA1)).toBeUndefined()
  expectRefusal(() => sha512OfSri(`${SHA512} sha512-${base64Encode(new Uint8Array(64))}`), "SRI_MALFORMED", "two different sha512")
  expect(sriOfSha512("07".repeat(64))).toBe(SHA512)
  expectRefusal(() => sriOfSha512("07".repeat(32)), "SRI_MALFORMED", "expected 64")
  expectRefusal(() => sriOfSha512("0A".repeat(64)), "HEX_MALFORMED")
  fc.assert(fc.property(fc.string(), (text) => { allowOnly(() => parseSri(text), "SRI_MALFORMED") }))
})

const DIGEST = "ab".repeat(32)

test.each([
  { name: "an empty path", files: [{ path: "", sha256: DIGEST }] },
  { name: "a newline in a path", files: [{ path: "a\nb", sha256: DIGEST }] },
  { name: "a lone surrogate in a path", files: [{ path: "\ud800", sha256: DIGEST }] },
  { name: "a path twice", files: [{ path: "a", sha256: DIGEST }, { path: "b", sha256: DIGEST }, { path: "a", sha256: "cd".repeat(32) }] },
  { name: "a digest in capitals", files: [{ path: "a", sha256: DIGEST.toUpperCase() }] },
  { name: "a short digest", files: [{ path: "a", sha256: "abcd" }] },
])("content hash refuses: $name", ({ files }) => {
  expectRefusal(() => h1(nodeCrypto, files), "DIRHASH_MALFORMED")
})

test("content hash does not depend on order, and sorts by UTF-8 bytes", () => {
  const file = (path: string): { path: string; sha256: string } => ({ path, sha256: DIGEST })
  // UTF-16 order would put the emoji first.
  expect(h1(nodeCrypto, [file("\ud83d\ude00"), file("\uff61")])).toBe(h1(nodeCrypto, [file("\uff61"), file("\ud83d\ude00")]))
  const lines = `${DIGEST}  \uff61\n${DIGEST}  \ud83d\ude00\n`
  expect(hexOfH1(h1(nodeCrypto, [file("\ud83d\ude00"), file("\uff61")]))).toBe(Buffer.from(nodeCrypto.sha256(Buffer.from(lines))).toString("hex"))
  for (const text of ["", "h1:", "h2:AAAA", "h1:AAAA", "h1:!", "H1:AAAA"]) expectRefusal(() => hexOfH1(text), "DIRHASH_MALFORMED")
})
