import fc from "fast-check"
import { expect, test } from "vitest"
import {
  checkCosignature, cosign, cosignedMessage, formatCheckpoint, formatCosignature, formatNote, formatSignatureLine, formatSigningKey, formatVerifierKey, hexDecode,
  keyIdOf, nobleCrypto, openCheckpoint, openNote, parseCheckpoint, parseCosignature, parseNote, parseSignatureLineText, parseSigningKey, parseVerifierKey,
  signerFromSeed, signNote, utf8Decode, utf8Encode, verifierKeyOf, verifyCosignature,
} from "../src/index.ts"
import { allowOnly, expectRefusal, mangledTexts, nodeCrypto, PROPERTY_RUNS } from "./support.ts"

const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
const log = signerFromSeed("log.example/npm", 1, seed(1))
const otherLog = signerFromSeed("other.example", 1, seed(9))
const witness = signerFromSeed("witness.example/w1", 4, seed(2))
const ROOT = hexDecode("ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c")
const TEXT = formatCheckpoint({ origin: "log.example/npm", size: 7, root: ROOT })
const GOOD = signNote(log, TEXT)
const LINE = GOOD.slice(TEXT.length + 1)
const COSIGNED = GOOD + cosign(witness, TEXT, 1_700_000_000)

test.each([
  { name: "nothing", text: "", says: "no newline" },
  { name: "no final newline", text: GOOD.slice(0, -1), says: "no newline" },
  { name: "no empty line", text: TEXT + LINE, says: "no empty line" },
  { name: "no signature lines", text: `${TEXT}\n`, says: "no signature lines" },
  { name: "a carriage return", text: GOOD.replace("\n", "\r\n"), says: "control character" },
  { name: "a tab", text: GOOD.replace("npm", "n\tm"), says: "control character" },
  { name: "a NUL", text: GOOD.replace("npm", "n\0m"), says: "control character" },
  { name: "a lone surrogate", text: GOOD.replace("npm", "\ud800"), says: "lone surrogate" },
  { name: "a hyphen for the dash", text: GOOD.replace("\u2014", "-"), says: "signature line 1" },
  { name: "an en dash for the dash", text: GOOD.replace("\u2014", "\u2013"), says: "signature line 1" },
  { name: "no space after the dash", text: GOOD.replace("\u2014 ", "\u2014"), says: "signature line 1" },
  { name: "two spaces after the dash", text: GOOD.replace("\u2014 ", "\u2014  "), says: "key name" },
  { name: "a no-break space in the name", text: GOOD.replace("\u2014 log.", "\u2014 log\u00a0"), says: "key name" },
  { name: "a plus in the name", text: GOOD.replace("\u2014 log.", "\u2014 log+"), says: "key name" },
  { name: "no signature", text: `${TEXT}\n\u2014 log.example/npm\n`, says: "expected" },
  { name: "a key ID only", text: `${TEXT}\n\u2014 log.example/npm GR8pAQ==\n`, says: "expected a key ID and a signature" },
  { name: "a space after the signature", text: GOOD.replace(/\n$/, " \n"), says: "base64" },
  { name: "signature without padding", text: GOOD.replace("Ak=\n", "Ak\n"), says: "base64" },
  { name: "signature with unused bits set", text: GOOD.replace("Ak=\n", "Al=\n"), says: "bits set" },
  { name: "a line that is none after a good one", text: `${GOOD}hello\n`, says: "signature line 2" },
  { name: "an empty line at the end", text: `${GOOD}\n`, says: "no signature lines" },
  { name: "101 signature lines", text: GOOD + LINE.repeat(100), says: "101 signature lines" },
  { name: "a million characters", text: "a".repeat(1_000_001), says: "at most" },
])("note refuses: $name", ({ text, says }) => {
  expectRefusal(() => parseNote(text), "NOTE_MALFORMED", says)
})

test("a note may hold empty lines and 100 signatures", () => {
  const text = "one\n\n\ntwo\n\n"
  const note = formatNote(text, Array.from({ length: 100 }, () => LINE))
  expect(parseNote(note)).toMatchObject({ text })
  expect(parseNote(note).signatures).toHaveLength(100)
  expectRefusal(() => formatNote("no newline", [LINE]), "NOTE_MALFORMED")
  expectRefusal(() => formatNote("x\n", []), "NOTE_MALFORMED")
  expectRefusal(() => formatNote("x\n", ["\u2014 injected\n\n", LINE]), "NOTE_MALFORMED", "read back")
})

test("any text that ends in a newline signs and opens; what reads back is what was signed", () => {
  const text = fc.string({ unit: fc.oneof(fc.constantFrom("\n", "\u2014", " ", "+", "a"), fc.string({ unit: "binary", minLength: 1, maxLength: 1 })) })
    .filter((value) => !/\p{Cc}/u.test(value.replaceAll("\n", ""))).map((value) => `${value}\n`)
  fc.assert(fc.property(text, (value) => {
    expect(openNote(nodeCrypto, signNote(log, value), [log.verifier])).toEqual({ text: value, verified: [log.verifier] })
  }), { numRuns: PROPERTY_RUNS / 4 })
})

test("reading throws nothing but NOTE_MALFORMED, and what it accepts writes back", () => {
  const pieces = fc.string({ unit: fc.constantFrom("\n", "\n\n", "\u2014 ", LINE, "a", " ", "GR8pAQ==", "\ud800", "\r", "+"), maxLength: 12 })
  fc.assert(fc.property(fc.oneof(pieces, fc.string({ unit: "binary" })), (text) => {
    allowOnly(() => {
      const { text: body, signatures } = parseNote(text)
      expect(formatNote(body, signatures.map(({ name, keyId, signature }) => formatSignatureLine(name, keyId, signature)))).toBe(text)
    }, "NOTE_MALFORMED")
  }), { numRuns: PROPERTY_RUNS * 2 })
})

test("every mangled byte of a signed checkpoint is refused", () => {
  let mangled = 0
  for (const { how, bytes } of mangledTexts(GOOD)) {
    mangled++
    expect(() => openCheckpoint(nodeCrypto, utf8Decode(bytes), log.verifier), how).toThrow(expect.objectContaining({
      code: expect.stringMatching(/^(?:UTF8_MALFORMED|NOTE_MALFORMED|NOTE_UNVERIFIED)$/) as string,
    }))
  }
  expect(mangled).toBe(utf8Encode(GOOD).length * 5)
})

test("every mangled byte of a cosigned checkpoint loses the log's signature or the witness's", () => {
  for (const { how, bytes } of mangledTexts(COSIGNED)) {
    allowOnly(() => {
      const { note } = openCheckpoint(nodeCrypto, utf8Decode(bytes), log.verifier)
      expect(verifyCosignature(nodeCrypto, witness.verifier, note), how).toBeUndefined()
    }, "UTF8_MALFORMED", "NOTE_MALFORMED", "NOTE_UNVERIFIED")
  }
})

test.each([
  { name: "no known key", note: GOOD, keys: [otherLog.verifier] },
  { name: "no keys at all", note: GOOD, keys: [] },
  { name: "the name with another key", note: GOOD, keys: [signerFromSeed("log.example/npm", 1, seed(9)).verifier] },
  { name: "the key under another name", note: GOOD, keys: [signerFromSeed("log.example/npm2", 1, seed(1)).verifier] },
  { name: "a good signature beside a known key's bad one", note: `${GOOD}${formatSignatureLine("other.example", otherLog.verifier.keyId, new Uint8Array(64))}`, keys: [log.verifier, otherLog.verifier] },
  { name: "a bad line before the good one of the same key", note: `${TEXT}\n${formatSignatureLine("log.example/npm", log.verifier.keyId, new Uint8Array(64))}${LINE}`, keys: [log.verifier] },
  { name: "a log key's signature presented as a cosignature", note: `${TEXT}\n${formatSignatureLine("witness.example/w1", witness.verifier.keyId, log.sign(utf8Encode(TEXT)))}`, keys: [witness.verifier] },
  { name: "signature of 63 bytes", note: `${TEXT}\n${formatSignatureLine("log.example/npm", log.verifier.keyId, log.sign(utf8Encode(TEXT)).subarray(1))}`, keys: [log.verifier] },
])("opening refuses: $name", ({ note, keys }) => {
  expectRefusal(() => openNote(nodeCrypto, note, keys), "NOTE_UNVERIFIED")
  expectRefusal(() => openNote(nobleCrypto, note, keys), "NOTE_UNVERIFIED")
})

test("only the first line of a key counts, and a key listed twice is ambiguous", () => {
  const twice = GOOD + formatSignatureLine("log.example/npm", log.verifier.keyId, new Uint8Array(64))
  expect(openNote(nodeCrypto, twice, [log.verifier]).verified).toEqual([log.verifier])
  expectRefusal(() => openNote(nodeCrypto, GOOD, [log.verifier, log.verifier]), "NOTE_KEY_AMBIGUOUS")
})

test("a key of type 0x06 can be read but never counts as verified", () => {
  const key = verifierKeyOf("witness.example/pq", 6, new Uint8Array(1312))
  const note = GOOD + formatSignatureLine(key.name, key.keyId, new Uint8Array(2428))
  expect(openNote(nodeCrypto, note, [key, log.verifier]).verified).toEqual([log.verifier])
  expectRefusal(() => openNote(nodeCrypto, note, [key]), "NOTE_UNVERIFIED")
})

const VKEY = log.verifier.vkey
const VKEY_END = VKEY.slice("log.example/npm+191f2901+".length)

test.each([
  { name: "nothing", vkey: "", says: "expected name+keyid+key" },
  { name: "two parts", vkey: "log.example/npm+191f2901", says: "expected name+keyid+key" },
  { name: "no name", vkey: `+191f2901+${VKEY_END}`, says: "name" },
  { name: "a space in the name", vkey: VKEY.replace("log.", "log "), says: "name" },
  { name: "a name of 256 bytes", vkey: `${"a".repeat(256)}+191f2901+${VKEY_END}`, says: "255" },
  { name: "a name of 128 letters but 256 bytes", vkey: `${"\u00e9".repeat(128)}+191f2901+${VKEY_END}`, says: "255" },
  { name: "another name", vkey: VKEY.replace("npm", "npn"), says: "key ID" },
  { name: "another key ID", vkey: VKEY.replace("191f2901", "191f2902"), says: "expected 191f2901" },
  { name: "key ID in upper case", vkey: VKEY.replace("191f2901", "191F2901"), says: "expected 191f2901" },
  { name: "a short key ID", vkey: VKEY.replace("191f2901", "191f29"), says: "expected 191f2901" },
  { name: "no key", vkey: "log.example/npm+191f2901+", says: "no key bytes" },
  { name: "base64 without padding", vkey: `log.example/npm+191f2901+${VKEY_END.slice(0, -1)}`, says: "base64" },
  { name: "a short key", vkey: "log.example/npm+191f2901+AYqI", says: "expected 32" },
  { name: "type 0x02, whose key ID is made otherwise", vkey: `log.example/npm+191f2901+${VKEY_END.replace(/^AY/, "Ao")}`, says: "type is 0x02" },
  { name: "type 0xff", vkey: `log.example/npm+191f2901+${VKEY_END.replace(/^AYq/, "/4q")}`, says: "type is 0xff" },
  { name: "too long", vkey: "a".repeat(5000), says: "at most" },
])("verifier key refuses: $name", ({ vkey, says }) => {
  expectRefusal(() => parseVerifierKey(vkey), "VKEY_MALFORMED", says)
})

test("every mangled byte of a verifier key is refused", () => {
  for (const { how, bytes } of mangledTexts(VKEY)) {
    allowOnly(() => {
      parseVerifierKey(utf8Decode(bytes))
      expect.fail(`accepted: ${how}`)
    }, "UTF8_MALFORMED", "VKEY_MALFORMED")
  }
})

test("keys write back", () => {
  expect(parseVerifierKey(VKEY)).toEqual(log.verifier)
  expect(formatVerifierKey(log.verifier)).toBe(VKEY)
  expect(keyIdOf("log.example/npm", 1, log.verifier.publicKey)).toBe("191f2901")
  const text = formatSigningKey(witness.verifier, seed(2))
  expect(parseSigningKey(text).signer.verifier).toEqual(witness.verifier)
  expect(() => signerFromSeed("a", 1, seed(1).subarray(1))).toThrow(RangeError)
})

test.each([
  { name: "nothing", change: () => "" },
  { name: "a verifier key", change: () => VKEY },
  { name: "two parts", change: (text: string) => text.slice(0, "PRIVATE+KEY+log.example/npm+191f2901".length) },
  { name: "another key ID", change: (text: string) => text.replace("191f2901", "00000000") },
  { name: "a cut seed", change: (text: string) => text.slice(0, -4) },
  { name: "junk for a seed", change: (text: string) => text.replace(/.$/, "!") },
  { name: "type 6", change: (text: string) => text.replace("+AQEB", "+BgEB") },
])("signing key refuses: $name, without repeating the secret", ({ change }) => {
  const text = change(formatSigningKey(log.verifier, seed(1)))
  try {
    parseSigningKey(text)
    expect.fail("accepted")
  } catch (error) {
    expect(error).toMatchObject({ code: "VKEY_MALFORMED" })
    expect(String((error as Error).message)).not.toContain("QEBAQ")
    expect((error as Error).cause).toBeUndefined()
  }
})

const signature = utf8Encode("x".repeat(64))

test.each([
  { name: "nothing", bytes: new Uint8Array(0), says: "0 bytes" },
  { name: "a bare signature", bytes: signature, says: "64 bytes" },
  { name: "one byte too many", bytes: new Uint8Array(73), says: "73 bytes" },
  { name: "a time beyond 2^53", bytes: Uint8Array.from([0, 0x20, 0, 0, 0, 0, 0, 0, ...signature]), says: "time" },
  { name: "a time beyond 2^63", bytes: Uint8Array.from([0xff, 0, 0, 0, 0, 0, 0, 0, ...signature]), says: "time" },
])("cosignature refuses: $name", ({ bytes, says }) => {
  expectRefusal(() => parseCosignature(bytes), "COSIGNATURE_MALFORMED", says)
  expect(checkCosignature(nodeCrypto, witness.verifier, TEXT, bytes)).toBeUndefined()
})

test("cosignatures write back and bind time, text and key", () => {
  const cosignature = { timeSeconds: 2 ** 53 - 1, signature }
  expect(parseCosignature(formatCosignature(cosignature))).toEqual(cosignature)
  const { signature: bytes } = parseSignatureLineText(cosign(witness, TEXT, 1_700_000_000))
  expect(checkCosignature(nodeCrypto, witness.verifier, TEXT, bytes)).toEqual({ timeSeconds: 1_700_000_000 })
  const later = Uint8Array.from(bytes)
  later[7] = (later[7] as number) + 1
  expect(checkCosignature(nodeCrypto, witness.verifier, TEXT, later)).toBeUndefined()
  expect(checkCosignature(nodeCrypto, witness.verifier, `${TEXT}extension\n`, bytes)).toBeUndefined()
  expect(checkCosignature(nodeCrypto, signerFromSeed("witness.example/w1", 4, seed(3)).verifier, TEXT, bytes)).toBeUndefined()
  expect(checkCosignature(nodeCrypto, { ...witness.verifier, type: 1 }, TEXT, bytes)).toBeUndefined()
})

test("keys sign only what their type may sign", () => {
  expect(() => signNote(witness, TEXT)).toThrow(TypeError)
  expect(() => cosign(log, TEXT, 1)).toThrow(TypeError)
  expect(() => cosignedMessage(-1, TEXT)).toThrow(RangeError)
  expect(() => cosignedMessage(1.5, TEXT)).toThrow(RangeError)
  expect(() => formatSignatureLine("a b", "00000000", signature)).toThrow(TypeError)
  expect(() => formatSignatureLine("a", "0000", signature)).toThrow(TypeError)
})

test.each(["", "\u2014 a GR8pAQ==", LINE.slice(0, -1), `${LINE}\n`, LINE + LINE, "x\n"])("a lone signature line refuses %j", (line) => {
  expectRefusal(() => parseSignatureLineText(line), "NOTE_MALFORMED")
})

const [, , ROOT_LINE] = TEXT.split("\n") as [string, string, string]

test.each([
  { name: "nothing", text: "", says: "no newline" },
  { name: "no final newline", text: TEXT.slice(0, -1), says: "no newline" },
  { name: "one line", text: "log.example/npm\n", says: "fewer than three lines" },
  { name: "two lines", text: "log.example/npm\n7\n", says: "fewer than three lines" },
  { name: "no origin", text: TEXT.replace("log.example/npm", ""), says: "line 1 (origin)" },
  { name: "size in hex", text: TEXT.replace("\n7\n", "\n0x7\n"), says: 'line 2 (tree size) is "0x7"' },
  { name: "size with a leading zero", text: TEXT.replace("\n7\n", "\n07\n"), says: "line 2 (tree size)" },
  { name: "size with a sign", text: TEXT.replace("\n7\n", "\n+7\n"), says: "line 2 (tree size)" },
  { name: "size with a space", text: TEXT.replace("\n7\n", "\n7 \n"), says: "line 2 (tree size)" },
  { name: "no size", text: TEXT.replace("\n7\n", "\n\n"), says: "line 2 (tree size)" },
  { name: "size beyond 2^53", text: TEXT.replace("\n7\n", "\n9007199254740992\n"), says: "line 2 (tree size)" },
  { name: "root without padding", text: TEXT.replace("TIw=", "TIw"), says: "line 3 (root hash)" },
  { name: "root with unused bits set", text: TEXT.replace("TIw=", "TIx="), says: "line 3 (root hash)" },
  { name: "root URL-safe", text: TEXT.replace(ROOT_LINE, "_".repeat(43) + "="), says: "line 3 (root hash)" },
  { name: "root of 31 bytes", text: TEXT.replace(ROOT_LINE, Buffer.alloc(31).toString("base64")), says: "31 bytes, expected 32" },
  { name: "root of 33 bytes", text: TEXT.replace(ROOT_LINE, Buffer.alloc(33).toString("base64")), says: "33 bytes" },
  { name: "an empty extension line", text: `${TEXT}\n`, says: "line 4 (extension) is empty" },
  { name: "an empty line between extensions", text: `${TEXT}a\n\nb\n`, says: "line 5 (extension) is empty" },
  { name: "carriage returns", text: TEXT.replaceAll("\n", "\r\n"), says: "control character" },
  { name: "a byte order mark before the size", text: TEXT.replace("\n7", "\n\ufeff7"), says: "line 2" },
  { name: "a lone surrogate", text: TEXT.replace("log", "\ud800"), says: "surrogate" },
  { name: "too long", text: `${TEXT}${"a".repeat(65_536)}\n`, says: "at most" },
])("checkpoint refuses: $name", ({ text, says }) => {
  expectRefusal(() => parseCheckpoint(text), "CHECKPOINT_MALFORMED", says)
})

test("checkpoints write back; extension lines are kept apart", () => {
  fc.assert(fc.property(fc.nat(Number.MAX_SAFE_INTEGER), fc.uint8Array({ minLength: 32, maxLength: 32 }), (size, root) => {
    const head = { origin: "go.sum database tree", size, root }
    expect(parseCheckpoint(formatCheckpoint(head))).toEqual({ ...head, extensions: [] })
  }), { numRuns: PROPERTY_RUNS })
  expect(parseCheckpoint(`${TEXT}one\ntwo\n`).extensions).toEqual(["one", "two"])
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom("a", "\n", "7", ROOT_LINE, "\r", "=") }), (text) => { allowOnly(() => parseCheckpoint(text), "CHECKPOINT_MALFORMED") }), { numRuns: PROPERTY_RUNS })
})

test.each([
  { name: "no origin", head: { origin: "", size: 1, root: ROOT } },
  { name: "a newline in the origin", head: { origin: "a\nb", size: 1, root: ROOT } },
  { name: "a fractional size", head: { origin: "a", size: 1.5, root: ROOT } },
  { name: "a negative size", head: { origin: "a", size: -1, root: ROOT } },
  { name: "a short root", head: { origin: "a", size: 1, root: ROOT.subarray(1) } },
])("a checkpoint is not written with $name", ({ head }) => {
  expect(() => formatCheckpoint(head)).toThrow(TypeError)
})

test("the origin must be the log key's name, or the one expected", () => {
  const foreign = signNote(log, TEXT.replace("log.example/npm", "log.example/other"))
  expectRefusal(() => openCheckpoint(nodeCrypto, foreign, log.verifier), "CHECKPOINT_MALFORMED", "line 1 (origin)")
  expect(openCheckpoint(nodeCrypto, foreign, log.verifier, { origin: "log.example/other" }).checkpoint.size).toBe(7)
  expectRefusal(() => openCheckpoint(nodeCrypto, GOOD, log.verifier, { origin: "log.example/other" }), "CHECKPOINT_MALFORMED", "line 1 (origin)")
  expectRefusal(() => openCheckpoint(nodeCrypto, signNote(log, "not a checkpoint\n"), log.verifier), "CHECKPOINT_MALFORMED")
})
