import { createHash } from "node:crypto"
import { digestsOf, packTarball } from "@vouchsafe/testkit/registry"

/** Token between the benchmark and its shim. */
export const TOKEN = "benchmark-token-0123456789abcdef"

const TYPICAL_VERSIONS = 60
const LARGE_EVERY = 100
const LARGE_VERSIONS = 6_000
const TYPICAL_TARBALL_BYTES = 24 * 1024
const LARGE_TARBALL_BYTES = 3 * 1024 * 1024
const README_LENGTH = 8_000

/** Names of the first `count` packages. Each hundredth is a large one, as in real lockfiles. */
export function packageNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `bench-${i}`)
}

function isLarge(name: string): boolean {
  return Number(name.slice("bench-".length)) % LARGE_EVERY === LARGE_EVERY - 1
}

const FILE_MODE = 0o644

/** What package.json says, and the packument with it: real nodes compare them. */
function manifestOf(name: string, version: string): Record<string, unknown> {
  return {
    name, version, description: `benchmark package ${name}`, main: "index.js", license: "MIT", repository: { type: "git", url: `git+https://git.example/${name}.git` },
    scripts: { test: "node test.js", build: "tsc -p ." }, dependencies: { "bench-0": "^1.0.0", "bench-1": "^1.0.0", "bench-2": "~1.0.0" }, devDependencies: { typescript: "^5.0.0", vitest: "^1.0.0" },
    engines: { node: ">=18" },
  }
}

/** A package that a node can observe. Mostly noise, so that sizes are what they say. */
export function upstreamTarball(name: string): Buffer {
  const wanted = isLarge(name) ? LARGE_TARBALL_BYTES : TYPICAL_TARBALL_BYTES
  const seed = createHash("sha512").update(name).digest()
  const noise = Buffer.concat(Array.from({ length: Math.ceil(wanted / seed.length) }, (_, i) => createHash("sha512").update(seed).update(String(i)).digest()))
  const manifest = Buffer.from(`${JSON.stringify(manifestOf(name, "1.0.0"), null, 2)}\n`)
  return packTarball([{ path: "package/package.json", content: manifest, mode: FILE_MODE }, { path: "package/data.bin", content: noise, mode: FILE_MODE }])
}

/** A full packument with all the fields that real ones carry: about 70 kB, or 7 MB. */
export function upstreamPackument(name: string, base: string): string {
  const { integrity, shasum } = digestsOf(upstreamTarball(name))
  const numbers = ["1.0.0", ...Array.from({ length: (isLarge(name) ? LARGE_VERSIONS : TYPICAL_VERSIONS) - 1 }, (_, i) => `0.${i}.0`)]
  const versions = Object.fromEntries(numbers.map((version) => [version, {
    ...manifestOf(name, version), maintainers: [{ name: "someone", email: "someone@example.com" }], _npmUser: { name: "someone", email: "someone@example.com" }, _id: `${name}@${version}`,
    dist: { integrity, shasum, tarball: `${base}${name}/-/${name}-${version}.tgz`, fileCount: 12, unpackedSize: 45_678, signatures: [{ keyid: "SHA256:x", sig: createHash("sha256").update(version).digest("base64") }] },
  }]))
  return JSON.stringify({ _id: name, name, "dist-tags": { latest: "1.0.0" }, versions, time: Object.fromEntries(numbers.map((version) => [version, "2026-01-01T00:00:00.000Z"])), readme: "r".repeat(README_LENGTH) })
}
