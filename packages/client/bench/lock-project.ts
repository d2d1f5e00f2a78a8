/**
 * Writes a project of 1,300 packages with its lock, lockfiles of pnpm and npm, and a roster whose nodes are gone:
 * `node --conditions=source bench/lock-project.ts DIR`. What is measured there needs nothing of this process.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type ArtifactRequest, formatLock, npmNameOf, sriOfSha512 } from "@vouchsafe/core"
import { lockIn } from "../test/support/lock.ts"
import { fakeNetwork } from "../test/support/network.ts"
import { observation, purlOf, REGISTRY, sha512Of } from "../test/support/statements.ts"
import { virtualTime } from "../test/support/time.ts"

export const LOCKED_PACKAGES = 1_300

/** Texts of the project's files, by name. Its nodes' addresses are ports that nobody listens on. */
export function lockProject(): { readonly files: Readonly<Record<string, string>>; readonly requests: readonly ArtifactRequest[] } {
  const time = virtualTime(Date.now())
  const network = fakeNetwork(time)
  const requests = Array.from({ length: LOCKED_PACKAGES }, (_, i): ArtifactRequest => ({ purl: purlOf(`${i % 5 === 0 ? `@scope-${i % 7}/` : ""}package-number-${i}`, `${i % 12}.${i % 31}.${i % 7}`), registry: REGISTRY, sha512: sha512Of(`bytes ${i}`) }))
  for (const node of network.nodes) {
    for (const [i, { purl, sha512 }] of requests.entries()) {
      const packument = { publishedAt: 1_500_000_000 + i * 86_413, publisher: `publisher-${i % 97}`, repository: `git+https://git.example/owner-${i % 97}/package-number-${i}.git`, mismatch: [] }
      node.log.entries.push(observation(node.place.log.name, purl, sha512 ?? "", { packument }))
    }
  }
  let port = 0
  return {
    requests,
    files: {
      "vouchsafe.json": JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json" }),
      "vouchsafe.roster.json": network.rosterText.replace(/http:\/\/([a-z]+)\.example\//g, (_, operator: string) => `http://127.0.0.1:${portOf(operator, () => (port += 1))}/`),
      "vouchsafe.lock": formatLock(lockIn({ network, time }, requests)),
      "pnpm-lock.yaml": pnpmLock(requests), "package-lock.json": packageLock(requests), ".npmrc": `registry=${REGISTRY}\n`,
      "package.json": JSON.stringify({ name: "bench-lock", version: "1.0.0", private: true }),
    },
  }
}

const ports = new Map<string, number>()
function portOf(operator: string, next: () => number): number {
  const known = ports.get(operator) ?? next()
  ports.set(operator, known)
  return known
}

/** As pnpm 9 to 12 spell it. */
function pnpmLock(requests: readonly ArtifactRequest[]): string {
  const key = ({ name, version }: { name: string; version: string }): string => (name.startsWith("@") ? `'${name}@${version}'` : `${name}@${version}`)
  const named = requests.map((request) => ({ key: key(npmNameOf(request.purl)), sri: sriOfSha512(request.sha512 ?? "") }))
  const packages = named.map(({ key: id, sri }) => `  ${id}:\n    resolution: {integrity: ${sri}}\n    engines: {node: '>=18'}\n`)
  return `lockfileVersion: '9.0'\n\nsettings:\n  autoInstallPeers: true\n  excludeLinksFromLockfile: false\n\nimporters:\n\n  .: {}\n\npackages:\n\n${packages.join("\n")}\nsnapshots:\n\n${named.map(({ key: id }) => `  ${id}: {}\n`).join("\n")}`
}

function packageLock(requests: readonly ArtifactRequest[]): string {
  const places = requests.map(({ purl, sha512 }) => {
    const { name, version } = npmNameOf(purl)
    return [`node_modules/${name}`, { version, resolved: `${REGISTRY}${name}/-/${name.slice(name.indexOf("/") + 1)}-${version}.tgz`, integrity: sriOfSha512(sha512 ?? ""), engines: { node: ">=18" } }] as const
  })
  return JSON.stringify({ name: "bench-lock", version: "1.0.0", lockfileVersion: 3, requires: true, packages: { "": { name: "bench-lock", version: "1.0.0" }, ...Object.fromEntries(places) } }, null, 2)
}

const [, script = "", dir] = process.argv
if (dir !== undefined && script.endsWith("lock-project.ts")) {
  mkdirSync(dir, { recursive: true })
  for (const [name, text] of Object.entries(lockProject().files)) writeFileSync(join(dir, name), text)
}
