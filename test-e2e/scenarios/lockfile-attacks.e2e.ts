// THREATS A6: a lockfile that makes npm fetch what nobody vouched for. `run -- npm ci` refuses it before anything runs.
import { startRegistry, type FakeRegistry } from "@vouchsafe/testkit/registry"
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { commandIn, describeRun, findPackage, FIXTURES, getManager, openWorld, policyFiles, TAMPER, type ManagerId, type World } from "../support/index.ts"

type Entry = Record<string, unknown>
type Entries = Record<string, Entry>

let world: World
/** Somebody else's registry, with the same evil package. */
let elsewhere: FakeRegistry
let accounts = 0
beforeAll(async () => {
  world = await openWorld("lockfile")
  elsewhere = await startRegistry({ packages: FIXTURES, tamper: TAMPER })
  world.registry.tamper(TAMPER)
  return async () => {
    await elsewhere.close()
    await world.close()
  }
})

const NESTED = "node_modules/zz-good/node_modules/zz-evil"
const PLACE = "node_modules/zz-evil"
const integrityIn = (registry: FakeRegistry): string => registry.built("zz-leaf", "1.0.0")?.integrity ?? ""

/** One row is one lie; it changes an honest package-lock.json in which `zz-good` is all there is. */
const LIES: readonly { readonly name: string; readonly code: string; readonly entries: () => Entries; readonly direct?: string }[] = [
  { name: "a bundled entry without integrity, fetched from the registry", code: "EXOTIC_SOURCE", entries: () => ({ [NESTED]: { version: "1.0.0", inBundle: true, hasInstallScript: true, resolved: tarball(world.registry) } }) },
  { name: "a bundled entry without integrity, fetched from another host", code: "EXOTIC_SOURCE", entries: () => ({ [NESTED]: { version: "1.0.0", inBundle: true, hasInstallScript: true, resolved: tarball(elsewhere) } }) },
  { name: "a bundled entry with nothing but a version", code: "EXOTIC_SOURCE", entries: () => ({ [NESTED]: { version: "1.0.0", inBundle: true, hasInstallScript: true } }) },
  { name: "an entry fetched from another host", code: "WRONG_REGISTRY", direct: "1.0.0", entries: () => ({ [PLACE]: { version: "1.0.0", resolved: tarball(elsewhere), integrity: integrityIn(elsewhere), hasInstallScript: true } }) },
  { name: "an entry with sha1 only", code: "EXOTIC_SOURCE", direct: "1.0.0", entries: () => ({ [PLACE]: { version: "1.0.0", resolved: tarball(world.registry), integrity: "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=", hasInstallScript: true } }) },
  { name: "an entry without integrity", code: "EXOTIC_SOURCE", direct: "1.0.0", entries: () => ({ [PLACE]: { version: "1.0.0", resolved: tarball(world.registry), hasInstallScript: true } }) },
  { name: "a tarball by its URL", code: "EXOTIC_SOURCE", direct: "http://127.0.0.1:9/zz-evil.tgz", entries: () => ({ [PLACE]: { version: "1.0.0", resolved: "http://127.0.0.1:9/zz-evil.tgz", integrity: integrityIn(elsewhere), hasInstallScript: true } }) },
  { name: "a git repository", code: "EXOTIC_SOURCE", direct: "git+ssh://git@127.0.0.1/zz/evil.git", entries: () => ({ [PLACE]: { version: "1.0.0", resolved: "git+ssh://git@127.0.0.1/zz/evil.git#0123456789abcdef0123456789abcdef01234567", hasInstallScript: true } }) },
  { name: "a link out of the project", code: "EXOTIC_SOURCE", direct: "file:../outside", entries: () => ({ "../outside": { name: "zz-evil", version: "1.0.0" }, [PLACE]: { resolved: "../outside", link: true } }) },
]

function tarball(registry: FakeRegistry): string {
  return `${registry.url}zz-evil/-/zz-evil-1.0.0.tgz`
}

describe.each(["npm10", "npm11", "npm12"] as const)("A6: %s ci behind run", (id) => {
  test.each(LIES)("refuses $name", async ({ code, entries, direct }) => {
    const { project, marker, command } = await poisoned(id, entries(), direct)
    const before = [world.registry, elsewhere].map(tarballRequests)
    const ran = await command("vouchsafe", "run", "--", "npm", "ci")
    expect(ran.status, describeRun(ran)).toBe(1)
    expect(ran.output, describeRun(ran)).toContain(code)
    expect(ran.output, describeRun(ran)).toContain("zz-evil")
    expect(existsSync(marker), describeRun(ran)).toBe(false)
    expect(findPackage(project, "zz-evil")).toEqual([])
    expect([world.registry, elsewhere].map(tarballRequests), "nobody asked for the tarball").toEqual(before)
  })
})

test.each(["npm10", "npm11"] as const)("%s ci alone fetches and runs a bundled entry without integrity from another host", async (id) => {
  const { marker, command } = await poisoned(id, LIES[1]?.entries() ?? {}, undefined)
  const ran = await command("npm", "ci")
  expect(ran.status, describeRun(ran)).toBe(0)
  expect(readFileSync(marker, "utf8"), describeRun(ran)).toContain("tampered postinstall")
})

/** Requests of anybody but the nodes. */
function tarballRequests(registry: FakeRegistry): number {
  return registry.requests.filter(({ kind, name, userAgent }) => kind === "tarball" && name === "zz-evil" && !userAgent.startsWith("vouchsafe-node/")).length
}

async function poisoned(id: ManagerId, entries: Entries, direct: string | undefined) {
  const sandbox = world.sandbox(`a${accounts++}`)
  const dependencies = { "zz-good": "1.0.0" }
  const manifest = { name: "project", version: "1.0.0", private: true, dependencies }
  const project = sandbox.project("project", { "package.json": manifest, ...policyFiles(world) })
  sandbox.project("outside", { "package.json": { name: "zz-evil", version: "1.0.0" } })
  const command = commandIn(world, sandbox, await getManager(id), project)
  const first = await command("npm", "install", "--package-lock-only")
  expect(first.status, describeRun(first)).toBe(0)
  const path = join(project, "package-lock.json")
  const lock = JSON.parse(readFileSync(path, "utf8")) as { packages: Entries }
  if (direct !== undefined) {
    const all = { ...dependencies, "zz-evil": direct }
    writeFileSync(join(project, "package.json"), JSON.stringify({ ...manifest, dependencies: all }))
    lock.packages[""] = { ...lock.packages[""], dependencies: all }
  } else {
    const good = lock.packages["node_modules/zz-good"]
    lock.packages["node_modules/zz-good"] = { ...good, dependencies: { ...good?.["dependencies"] as object, "zz-evil": "1.0.0" } }
  }
  Object.assign(lock.packages, entries)
  writeFileSync(path, JSON.stringify(lock, null, 2))
  rmSync(join(project, "node_modules"), { recursive: true, force: true })
  return { project, marker: join(sandbox.dir, "marker"), command }
}
