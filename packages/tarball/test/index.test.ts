import { nobleCrypto } from "@vouchsafe/core"
import { expect, test } from "vitest"
import * as tarball from "../src/index.ts"

test("exports", () => {
  expect(Object.keys(tarball).sort()).toEqual([
    "MANIFEST_FORMAT", "TARBALL_LIMITS", "asObject", "asPlainText", "bundledFolder", "describeContents", "hashTgz", "member", "parsePackageJson", "readManifest", "readTarball", "tooLarge",
  ])
})

test("limits are numbers that make sense together", () => {
  const { TARBALL_LIMITS: limits } = tarball
  expect(limits.tgzBytesMax).toBeLessThan(limits.tarBytesMax)
  expect(tarball.describeContents(nobleCrypto, []).files).toBe(0)
})
