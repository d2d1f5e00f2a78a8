import { base64Encode, cosign, formatCheckpoint, KEY_TYPE, parseNote, signerFromSeed, signNote, utf8Encode } from "@vouchsafe/core"
import { createMemoryWitnessDisk, fastCrypto } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { ADD_CHECKPOINT_BYTES_MAX, openWitness, PROOF_HASHES_MAX } from "../src/index.ts"
import { filled, logSigner, newWorld, NOW, testLog, witnessSigner } from "./helpers.ts"
import { atTen, fork, log, originHash, stranger } from "./logs.ts"

interface Refusal {
  readonly name: string
  readonly body: string | Uint8Array
  readonly status: number
  readonly says: string
}

const signed = (text: string): string => signNote(logSigner, text)
const line32 = `${base64Encode(filled(1))}\n`
const big = log.checkpoint(12)
const unknown = testLog("trunk", 64, signerFromSeed("log.example/unknown", KEY_TYPE.ed25519, filled(1)))

/** Asked of a witness that has cosigned size 10. */
const REFUSALS: readonly Refusal[] = [
  { name: "nothing", body: "", status: 400, says: "no empty line" },
  { name: "bytes that are no UTF-8", body: Uint8Array.of(0xff, 0x0a, 0x0a), status: 400, says: "UTF-8" },
  { name: "a body over the cap", body: `old 10\n${line32.repeat(3000)}\n${big}`, status: 400, says: `at most ${ADD_CHECKPOINT_BYTES_MAX}` },
  { name: "no old line", body: `\n\n${big}`, status: 400, says: "line 1" },
  { name: "an old line in capitals", body: `Old 10\n\n${big}`, status: 400, says: "line 1" },
  { name: "an old size with a leading zero", body: `old 010\n\n${big}`, status: 400, says: "plain decimal" },
  { name: "an old size in hexadecimal", body: `old 0xa\n\n${big}`, status: 400, says: "plain decimal" },
  { name: "a negative old size", body: `old -1\n\n${big}`, status: 400, says: "plain decimal" },
  { name: "an old size with a space behind", body: `old 10 \n\n${big}`, status: 400, says: "plain decimal" },
  { name: "an old size of 2^63", body: `old 9223372036854775808\n\n${big}`, status: 400, says: "old size" },
  { name: "CRLF", body: log.request(10, 12).replaceAll("\n", "\r\n"), status: 400, says: "no empty line" },
  { name: "a proof line that is no base64", body: `old 10\nfive\n!\n\n${big}`, status: 400, says: "proof line 1" },
  { name: "a proof line without padding", body: `old 10\n${line32.slice(0, -2)}\n\n${big}`, status: 400, says: "proof line 1" },
  { name: "a proof line with bits after its end", body: `old 10\n${line32.replace("E=", "F=")}\n${big}`, status: 400, says: "proof line 1" },
  { name: "a proof hash of 31 bytes", body: `old 10\n${base64Encode(filled(1).slice(1))}\n\n${big}`, status: 400, says: "holds 31 bytes" },
  { name: "64 proof lines", body: `old 10\n${line32.repeat(PROOF_HASHES_MAX + 1)}\n${big}`, status: 400, says: "at most 63" },
  { name: "no checkpoint", body: "old 10\n\n", status: 400, says: "invalid input" },
  { name: "a checkpoint without signatures", body: `old 10\n\n${parseNote(big).text}`, status: 400, says: "invalid input" },
  { name: "a signed text that is no checkpoint", body: `old 10\n\n${signed("log.example/npm\n")}`, status: 400, says: "invalid checkpoint" },
  { name: "a tree size with a leading zero", body: `old 10\n\n${signed(parseNote(big).text.replace("\n12\n", "\n012\n"))}`, status: 400, says: "invalid checkpoint" },
  { name: "a tree size beyond 2^53", body: `old 10\n\n${signed(parseNote(big).text.replace("\n12\n", "\n9007199254740992\n"))}`, status: 400, says: "invalid checkpoint" },
  { name: "an extension line", body: `old 10\n\n${signed(`${parseNote(big).text}extension\n`)}`, status: 400, says: "extension lines" },
  { name: "101 signature lines", body: `old 10\n\n${big}${big.slice(big.lastIndexOf("\n\n") + 2).repeat(100)}`, status: 400, says: "invalid input" },
  { name: "an unknown origin", body: unknown.request(10, 12), status: 404, says: "unknown log" },
  { name: "an unknown origin that also goes back", body: unknown.request(13, 12), status: 404, says: "unknown log" },
  { name: "another key under the log's name", body: stranger.request(10, 12), status: 403, says: "invalid signature" },
  { name: "a signature over another text", body: log.request(10, 12, { checkpoint: big.replace("\n12\n", "\n11\n") }), status: 403, says: "invalid signature" },
  { name: "a bad signature that also goes back", body: log.request(13, 12, { checkpoint: big.replace("\n12\n", "\n11\n") }), status: 403, says: "invalid signature" },
  {
    name: "only the witness's own cosignature",
    body: log.request(10, 12, { checkpoint: `${parseNote(big).text}\n${cosign(witnessSigner, parseNote(big).text, NOW)}` }),
    status: 403, says: "invalid signature",
  },
  { name: "an old size beyond the checkpoint", body: log.request(13, 12), status: 400, says: "exceeds" },
  { name: "an old size beyond the checkpoint, which is the cosigned size", body: log.request(10, 9), status: 400, says: "exceeds" },
  { name: "an old size below the cosigned one", body: log.request(9, 12), status: 409, says: "10\n" },
  { name: "an old size of 0", body: log.request(0, 12), status: 409, says: "10\n" },
  { name: "an old size of 0 with the empty tree", body: log.request(0, 0), status: 409, says: "10\n" },
  { name: "an old size above the cosigned one", body: log.request(11, 12), status: 409, says: "10\n" },
  { name: "a smaller checkpoint with its own size", body: log.request(9, 9), status: 409, says: "10\n" },
  { name: "a wrong old size with a wrong proof", body: log.request(9, 12, { proof: [filled(1)] }), status: 409, says: "10\n" },
  { name: "no proof", body: log.request(10, 12, { proof: [] }), status: 422, says: "consistency proof" },
  { name: "a proof with one hash too many", body: log.request(10, 12, { proof: [...log.proof(10, 12), filled(1)] }), status: 422, says: "consistency proof" },
  { name: "a proof with one hash missing", body: log.request(10, 12, { proof: log.proof(10, 12).slice(1) }), status: 422, says: "consistency proof" },
  { name: "the proof to another size", body: log.request(10, 12, { proof: log.proof(10, 13) }), status: 422, says: "consistency proof" },
  { name: "a proof at the same size", body: log.request(10, 10, { proof: [filled(1)] }), status: 422, says: "consistency proof" },
  { name: "another root at the same size", body: fork.request(10, 10), status: 422, says: "another root" },
  { name: "a fork that is larger", body: fork.request(10, 12), status: 422, says: "consistency proof" },
]

describe("refusals", () => {
  test.each(REFUSALS)("$status for $name", async ({ body, status, says }) => {
    const world = await atTen()
    const before = await world.witness.checkpoint(originHash)
    const answer = typeof body === "string" ? await world.post(body) : { status: (await world.witness.addCheckpoint(body)).status, text: says }
    expect({ status: answer.status, text: answer.text }).toEqual({ status, text: status === 409 ? says : expect.stringContaining(says) })
    if ("contentType" in answer) expect(answer.contentType).toBe(status === 409 ? "text/x.tlog.size" : "text/plain; charset=utf-8")
    expect(answer.text.endsWith("\n") || typeof body !== "string").toBe(true)
    // It is where it was, and goes on.
    expect(await world.witness.checkpoint(originHash)).toBe(before)
    expect((await world.post(log.request(10, 12))).status).toBe(200)
  })

  test.each([
    { name: "size 0 with another root", body: log.request(0, 0, { checkpoint: signed(formatCheckpoint({ origin: "log.example/npm", size: 0, root: filled(3) })) }) },
    { name: "a proof from nothing", body: log.request(0, 5, { proof: [filled(1)] }) },
    { name: "a proof from nothing to nothing", body: log.request(0, 0, { proof: [filled(1)] }) },
  ])("422 for $name, before and after the empty tree was cosigned", async ({ body }) => {
    const world = await newWorld()
    expect((await world.post(body)).status).toBe(422)
    expect((await world.post(log.request(0, 0))).status).toBe(200)
    expect((await world.post(body)).status).toBe(422)
    // Not evidence either: no proof starts from nothing.
    expect(await world.witness.misbehavior()).toEqual([])
    expect((await world.post(log.request(0, 5))).status).toBe(200)
  })

  test("every flipped byte of a good request is refused or means the same", async () => {
    const good = utf8Encode(log.request(10, 12))
    const world = await atTen()
    const statuses = new Map<number, number>()
    for (let i = 0; i < good.length; i++) {
      const bad = Uint8Array.from(good)
      bad[i] = (bad[i] as number) ^ 1
      const { status } = await world.witness.addCheckpoint(bad)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    for (let length = 0; length < good.length; length++) expect((await world.witness.addCheckpoint(good.slice(0, length))).status).not.toBe(200)
    expect(statuses.get(200)).toBeUndefined()
    expect([...statuses.keys()].sort()).toEqual([400, 403, 404, 409, 422])
    expect((await world.witness.addCheckpoint(good)).status).toBe(200)
  })

  test("keys that are none of a log's, and signers that are none of a witness's, are the caller's bug", async () => {
    const store = await createMemoryWitnessDisk().open()
    const rest = { store, crypto: fastCrypto, clock: { nowMs: () => NOW } }
    await expect(openWitness({ ...rest, signer: logSigner, logs: [] })).rejects.toBeInstanceOf(TypeError)
    await expect(openWitness({ ...rest, signer: witnessSigner, logs: [witnessSigner.verifier] })).rejects.toBeInstanceOf(TypeError)
    await expect(openWitness({ ...rest, signer: witnessSigner, logs: [{ origin: "x", key: witnessSigner.verifier }] })).rejects.toBeInstanceOf(TypeError)
  })
})
