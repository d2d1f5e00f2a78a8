/**
 * The policy in force: that of the project, and no weaker than the floors that its checkout cannot reach (spec/floor.md; THREATS A5).
 *
 * @packageDocumentation
 */
import { isVouchsafeError, parsePolicy, type Policy, POLICY_LENGTH_MAX, stricterPolicy, VouchsafeError } from "@vouchsafe/core"
import { statSync } from "node:fs"
import { dirname, isAbsolute, join, relative, sep } from "node:path"
import { diskError, readTextIfPresent } from "./files.ts"
import type { ConfigLocation } from "./find-config.ts"
import { placeLists } from "./lists.ts"
import type { Env } from "./paths.ts"

export const FLOOR_VARIABLE = "VOUCHSAFE_POLICY_FLOOR"
const FLOOR_NAME = "policy-floor.json"
/** How core's errors about a policy begin. */
const POLICY_LABEL = "vouchsafe.json:"

/** A policy with the floors that it was raised to. */
export interface PolicyInForce {
  readonly policy: Policy
  /** Files of the floors. */
  readonly floors: readonly string[]
}

/** The machine's own floor, for everybody on it. */
export function systemFloorPath(env: Env): string {
  return process.platform === "win32" ? join(env["ProgramData"] ?? "C:\\ProgramData", "vouchsafe", FLOOR_NAME) : `/etc/vouchsafe/${FLOOR_NAME}`
}

/**
 * Reads a project's policy and raises it to the floors: that of the variable and that of the machine, each where there is one.
 * @throws VouchsafeError CONFIG_MALFORMED, DISK.
 */
export function readPolicy({ path, dir }: ConfigLocation, env: Env, systemFloor: string = systemFloorPath(env)): PolicyInForce {
  const floors = floorsOf(dir, env, systemFloor)
  let policy = placeLists(parsePolicy(readBounded(path, POLICY_LENGTH_MAX, "CONFIG_MALFORMED")), dir)
  for (const floor of floors) policy = stricterPolicy(policy, parseFloor(floor))
  return { policy, floors }
}

/** Files of the floors that are in force. @throws VouchsafeError CONFIG_MALFORMED for a variable that names no file outside of the project. */
function floorsOf(dir: string, env: Env, systemFloor: string): string[] {
  const named = env[FLOOR_VARIABLE]
  const system = isThere(systemFloor) ? [systemFloor] : []
  if (named === undefined || named === "") return system
  if (!isAbsolute(named) || !isThere(named)) throw new VouchsafeError("CONFIG_MALFORMED", `${FLOOR_VARIABLE} names no file, expected the absolute path of a policy`, { details: { path: named } })
  const inside = relative(dir, named)
  if (!isAbsolute(inside) && inside !== ".." && !inside.startsWith(`..${sep}`)) throw new VouchsafeError("CONFIG_MALFORMED", `${FLOOR_VARIABLE} names ${named} inside the project, where a change of the project changes it too`, { hint: "keep the floor outside of the checkout" })
  return [named, ...system]
}

function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined
  } catch (error) {
    throw diskError(`looking for ${path}`, error)
  }
}

function parseFloor(path: string): Policy {
  try {
    return placeLists(parsePolicy(readBounded(path, POLICY_LENGTH_MAX, "CONFIG_MALFORMED")), dirname(path))
  } catch (error) {
    // Core knows no files: it calls every policy by the usual name.
    if (!isVouchsafeError(error, "CONFIG_MALFORMED") || !error.message.startsWith(POLICY_LABEL)) throw error
    throw new VouchsafeError("CONFIG_MALFORMED", `${path}:${error.message.slice(POLICY_LABEL.length)}`, { cause: error, hint: error.hint, details: error.details })
  }
}

/** Reads a file that must be there, refusing a huge one before it is read. @throws VouchsafeError `code`, DISK. */
export function readBounded(path: string, maxLength: number, code: "CONFIG_MALFORMED" | "ROSTER_MALFORMED"): string {
  // UTF-8 takes at most three bytes for a UTF-16 unit.
  const bytes = sizeOf(path)
  if (bytes > 3 * maxLength) throw new VouchsafeError(code, `${path} has ${bytes} bytes, expected at most ${maxLength} characters`)
  const text = readTextIfPresent(path)
  if (text === undefined) throw new VouchsafeError(code, `${path} does not exist`, { hint: "run `npx vouchsafe init`" })
  return text
}

function sizeOf(path: string): number {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size ?? 0
  } catch (error) {
    throw diskError(`reading ${path}`, error)
  }
}
