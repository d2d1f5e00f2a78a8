import assert from "node:assert/strict"
import { type ErrorCode, isVouchsafeError } from "@vouchsafe/core"

/** One row of a published suite. Knows no test runner: `run` rejects when the driver under test is wrong. */
export interface DriverCase<Place> {
  readonly name: string
  run(place: Place): Promise<void>
}

/** Expects a typed refusal. */
export async function refuses(work: () => Promise<unknown>, code: ErrorCode): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(isVouchsafeError(error), `expected a VouchsafeError ${code}, found ${String(error)}`)
    assert.equal(error.code, code)
    return true
  })
}
