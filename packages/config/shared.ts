import { existsSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

const HERE = dirname(fileURLToPath(import.meta.url))
/** Material that this repository holds itself: `vectors` and `data`. */
const OWN = resolve(HERE, "../spec")
const KINDS: ReadonlySet<string> = new Set(["vectors", "data"])

/**
 * Finds material of tests: conformance vectors and recorded data. What this repository holds comes first
 * (`packages/spec/vectors`, `packages/spec/data`); the rest is shared with other projects, in the folder that `VOUCHSAFE_SHARED` names, by
 * default `shared` beside the repository.
 *
 * @throws Error where neither has it
 */
export function sharedPath(...parts: string[]): string {
  const own = join(OWN, ...parts)
  if (KINDS.has(parts[0] ?? "") && existsSync(own)) return own
  const path = join(sharedRoot(), ...parts)
  if (!existsSync(path)) throw new Error(`material of tests ${parts.join("/")} is neither in packages/spec nor under ${sharedRoot()}; set VOUCHSAFE_SHARED`)
  return path
}

/** The same for material that only widens a run: undefined where it is not at hand. */
export function sharedPathIfPresent(...parts: string[]): string | undefined {
  const path = join(sharedRoot(), ...parts)
  return existsSync(path) ? path : undefined
}

function sharedRoot(): string {
  return process.env["VOUCHSAFE_SHARED"] ?? resolve(HERE, "../../../shared")
}
