import { createHash } from "node:crypto"
import { openLogReader } from "@vouchsafe/log"
import { fastCrypto, refuses } from "@vouchsafe/testkit"
import { expect, test } from "vitest"
import { nodeStorage } from "../src/index.ts"
import { entriesOf, openOn, signer } from "./support/history.ts"
import { newDirectory, ORIGIN } from "./support/places.ts"
import { CREDENTIALS, newName, objectsForTests, objectsText, postgresForTests } from "./support/servers.ts"

const postgres = postgresForTests()
const objects = objectsForTests()
const env = { AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId, AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey }

test.each([{ name: "objects", withObjects: true }, { name: "a data folder", withObjects: false }])("a node's two logs, witness and documents over PostgreSQL and $name", async ({ withObjects }) => {
  const text = withObjects ? objectsText(objects().proxy.port, newName()) : undefined
  const kept = nodeStorage({ storage: postgres().address(newName()), objects: text, directory: newDirectory(), env })
  const log = await openOn(await kept.openLogStorage("log", ORIGIN))
  const notices = await kept.openLogStorage("notices", `${ORIGIN}/notices`)
  await log.append(entriesOf(0, 300))
  expect((await notices.load()).staged).toBe(undefined)
  const aborted = { aborted: true, addEventListener: () => undefined, removeEventListener: () => undefined }
  await refuses(() => kept.openLogStorage("log", ORIGIN, { signal: aborted }), "TIMEOUT")
  const reader = await openLogReader({ storage: await kept.openLogSnapshots("log", ORIGIN), verifier: signer.verifier, crypto: fastCrypto })
  expect(reader.head()).toEqual(log.head())
  expect(await reader.entry(7)).toEqual(await log.entry(7))
  const witness = await kept.openWitnessStore()
  expect(await witness.read("a".repeat(64))).toBe(undefined)
  const bytes = new TextEncoder().encode("document")
  await kept.blobs?.put(createHash("sha256").update(bytes).digest("hex"), bytes)
  expect(kept.blobs !== undefined).toBe(withObjects)
  await Promise.all([reader.close(), log.close(), notices.close(), witness.close()])
})

test("what does not read is refused before anything is reached", () => {
  const given = { storage: "postgres://u@h/d", directory: "unused", env: {} }
  for (const wrong of [{ storage: "sqlite:x" }, { objects: "file:///x" }, { objects: "s3://bucket" }]) {
    expect(() => nodeStorage({ ...given, ...wrong })).toThrow(expect.objectContaining({ code: "CONFIG_MALFORMED" }))
  }
})
