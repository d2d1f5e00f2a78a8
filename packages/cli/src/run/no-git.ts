/**
 * npm fetches repositories with a program of its own choice, past every registry, and runs their scripts as it does. A lockfile inside a
 * package can name one that nothing else told us of. So the program that npm is given says no.
 *
 * @packageDocumentation
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Policy } from "@vouchsafe/core"

const REFUSAL = "vouchsafe: refused EXOTIC_SOURCE: something asks for a git repository, which nobody attests; use a registry release of it, or, for all such sources, set the rule EXOTIC_SOURCE in vouchsafe.json"
const PROGRAM_MODE = 0o700

/** Tells whether a policy lets any package at all come from a repository. */
export function maySomeUseGit({ rules, overrides }: Pick<Policy, "rules" | "overrides">): boolean {
  return [rules, ...overrides.map((override) => override.rules)].some((given) => given.has("EXOTIC_SOURCE") && given.get("EXOTIC_SOURCE") !== "deny")
}

/** Writes the program that stands in for git. @returns its path; on Windows one where nothing is, since nothing but programs can be started there. */
export function writeRefusingGit(folder: string): string {
  const path = join(folder, "vouchsafe-refuses-git")
  if (process.platform !== "win32") writeFileSync(path, `#!/bin/sh\necho ${JSON.stringify(REFUSAL)} >&2\nexit 1\n`, { mode: PROGRAM_MODE })
  return path
}
