/** The log that these tests' witness watches, others that it is shown instead, and a witness that knows it. */
import { hexEncode, KEY_TYPE, signerFromSeed, utf8Encode } from "@vouchsafe/core"
import { fastCrypto } from "@vouchsafe/testkit"
import { expect } from "vitest"
import { filled, newWorld, testLog, type World } from "./helpers.ts"

export const log = testLog()
/** The same log with other entries from the sixth on. */
export const fork = testLog("fork", 5)
/** The log's entries and name, under a key that is not its own. */
export const stranger = testLog("trunk", 64, signerFromSeed("log.example/npm", KEY_TYPE.ed25519, filled(8)))
export const originHash = hexEncode(fastCrypto.sha256(utf8Encode("log.example/npm")))

/** A witness that has cosigned size 10 of `log`. */
export async function atTen(more: Parameters<typeof newWorld>[0] = {}): Promise<World> {
  const world = await newWorld(more)
  expect((await world.post(log.request(0, 10))).status).toBe(200)
  return world
}
