import { expect, test } from "vitest"
import * as audit from "../src/index.ts"

test("what the package exports", () => {
  expect(Object.keys(audit).sort()).toEqual([
    "attestedOf", "auditFolder", "compareFiles", "compareHashes", "discover", "identifier", "manifestsFrom", "parseManifest", "parsePatch", "patchesFor", "readPatches", "readPlaces", "takeBack", "takeBackPatches", "withoutPatches",
  ])
})
