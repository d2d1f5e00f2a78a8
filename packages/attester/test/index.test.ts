import { readFileSync } from "node:fs"
import { TARBALL_LIMITS } from "@vouchsafe/tarball"
import { Ajv2020 } from "ajv/dist/2020.js"
import { expect, test } from "vitest"
import * as attester from "../src/index.ts"
import { entry, packageTgz } from "@vouchsafe/testkit/tar"
import { ARTIFACT, createWorld } from "./support/world.ts"

test("exports", () => {
  expect(Object.keys(attester).sort()).toEqual([
    "ATTESTER_LIMITS", "COMPARED_MEMBERS", "LOCKSET_REUSE_SECONDS", "compareManifests", "createAttester", "createLocksets", "findObservation", "locksetKey", "logKey",
  ])
})

test("what it writes fits the published schemas", async () => {
  const ajv = new Ajv2020({ strict: false })
  const schema = (name: string) => ajv.compile(JSON.parse(readFileSync(new URL(`../../spec/schemas/${name}.schema.json`, import.meta.url), "utf8")) as object)
  const world = createWorld()
  world.publish({ bytes: packageTgz(entry("package/cli.js", "#!", { mode: 0o755 })) })
  await world.attester.observe(ARTIFACT)
  await world.attester.withdraw({ ...ARTIFACT, sha512: "ab".repeat(64), reason: "x" })
  await world.attester.reverse({ index: 0, reason: "y" })
  const json = (bytes: Uint8Array | undefined): unknown => JSON.parse(Buffer.from(bytes as Uint8Array).toString("utf8"))
  const observation = schema("observation")
  expect(observation(json(world.log.entries[0]?.bytes)), JSON.stringify(observation.errors)).toBe(true)
  const manifest = schema("manifest")
  expect(manifest(json([...world.blobs.blobs.values()][0])), JSON.stringify(manifest.errors)).toBe(true)
  const notice = schema("notice")
  for (const { bytes } of world.notices.entries) expect(notice(json(bytes)), JSON.stringify(notice.errors)).toBe(true)
})

test("a tarball as large as allowed may be in flight", () => {
  expect(TARBALL_LIMITS.tgzBytesMax).toBeLessThanOrEqual(attester.ATTESTER_LIMITS.bytesInFlightMax)
})
