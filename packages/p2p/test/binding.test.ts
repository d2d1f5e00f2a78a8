import { formatCheckpoint, isVouchsafeError, KEY_TYPE, nobleCrypto, openCheckpoint, parseCheckpoint, parseNote, signerFromSeed, signNote } from "@vouchsafe/core"
import { randomBytes } from "node:crypto"
import { describe, expect, test } from "vitest"
import { formatPeerBinding, openPeerBinding } from "../src/index.ts"

const NOW = 1_800_000_000
const PEER = "12D3KooWHRMGSucqsgMrHQNaxhQdHrZRxbgcrRMewYEH2Bcj5fhA"
const OTHER_PEER = "12D3KooWKXT5khw7GV8BXC4LTwFhjEc8xiAUGtpSSey8ZeRcpeJJ"
const signerOf = (name: string, seed = randomBytes(32)) => signerFromSeed(name, KEY_TYPE.ed25519, seed)
const alpha = signerOf("alpha.vouchsafe.local/log")
const beta = signerOf("beta.vouchsafe.local/log")
const members = [{ operator: "alpha", key: alpha.verifier }, { operator: "beta", key: beta.verifier }]
const expected = { peerId: PEER, members, nowSeconds: NOW }
const good = formatPeerBinding(alpha, { peerId: PEER, expiresAtSeconds: NOW + 3_600 })
const textOf = (...lines: readonly (string | number)[]): string => `${lines.join("\n")}\n`

describe("peer binding", () => {
  test("is read back, with the operator of the roster", () => {
    expect(openPeerBinding(nobleCrypto, good, expected)).toEqual({ origin: "alpha.vouchsafe.local/log", peerId: PEER, expiresAtSeconds: NOW + 3_600, operator: "alpha", vkey: alpha.verifier.vkey })
    expect(parseNote(good).text).toBe(textOf("vouchsafe-peer/v1", "alpha.vouchsafe.local/log", PEER, NOW + 3_600))
  })
  test("clocks five minutes apart agree", () => {
    expect(openPeerBinding(nobleCrypto, good, { ...expected, nowSeconds: NOW + 3_600 + 299 }).operator).toBe("alpha")
  })

  const forged = signerOf("alpha.vouchsafe.local/log")
  const outside = signerOf("mallory.vouchsafe.local/log")
  const witness = signerFromSeed("alpha.vouchsafe.local/log", KEY_TYPE.cosignatureEd25519, randomBytes(32))
  test.each([
    { name: "another peer's, replayed", text: good, given: { peerId: OTHER_PEER }, code: "NOTE_UNVERIFIED", says: `expected ${OTHER_PEER}` },
    { name: "over", text: good, given: { nowSeconds: NOW + 3_600 + 300 }, code: "NOTE_UNVERIFIED", says: "was over" },
    { name: "good for longer than any node makes them", text: formatPeerBinding(alpha, { peerId: PEER, expiresAtSeconds: NOW + 8 * 86_400 }), code: "NOTE_UNVERIFIED", says: "expected at most" },
    { name: "of a key outside the roster", text: formatPeerBinding(outside, { peerId: PEER, expiresAtSeconds: NOW + 60 }), code: "NOTE_UNVERIFIED", says: "no member" },
    { name: "of another key under a member's name", text: formatPeerBinding(forged, { peerId: PEER, expiresAtSeconds: NOW + 60 }), code: "NOTE_UNVERIFIED", says: "no member" },
    { name: "of a member that left", text: good, given: { members: members.slice(1) }, code: "NOTE_UNVERIFIED", says: "no member" },
    { name: "of one member under another's name", text: signNote(beta, textOf("vouchsafe-peer/v1", "alpha.vouchsafe.local/log", PEER, NOW + 60)), code: "NOTE_UNVERIFIED", says: "no member" },
    { name: "of a member whose key is no log's", text: good, given: { members: [{ operator: "alpha", key: witness.verifier }] }, code: "NOTE_UNVERIFIED", says: "no member" },
    { name: "signed over other words", text: good.replace(String(NOW + 3_600), String(NOW + 7_200)), code: "NOTE_UNVERIFIED", says: "does not verify" },
    { name: "a checkpoint of that log", text: signNote(alpha, formatCheckpoint({ origin: "alpha.vouchsafe.local/log", size: 1, root: new Uint8Array(32) })), code: "NOTE_MALFORMED", says: "begins with" },
    { name: "of another version", text: signNote(alpha, textOf("vouchsafe-peer/v2", "alpha.vouchsafe.local/log", PEER, NOW + 60)), code: "NOTE_MALFORMED", says: "begins with" },
    { name: "with a line too many", text: signNote(alpha, textOf("vouchsafe-peer/v1", "alpha.vouchsafe.local/log", PEER, NOW + 60, "more")), code: "NOTE_MALFORMED", says: "four lines" },
    { name: "with a line too few", text: signNote(alpha, textOf("vouchsafe-peer/v1", "alpha.vouchsafe.local/log", PEER)), code: "NOTE_MALFORMED", says: "four lines" },
    { name: "with an expiry in hex", text: signNote(alpha, textOf("vouchsafe-peer/v1", "alpha.vouchsafe.local/log", PEER, "0x10")), code: "NOTE_MALFORMED", says: "line 4" },
    { name: "with a zero in front", text: signNote(alpha, textOf("vouchsafe-peer/v1", "alpha.vouchsafe.local/log", PEER, "01800000060")), code: "NOTE_MALFORMED", says: "line 4" },
    { name: "with a peer that is none", text: signNote(alpha, textOf("vouchsafe-peer/v1", "alpha.vouchsafe.local/log", "0OIl", NOW + 60)), code: "NOTE_MALFORMED", says: "base58" },
    { name: "with two signatures", text: good + good.slice(good.lastIndexOf("\n\n") + 2), code: "NOTE_MALFORMED", says: "2 signature lines" },
    { name: "without a signature", text: parseNote(good).text, code: "NOTE_MALFORMED", says: "empty line" },
    { name: "too long", text: `${good}${" ".repeat(2_048)}`, code: "NOTE_MALFORMED", says: "at most 2048" },
    { name: "empty", text: "", code: "NOTE_MALFORMED", says: "newline" },
  ])("refuses one $name", ({ text, given, code, says }) => {
    expect(() => openPeerBinding(nobleCrypto, text, { ...expected, ...given })).toThrow(expect.objectContaining({ code, message: expect.stringContaining(says) }))
  })
  test("every character that is changed, and every one that is missing, is refused", () => {
    for (let i = 0; i < good.length; i++) {
      for (const text of [`${good.slice(0, i)}${good[i] === "A" ? "B" : "A"}${good.slice(i + 1)}`, good.slice(0, i)]) {
        let refused: unknown
        try {
          openPeerBinding(nobleCrypto, text, expected)
        } catch (error) {
          refused = error
        }
        expect(isVouchsafeError(refused), `${i}: ${text}`).toBe(true)
      }
    }
  })
  test("can never be read as a checkpoint, nor signed for a log that bears its first line as a name", () => {
    expect(() => parseCheckpoint(parseNote(good).text)).toThrow(expect.objectContaining({ code: "CHECKPOINT_MALFORMED" }))
    expect(() => openCheckpoint(nobleCrypto, good, alpha.verifier)).toThrow(expect.objectContaining({ code: "CHECKPOINT_MALFORMED" }))
    expect(() => formatPeerBinding(signerOf("vouchsafe-peer/v1"), { peerId: PEER, expiresAtSeconds: NOW })).toThrow(TypeError)
    // Even for a log whose name is a number, which would pass for a size: the third line is no root.
    const number = formatPeerBinding(signerOf("12345"), { peerId: PEER, expiresAtSeconds: NOW })
    expect(() => parseCheckpoint(parseNote(number).text)).toThrow(expect.objectContaining({ code: "CHECKPOINT_MALFORMED" }))
  })
  test.each([
    [{ peerId: "nobody", expiresAtSeconds: NOW }], [{ peerId: `${PEER}\n1`, expiresAtSeconds: NOW }], [{ peerId: PEER, expiresAtSeconds: -1 }], [{ peerId: PEER, expiresAtSeconds: 1.5 }],
  ])("is not made of %j", (binding) => {
    expect(() => formatPeerBinding(alpha, binding)).toThrow(TypeError)
  })
})
