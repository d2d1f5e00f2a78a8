import { expect, test } from "vitest"
import * as roster from "../src/index.ts"

test("what the package gives", () => {
  expect(Object.keys(roster).sort()).toEqual([
    "DELEGATED", "HOLDER", "LIFE_MS_DEFAULT", "LIFE_MS_MAX", "PATH_BY_ROLE", "ROSTER_TARGET", "SOURCES_MAX", "changeKeyholders", "checkDraft", "currentOf", "currentRosterOf", "defaultThreshold", "differenceOf",
    "draftChange", "draftGenesis", "followRoster", "formatChain", "formatTime", "httpSource", "isRepositoryFile", "isWhole", "keyIdOf", "memorySource", "newestRoot", "parseChain", "progressOf", "publishProposal",
    "readFiles", "readProposal", "readRepository", "renewTimestamp", "roleOfTarget", "rosterInForce", "rosterStore", "sha256Hex", "signDraft", "signersOf", "tufKeyOf", "verifyChain", "verifySource", "writeProposal",
    "writeSignatures",
  ])
})
