import { expect, test } from "vitest"
import * as audit from "../src/index.ts"

test("what the package exports", () => {
  expect(Object.keys(audit).sort()).toEqual([
    "attestedOf", "auditFolder", "compareFiles", "compareHashes", "discover", "hashesOf", "identifier", "manifestsFrom", "parseManifest", "parsePatch", "patchesFor", "readAudited", "readPatches", "readPlaces", "takeBack", "takeBackPatches", "withoutPatches",
  ])
})
