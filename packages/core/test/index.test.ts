import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import * as core from "../src/index.ts"
import { isVouchsafeError, KIND_BY_CODE, shown, VouchsafeError } from "../src/index.ts"

test("index is a table of contents: re-exports only, sorted, short", () => {
  const lines = readFileSync(new URL("../src/index.ts", import.meta.url), "utf8").trimEnd().split("\n")
  const exports = lines.filter((line) => line.startsWith("export "))
  const files = exports.map((line) => /from "(\.\/[^"]+\.ts)"$/.exec(line)?.[1])
  expect(files).not.toContain(undefined)
  expect(lines.length).toBeLessThan(60)
  expect([...files].sort()).toEqual(files)
})

test("the functions that other packages build on are there", () => {
  const names = [
    "base64Decode", "base64DecodeLenientUrl", "base64Encode", "canonicalize", "checkConsistency", "checkFork", "checkInclusion", "checkMulti", "checkSubtreeConsistency", "checkSubtreeInclusion", "checkTlogProof", "compareBytes", "concatBytes",
    "cosign", "cosignedMessage", "emptyRoot", "entriesPath", "equalBytes", "formatCheckpoint", "formatCosignature", "formatEntryBundle", "formatNote", "formatPurl", "formatSignatureLine", "formatStatement", "formatTlogProof", "formatVerifierKey",
    "executablesOf", "h1", "hexDecode", "hexEncode", "isStrictEd25519Input", "isVouchsafeError", "keyIdOf", "leafHash", "nobleCrypto", "nodeHash", "nodeReaderFromTiles", "npmNameOf", "npmPurl", "openCheckpoint", "openNote", "parseCanonicalJson", "parseCheckpoint",
    "parseCosignature", "parseDecimal", "parseDecimalBig", "parseEntryBundle", "parseEnvelope", "parseNote", "parsePurl", "parseSri", "parseStatement", "parseTilePath", "parseTlogPolicy", "parseTlogProof", "parseVerifierKey", "preAuthEncode",
    "proveConsistency", "proveInclusion", "proveMulti", "quorumSatisfied", "rootFromTiles", "rootOfLeaves", "sha512OfSri", "signNote", "splitMulti", "sriOfSha512", "tilePath", "tilesForSize", "utf8Decode", "utf8Encode", "verifyCosignature",
    "verifyEnvelope",
  ]
  expect(names.filter((name) => typeof (core as Record<string, unknown>)[name] !== (name === "nobleCrypto" ? "object" : "function"))).toEqual([])
})

test("errors carry code, kind, hint, details and cause, and are known by code across copies", () => {
  const cause = new Error("inner")
  const error = new VouchsafeError("LOG_FORKED", "log a forked", { details: { size: 7, origin: "a" }, hint: "stop", cause })
  expect(error).toMatchObject({ name: "VouchsafeError", code: "LOG_FORKED", kind: "misbehavior", hint: "stop", details: { size: 7, origin: "a" }, cause })
  expect(Object.isFrozen(error.details)).toBe(true)
  expect("cause" in new VouchsafeError("DISK", "full")).toBe(false)
  expect(isVouchsafeError(error)).toBe(true)
  expect(isVouchsafeError(error, "LOG_FORKED")).toBe(true)
  expect(isVouchsafeError(error, "DISK")).toBe(false)
  expect(isVouchsafeError({ name: "VouchsafeError", code: "DISK" }), "from another copy").toBe(true)
  for (const other of [undefined, null, "VouchsafeError", new Error("x"), { name: "VouchsafeError", code: "toString" }, { name: "VouchsafeError", code: 1 }, { code: "DISK" }]) {
    expect(isVouchsafeError(other)).toBe(false)
  }
  expect(new Set(Object.values(KIND_BY_CODE))).toEqual(new Set(["input", "operational", "misbehavior"]))
})

test("foreign text is shown on one line, printable and bounded", () => {
  expect(shown("a\nb\u001b[31m\u202e\u2028")).toBe('"a?b?[31m??"')
  expect(shown("x".repeat(1000))).toBe(`"${"x".repeat(80)}…"`)
})
