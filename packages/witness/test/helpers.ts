import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  base64Encode, type Bytes, formatCheckpoint, KEY_TYPE, leafHash, proveConsistency, rootOfLeaves, type Signer, signerFromSeed, signNote, utf8Decode,
  utf8Encode,
} from "@vouchsafe/core"
import type { WitnessStore } from "@vouchsafe/ports"
import { createMemoryWitnessDisk, fastCrypto } from "@vouchsafe/testkit"
import { afterAll } from "vitest"
import { openWitness, type Witness, type WitnessAnswer, type WitnessRole } from "../src/index.ts"

export const NOW = 1_700_000_000
/** 32 bytes of one value, as a seed or in place of a hash. */
export const filled = (byte: number): Bytes => new Uint8Array(32).fill(byte)
/** Keys of the worked vectors. */
export const logSigner = signerFromSeed("log.example/npm", KEY_TYPE.ed25519, filled(1))
export const witnessSigner = signerFromSeed("witness.example/w1", KEY_TYPE.cosignatureEd25519, filled(2))

const temporary: string[] = []

export async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "vouchsafe-witness-"))
  temporary.push(directory)
  return join(directory, "witness")
}

afterAll(async () => {
  await Promise.all(temporary.map((directory) => rm(directory, { recursive: true, force: true })))
})

export interface World {
  readonly witness: Witness
  readonly clock: { seconds: number }
  /** Posts a body given as text. */
  post(body: string): Promise<{ readonly status: number; readonly text: string; readonly contentType: string }>
}

/** A witness on a memory store unless `more` names another, and a clock to move. */
export async function newWorld(more: Partial<WitnessRole> & { readonly store?: WitnessStore } = {}): Promise<World> {
  const clock = { seconds: NOW }
  const { store = await createMemoryWitnessDisk().open(), ...role } = more
  const witness = await openWitness({
    signer: witnessSigner, logs: [logSigner.verifier], crypto: fastCrypto, clock: { nowMs: () => clock.seconds * 1000 + 999 }, ...role, store,
  })
  return { witness, clock, post: async (body) => read(await witness.addCheckpoint(utf8Encode(body))) }
}

export function read({ status, body, contentType }: WitnessAnswer) {
  return { status, text: utf8Decode(body), contentType }
}

/** A log in memory, whose entries are `<name> <index>`. Two of different names fork at `from`. */
export interface TestLog {
  readonly signer: Signer
  root(size: number): Bytes
  checkpoint(size: number): string
  /** A request body, honest unless told otherwise. */
  request(oldSize: number, size: number, more?: { readonly proof?: readonly Bytes[]; readonly checkpoint?: string }): string
  proof(oldSize: number, size: number): Bytes[]
}

/** Leaves below `from` are those of the trunk, the rest are this branch's own. */
export function testLog(branch = "trunk", from = 0, signer: Signer = logSigner): TestLog {
  const leaves = Array.from({ length: 64 }, (_, i) => leafHash(fastCrypto, utf8Encode(`${i < from ? "trunk" : branch} ${i}`)))
  const root = (size: number): Bytes => rootOfLeaves(fastCrypto, leaves.slice(0, size))
  const checkpoint = (size: number): string => signNote(signer, formatCheckpoint({ origin: signer.verifier.name, size, root: root(size) }))
  const proof = (oldSize: number, size: number): Bytes[] => proveConsistency(fastCrypto, leaves.slice(0, size), { oldSize, newSize: size })
  return {
    signer, root, checkpoint, proof,
    request: (oldSize, size, more = {}) =>
      `old ${oldSize}\n${(more.proof ?? (oldSize <= size ? proof(oldSize, size) : [])).map((hash) => `${base64Encode(hash)}\n`).join("")}\n${more.checkpoint ?? checkpoint(size)}`,
  }
}
