// Real lockfiles of well-known repositories, where they are at hand (VOUCHSAFE_SHARED): what is read, what would be refused, and the time it takes.
// node --conditions=source packages/client/bench/lockfiles.ts      exit status 1 where a file is not read, or an entry would be refused
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { sharedPathIfPresent } from "@vouchsafe/config/shared"
import { checkLockfile, type Lockfile, LOCKFILE_NAMES, parseLockfile, toRequests } from "../src/lockfile/index.ts"

const root = sharedPathIfPresent("data", "lockfiles")
if (root === undefined) {
  console.log(JSON.stringify({ lockfiles: 0, note: "no recorded lockfiles at hand: set VOUCHSAFE_SHARED" }))
  process.exit(0)
}

/** Files as they were recorded take everything from one place, which stands for the configured registry. */
function registryIn(lockfile: Lockfile): string {
  const first = lockfile.entries.find(({ kind, resolved }) => kind === "registry" && resolved !== undefined)?.resolved
  return first === undefined ? "https://registry.example/" : `${new URL(first).origin}/`
}

const paths = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => LOCKFILE_NAMES.some((name) => path.endsWith(name)))
let refused = 0
for (const path of paths.sort()) {
  const text = readFileSync(join(root, path), "utf8")
  const started = performance.now()
  const lockfile = parseLockfile(path, text)
  const ms = Math.round(performance.now() - started)
  const registry = registryIn(lockfile)
  const findings = checkLockfile(lockfile, { registryFor: () => registry })
  refused += findings.length
  const kinds = Object.fromEntries([...new Set(lockfile.entries.map(({ kind }) => kind))].sort().map((kind) => [kind, lockfile.entries.filter((entry) => entry.kind === kind).length]))
  console.log(JSON.stringify({ path, characters: text.length, ms, format: lockfile.format, version: lockfile.version, entries: lockfile.entries.length, kinds, requests: toRequests(lockfile, { registryFor: () => registry }).length, refused: findings.map(({ message }) => message) }))
}
process.exitCode = refused === 0 && paths.length > 0 ? 0 : 1
