import fc from "fast-check"
import { expect, test } from "vitest"
import {
  base64Decode, base64DecodeExact, base64DecodeLenientUrl, base64Encode, compareBytes, concatBytes, equalBytes, hexDecode, hexEncode, isWellFormed, parseDecimal, parseDecimalBig,
  utf8Decode, utf8Encode,
} from "../src/index.ts"
import { allowOnly, expectRefusal, PROPERTY_RUNS } from "./support.ts"

test.each([
  { name: "no padding", text: "QQ" },
  { name: "half the padding", text: "QQ=" },
  { name: "too much padding", text: "QUI==" },
  { name: "padding only", text: "====" },
  { name: "padding inside", text: "QQ==QQ==" },
  { name: "one digit", text: "Q===" },
  { name: "unused bits set, one byte", text: "QR==" },
  { name: "unused bits set, two bytes", text: "QUJ=" },
  { name: "URL-safe alphabet", text: "_-__" },
  { name: "white space", text: "QUJD\n" },
  { name: "newline inside", text: "QU\nJD" },
  { name: "space before", text: " QUJ" },
  { name: "carriage return", text: "QUJD\r\n==" },
  { name: "beyond ASCII", text: "QUJ\u00e9" },
  { name: "full-width digit", text: "QUJ\uff21" },
])("base64 refuses: $name", ({ text }) => {
  expectRefusal(() => base64Decode(text), "BASE64_MALFORMED")
})

test("base64 round trips, and agrees with the host on what it writes", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => {
    const text = base64Encode(bytes)
    expect(text).toBe(Buffer.from(bytes).toString("base64"))
    expect(base64Decode(text)).toEqual(bytes)
    expect(base64DecodeLenientUrl(text)).toEqual(bytes)
    expect(base64DecodeLenientUrl(Buffer.from(bytes).toString("base64url"))).toEqual(bytes)
  }), { numRuns: PROPERTY_RUNS })
})

test("base64 accepts one spelling only, and throws nothing else", () => {
  const nearly = fc.string({ unit: fc.constantFrom(..."ABQg/+=-_ \n9"), maxLength: 12 })
  fc.assert(fc.property(fc.oneof(nearly, fc.string()), (text) => {
    allowOnly(() => expect(base64Encode(base64Decode(text))).toBe(text), "BASE64_MALFORMED")
    allowOnly(() => base64DecodeLenientUrl(text), "BASE64_MALFORMED")
  }), { numRuns: PROPERTY_RUNS * 5 })
})

test("base64 of so many bytes is what the strict reader gives, or nothing", () => {
  const lengths = fc.integer({ min: 0, max: 40 })
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), lengths, (bytes, length) => {
    expect(base64DecodeExact(base64Encode(bytes), length)).toEqual(length === bytes.length ? bytes : undefined)
  }), { numRuns: PROPERTY_RUNS })
  // Every digit of a hash, replaced by what stands beside the alphabet, by a neighbour's code page and by what would leave bits over.
  const text = base64Encode(new Uint8Array(32).fill(0xa7))
  for (let i = 0; i < text.length; i++) {
    for (const wrong of ["=", "-", "_", "\n", "\u00c1", "\u2141", "\ud841"]) {
      if (text[i] !== wrong) expect(base64DecodeExact(`${text.slice(0, i)}${wrong}${text.slice(i + 1)}`, 32), `${JSON.stringify(wrong)} at ${i}`).toBeUndefined()
    }
  }
  expect(base64DecodeExact(`${text.slice(0, 42)}d=`, 32)).toBeUndefined()
  expect([base64DecodeExact(text, 31), base64DecodeExact(text, 33), base64DecodeExact(text.slice(0, 43), 32)]).toEqual([undefined, undefined, undefined])
})

test.each([
  { name: "both alphabets", text: "+A-_" },
  { name: "unused bits set", text: "QR" },
  { name: "one digit", text: "Q" },
  { name: "half the padding", text: "QQ=" },
  { name: "a dot", text: "QQ.." },
])("lenient base64 refuses: $name", ({ text }) => {
  expectRefusal(() => base64DecodeLenientUrl(text), "BASE64_MALFORMED")
})

const NOT_DECIMAL = ["", "00", "01", "-1", "+1", "1.0", "1e3", "0x10", " 1", "1 ", "1\n", "1_000", "\u0661", "\uff11", "NaN", "Infinity", "1n", "9".repeat(20), "1".repeat(10_000)]

test.each(NOT_DECIMAL.map((text) => ({ text })))("decimal refuses: $text", ({ text }) => {
  expectRefusal(() => parseDecimal(text), "DECIMAL_MALFORMED")
  expectRefusal(() => parseDecimalBig(text), "DECIMAL_MALFORMED")
})

test("decimal ranges: 2^53-1 as number, 2^63-1 as bigint", () => {
  expect(parseDecimal("0")).toBe(0)
  expect(parseDecimal("9007199254740991")).toBe(Number.MAX_SAFE_INTEGER)
  expectRefusal(() => parseDecimal("9007199254740992"), "DECIMAL_MALFORMED", "at most 9007199254740991")
  expectRefusal(() => parseDecimal("9007199254740993"), "DECIMAL_MALFORMED")
  expect(parseDecimalBig("9223372036854775807")).toBe(2n ** 63n - 1n)
  expectRefusal(() => parseDecimalBig("9223372036854775808"), "DECIMAL_MALFORMED", "at most 9223372036854775807")
  fc.assert(fc.property(fc.nat(Number.MAX_SAFE_INTEGER), (value) => { expect(parseDecimal(String(value))).toBe(value) }), { numRuns: PROPERTY_RUNS })
  fc.assert(fc.property(fc.string(), (text) => { allowOnly(() => expect(String(parseDecimal(text))).toBe(text), "DECIMAL_MALFORMED") }), { numRuns: PROPERTY_RUNS })
})

test.each([
  { name: "an odd digit", text: "abc" },
  { name: "upper case", text: "AB" },
  { name: "a prefix", text: "0x12" },
  { name: "a letter beyond f", text: "0g" },
  { name: "a space", text: "0 " },
  { name: "beyond ASCII", text: "\u0660\u0661" },
])("hexadecimal refuses: $name", ({ text }) => {
  expectRefusal(() => hexDecode(text), "HEX_MALFORMED")
})

test("hexadecimal round trips", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => {
    expect(hexEncode(bytes)).toBe(Buffer.from(bytes).toString("hex"))
    expect(hexDecode(hexEncode(bytes))).toEqual(bytes)
  }), { numRuns: PROPERTY_RUNS })
  fc.assert(fc.property(fc.string(), (text) => { allowOnly(() => expect(hexEncode(hexDecode(text))).toBe(text), "HEX_MALFORMED") }))
})

test.each([
  { name: "a lone continuation byte", bytes: [0x80] },
  { name: "a sequence cut short", bytes: [0xe2, 0x80] },
  { name: "an overlong slash", bytes: [0xc0, 0xaf] },
  { name: "an encoded surrogate", bytes: [0xed, 0xa0, 0x80] },
  { name: "beyond U+10FFFF", bytes: [0xf4, 0x90, 0x80, 0x80] },
  { name: "byte 0xff", bytes: [0x41, 0xff] },
])("utf-8 refuses: $name", ({ bytes }) => {
  expectRefusal(() => utf8Decode(Uint8Array.from(bytes)), "UTF8_MALFORMED")
})

test("utf-8 keeps a byte order mark and refuses lone surrogates", () => {
  expect(utf8Decode(Uint8Array.of(0xef, 0xbb, 0xbf, 0x41))).toBe("\ufeffA")
  for (const text of ["\ud800", "a\udc00b", "\udc00\ud800", "\ud83d"]) {
    expect(isWellFormed(text)).toBe(false)
    expectRefusal(() => utf8Encode(text), "UTF8_MALFORMED")
  }
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    expect(utf8Encode(text)).toEqual(new Uint8Array(Buffer.from(text, "utf8")))
    expect(utf8Decode(utf8Encode(text))).toBe(text)
  }), { numRuns: PROPERTY_RUNS })
  fc.assert(fc.property(fc.uint8Array(), (bytes) => { allowOnly(() => expect(utf8Encode(utf8Decode(bytes))).toEqual(bytes), "UTF8_MALFORMED") }), { numRuns: PROPERTY_RUNS })
})

test("bytes compare as the host compares them", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 3 }), fc.uint8Array({ maxLength: 3 }), (a, b) => {
    expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b))
    expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0)
    expect(concatBytes(a, b, a)).toEqual(Uint8Array.from([...a, ...b, ...a]))
  }), { numRuns: PROPERTY_RUNS })
  expect(concatBytes()).toEqual(new Uint8Array(0))
})
