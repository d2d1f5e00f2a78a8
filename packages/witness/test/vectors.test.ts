import { readFileSync } from "node:fs"
import { sharedPath } from "@vouchsafe/config/shared"
import { hexDecode, KEY_TYPE, openNote, parseNote, parseVerifierKey, signerFromSeed, verifierKeyOf, verifyCosignature } from "@vouchsafe/core"
import { fastCrypto } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { newWorld, NOW } from "./helpers.ts"

function load<T>(...parts: string[]): T {
  return JSON.parse(readFileSync(sharedPath("vectors", ...parts), "utf8")) as T
}

interface Litewitness {
  readonly origin: string
  readonly logPublicKeyHex: string
  readonly requests: readonly { readonly body: string; readonly status: number; readonly match: "contains" | "=="; readonly text: string }[]
}

interface Sunlight {
  readonly origin: string
  readonly logPublicKeyHex: string
  readonly requestsInOrder: readonly { readonly name: string; readonly body: string; readonly status: string; readonly bodyContains: string }[]
}

interface Worked {
  readonly requestBody: string
  readonly responseBody: string
  readonly conflictBody: string
  readonly conflictContentType: string
  readonly first: { readonly requestBody: string; readonly responseBody: string }
  readonly originHash: string
}

const STATUS: Record<string, number> = {
  StatusOK: 200, StatusBadRequest: 400, StatusForbidden: 403, StatusNotFound: 404, StatusConflict: 409, StatusUnprocessableEntity: 422,
}

// Where this witness answers otherwise, and why (vectors/README.md; STANDARDS §0 and §6).
const NON_CANONICAL_BASE64 = { status: 400, text: "base64", why: "strict base64: the line is malformed before anybody looks at its signature" }
const UNKNOWN_LOG_IS_404 = { status: 404, text: "unknown log", why: "tlog-witness says 404 for an unknown log since 2026" }

const lite = load<Litewitness>("witness", "litewitness-add-checkpoint.json")
const sunlight = load<Sunlight>("witness", "sunlight-add-checkpoint.json")
const sumdb = load<{ readonly vkey: string; readonly origin: string; readonly body: string; readonly status: number }>("witness", "litewitness-sumdb-add-checkpoint.json")
const worked = load<{ readonly addCheckpoint: Worked }>("own", "worked-vectors.json").addCheckpoint

const exampleWitness = signerFromSeed("example.com/witness", KEY_TYPE.cosignatureEd25519, new Uint8Array(32).fill(7))
const logKey = ({ origin, logPublicKeyHex }: Pick<Litewitness, "origin" | "logPublicKeyHex">) => verifierKeyOf(origin, KEY_TYPE.ed25519, hexDecode(logPublicKeyHex))

describe("add-checkpoint sequences of other implementations", () => {
  test("litewitness, in order, with two documented differences", async () => {
    const { post } = await newWorld({ signer: exampleWitness, logs: [logKey(lite)] })
    const differences = new Map([[1, NON_CANONICAL_BASE64], [2, UNKNOWN_LOG_IS_404]])
    for (const [i, { body, status, match, text }] of lite.requests.entries()) {
      const answer = await post(body)
      const difference = differences.get(i)
      expect(answer.status, `request ${i}: ${answer.text}`).toBe(difference?.status ?? status)
      if (match === "==") expect(answer.text).toBe(text)
      else expect(answer.text).toContain(difference?.text ?? text)
    }
    expect(lite.requests.length).toBe(9)
  })

  test("sunlight, in order, with one documented difference", async () => {
    const { post } = await newWorld({ signer: exampleWitness, logs: [logKey(sunlight)] })
    for (const { name, body, status, bodyContains } of sunlight.requestsInOrder) {
      const answer = await post(body)
      const difference = name === "invalid signature" ? NON_CANONICAL_BASE64 : undefined
      expect(answer.status, `${name}: ${answer.text}`).toBe(difference?.status ?? STATUS[status])
      expect(answer.text, name).toContain(difference?.text ?? bodyContains)
    }
    expect(sunlight.requestsInOrder.length).toBe(11)
  })

  test("litewitness for a log whose origin is not its key's name", async () => {
    const key = parseVerifierKey(sumdb.vkey)
    const { post } = await newWorld({ signer: exampleWitness, logs: [{ origin: sumdb.origin, key }] })
    expect(await post(sumdb.body)).toMatchObject({ status: sumdb.status, text: expect.stringContaining("— example.com/witness ") })
    expect((await (await newWorld({ signer: exampleWitness, logs: [key] })).post(sumdb.body)).status).toBe(404)
  })

  test("the worked requests, byte for byte: 3, then 3 to 7, then the conflict", async () => {
    const world = await newWorld()
    // The first answer names the second before the one of the worked checkpoint.
    const line = worked.first.responseBody
    world.clock.seconds = verifyTime(worked.first.requestBody, line)
    expect(await world.post(worked.first.requestBody)).toEqual({ status: 200, text: line, contentType: "text/plain; charset=utf-8" })
    world.clock.seconds = verifyTime(worked.requestBody, worked.responseBody)
    expect(await world.post(worked.first.requestBody)).toEqual({ status: 409, text: worked.conflictBody, contentType: worked.conflictContentType })
    expect(await world.post(worked.requestBody)).toEqual({ status: 200, text: worked.responseBody, contentType: "text/plain; charset=utf-8" })
    expect(await world.witness.checkpoint(worked.originHash)).toBe(worked.requestBody.slice(worked.requestBody.indexOf("\n\n") + 2) + worked.responseBody)
    expect(verifyTime(worked.requestBody, worked.responseBody)).toBe(NOW)
  })
})

/** The time in a cosignature of the worked witness, which must verify. */
function verifyTime(body: string, line: string): number {
  const note = parseNote(body.slice(body.indexOf("\n\n") + 2) + line)
  const key = parseVerifierKey("witness.example/w1+df1c0a35+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU")
  openNote(fastCrypto, note, [key])
  return verifyCosignature(fastCrypto, key, note)?.timeSeconds ?? Number.NaN
}

test("vectors run", () => {
  const count = lite.requests.length + sunlight.requestsInOrder.length + 1 + 3
  console.log(`witness: ${count} add-checkpoint requests of other implementations and of the worked vectors; 3 answers differ as documented`)
  expect(count).toBe(24)
})
