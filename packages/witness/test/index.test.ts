import { expect, test } from "vitest"
import * as witness from "../src/index.ts"

test("the package exports this, and nothing else", () => {
  expect(Object.keys(witness).sort()).toEqual([
    "ADD_CHECKPOINT_BYTES_MAX", "CLOCK_STEP_BACK_SECONDS_MAX", "MISBEHAVIOR_PER_LOG_MAX", "PROOF_HASHES_MAX", "RACES_MAX", "REFRESH_SECONDS_MIN", "openSqliteWitnessStore",
    "openWitness",
  ])
})
