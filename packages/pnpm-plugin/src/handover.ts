import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/**
 * What one worker of pnpm 12 leaves for the next: the registries that pnpm uses. `pnpm fetch` tells them to the first
 * worker and asks the second one about packages.
 *
 * A file in a folder of this user's own, named by the pnpm process that both belong to. It decides which registry is
 * meant, never whether bytes are vouched for.
 */
export interface Handover {
  leave(registries: Readonly<Record<string, string>>): void
  /** Takes what was left for this folder; undefined when there is nothing. */
  take(): Readonly<Record<string, string>> | undefined
}

/** What nobody took within this time is removed, in ms. */
const KEPT_MS_MAX = 3_600_000

export function openHandover(directory: string, ppid: number, cwd: string): Handover {
  const path = join(directory, `${ppid}.json`)
  return {
    leave(registries) {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      writeFileSync(path, JSON.stringify({ cwd, registries }), { mode: 0o600 })
      const now = statSync(path).mtimeMs
      for (const name of readdirSync(directory)) {
        const written = statSync(join(directory, name), { throwIfNoEntry: false })?.mtimeMs ?? now
        if (now - written > KEPT_MS_MAX) rmSync(join(directory, name), { force: true })
      }
    },
    take() {
      try {
        const left = JSON.parse(readFileSync(path, "utf8")) as { readonly cwd?: unknown, readonly registries?: unknown }
        rmSync(path, { force: true })
        return left.cwd === cwd && isMap(left.registries) ? left.registries : undefined
      } catch (error) {
        if (!(error instanceof Error)) throw error
        return undefined
      }
    },
  }
}

function isMap(value: unknown): value is Readonly<Record<string, string>> {
  return typeof value === "object" && value !== null && Object.values(value).every((url) => typeof url === "string")
}
