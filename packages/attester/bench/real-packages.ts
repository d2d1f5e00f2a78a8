/**
 * Reads real packages from the registry of the person's npm configuration and tells which would be refused, and for which the packument seems
 * to differ from the tarball. Run by hand: `node --conditions=source packages/attester/bench/real-packages.ts [name[@version] …]`.
 */
import { execFileSync } from "node:child_process"
import { isVouchsafeError, nobleCrypto } from "@vouchsafe/core"
import { readTarball } from "@vouchsafe/tarball"
import { compareManifests } from "../src/index.ts"
import { readPackument } from "../src/package/packument.ts"

/** Popular ones, old ones, native ones, bundling ones, ones with unusual manifests. */
const PACKAGES = [
  "semver", "lodash", "react", "typescript@5.9.2", "express", "chalk", "debug", "@types/node", "@babel/core", "esbuild", "rollup", "vite", "webpack", "eslint",
  "prettier", "axios", "commander", "glob", "tar", "npm@10.9.2", "fsevents", "bufferutil", "better-sqlite3", "node-sass@9.0.0", "husky", "core-js", "@swc/core",
  "sharp", "bcrypt@5.1.1", "ws", "uuid", "moment", "underscore", "async@0.2.9", "optimist@0.3.7", "colors@0.6.2", "mkdirp@0.3.5", "express@3.0.0", "JSONStream", "socket.io@0.9.16",
]

const registry = `${execFileSync("npm", ["config", "get", "registry"], { encoding: "utf8" }).trim().replace(/\/+$/, "")}/`
const wanted = process.argv.slice(2).length > 0 ? process.argv.slice(2) : PACKAGES
const results: { outcome: string, mismatch: readonly string[] }[] = []

async function observe(spec: string): Promise<void> {
  const at = spec.lastIndexOf("@")
  const name = at > 0 ? spec.slice(0, at) : spec
  const packument = await (await fetch(`${registry}${name.replace("/", "%2f")}`)).json() as { "dist-tags": { latest: string }, versions: Record<string, object>, time?: Record<string, string> }
  const version = at > 0 ? spec.slice(at + 1) : packument["dist-tags"].latest
  const facts = readPackument({ manifest: packument.versions[version], time: packument.time?.[version] })
  const bytes = new Uint8Array(await (await fetch(facts.tarballUrl)).arrayBuffer())
  const started = process.cpuUsage()
  let outcome = "read"
  let mismatch: readonly string[] = []
  let detail = ""
  try {
    const tarball = await readTarball(bytes, { crypto: nobleCrypto, origin: "bench.example/log", expected: facts })
    mismatch = compareManifests(tarball.facts, facts.manifest, tarball.paths)
    detail = `${tarball.contents.files} files, ${tarball.contents.executables.count} executable, ${tarball.facts.gyp.length} gyp, ${tarball.facts.bundled.length} bundled, ${tarball.links} links, ${tarball.facts.scripts.size} scripts`
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    outcome = error.code
    detail = error.message
  }
  const { user, system } = process.cpuUsage(started)
  results.push({ outcome, mismatch })
  console.log(`${name}@${version}: ${outcome}; ${bytes.length} bytes, ${Math.round((user + system) / 1000)} ms CPU; ${detail}${mismatch.length > 0 ? `; MISMATCH ${mismatch.join(", ")}` : ""}`)
}

for (const spec of wanted) {
  try {
    await observe(spec)
  } catch (error) {
    results.push({ outcome: "failed", mismatch: [] })
    console.log(`${spec}: failed: ${error instanceof Error ? error.message : String(error)}`)
  }
}
const refused = results.filter(({ outcome }) => outcome.startsWith("TARBALL_")).length
console.log(`${results.length} packages: ${refused} refused, ${results.filter(({ mismatch }) => mismatch.length > 0).length} with a mismatch, ${results.filter(({ outcome }) => outcome === "failed").length} not fetched`)
