import { hash } from "node:crypto"
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import type { CheckResult } from "@vouchsafe/client"
import { parseLockfile } from "@vouchsafe/client/lockfile"
import { nodeCrypto } from "@vouchsafe/client/node"
import { type ArtifactFacts, artifactKey, type Claim, h1, LOCKSET_TYPE, type Verdict } from "@vouchsafe/core"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { type Audit, auditFolder, type Identified, type ProjectLockfile, readAudited } from "../src/index.ts"

const REGISTRY = "https://registry.example/"
let root: string
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "vouchsafe-audit-")))
})
afterEach(() => rmSync(root, { recursive: true }))

type Files = Readonly<Record<string, string>>
interface Release {
  readonly files: Files
  readonly bundled?: readonly string[]
  readonly runsScripts?: boolean
}
const manifestOf = (name: string, version = "1.0.0"): Files => ({ "package.json": JSON.stringify({ name, version }) })

function put(folder: string, files: Files): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, folder, path)), { recursive: true })
    writeFileSync(join(root, folder, path), content)
  }
}

/** Audits against a lock that holds these releases, by `name@version`. */
function audit(releases: Readonly<Record<string, Release>>, lockfiles: readonly ProjectLockfile[] = [], asked: string[] = []): Promise<Audit> {
  const keyOf = ({ purl }: Identified): string => artifactKey({ purl: purl as string, registry: REGISTRY })
  return auditFolder({
    reading: readAudited(root, 0), lockfiles: () => Promise.resolve(lockfiles), manifest: () => Promise.resolve(undefined), observe: () => Promise.resolve({ results: [], keyOf }),
    judge(packages) {
      asked.push(...packages.map(({ name, version }) => `${name}@${version}`))
      const facts = new Map<string, ArtifactFacts>()
      const verdicts = packages.map((one): Verdict => {
        const release = releases[`${one.name}@${one.version}`]
        const common = { purl: one.purl as string, registry: REGISTRY, sha512: "ab".repeat(64), findings: [], labels: [] }
        if (release === undefined) return { ...common, ok: false, code: "NOT_VOUCHED", claims: [] }
        const files = Object.entries(release.files).map(([path, content]) => ({ path, sha256: hash("sha256", content, "hex") }))
        facts.set(keyOf(one), { ...common, h1: h1(nodeCrypto, files), publishedAt: null, publisher: null, repository: null, provenance: null, runsScripts: release.runsScripts ?? false, flags: [] })
        const claim: Claim = { operator: "alpha", origin: "alpha", index: 0, predicateType: LOCKSET_TYPE, checkpointTime: 0, bundled: release.bundled ?? [] }
        return { ...common, ok: true, claims: [claim] }
      })
      const result = { verdicts, evidence: [], lock: { facts, missing: [], problems: [] }, misbehavior: [], failures: [], notes: [], stats: {} } as unknown as CheckResult
      return Promise.resolve({ results: [result], keyOf })
    },
  })
}
const summary = ({ packages }: Audit): string[] => packages.map(({ place, comparison, verdict, within, problem }) => `${place.path}: ${within === undefined ? `${verdict?.ok === false ? verdict.code : "ok"} ${comparison.equality}` : "within"}${problem === undefined ? "" : ` (${problem})`}`)
const npmLock = (packages: object): ProjectLockfile => ({ folder: "", path: "package-lock.json", lockfile: parseLockfile("package-lock.json", JSON.stringify({ lockfileVersion: 3, packages: { "": {}, ...packages } })) })

describe("one package", () => {
  const files = { ...manifestOf("a"), "index.js": "1" }
  test.each([
    { name: "as attested", disk: files, is: "node_modules/a: ok equal" },
    { name: "one byte", disk: { ...files, "index.js": "2" }, is: "node_modules/a: ok differs" },
    { name: "a file more", disk: { ...files, "x.js": "" }, is: "node_modules/a: ok differs" },
    { name: "a file less", disk: manifestOf("a"), is: "node_modules/a: ok differs" },
    { name: "another version", disk: { ...manifestOf("a", "2.0.0"), "index.js": "1" }, is: "node_modules/a: NOT_VOUCHED unknown" },
    { name: "no package.json", disk: { "index.js": "1" }, is: "node_modules/a: ok unknown (has no package.json with a name and a version)" },
  ])("$name", async ({ disk, is }) => {
    put("node_modules/a", disk)
    expect(summary(await audit({ "a@1.0.0": { files } }))).toEqual([is])
  })
})

test("what Yarn puts in place of a package for another platform is none, unless it holds anything else", async () => {
  const mock = { "package.json": `${JSON.stringify({ name: "a", mocked: true }, null, 2)}\n` }
  put("node_modules/.store/a-patch-0123456789/package", mock)
  expect(summary(await audit({}))).toEqual([])
  put("node_modules/.store/a-patch-0123456789/package", { "index.js": "evil" })
  expect(summary(await audit({}))).toEqual(["node_modules/.store/a-patch-0123456789/package: ok unknown (has no package.json with a name and a version)"])
})

test("what a tarball bundles is a part of it, and is judged with it alone", async () => {
  const inner = { ...manifestOf("inner"), "index.js": "inner" }
  const files = { ...manifestOf("a"), ...Object.fromEntries(Object.entries(inner).map(([path, content]) => [`node_modules/inner/${path}`, content])) }
  put("node_modules/a", files)
  const asked: string[] = []
  const releases = { "a@1.0.0": { files, bundled: ["node_modules/inner"] } }
  expect(summary(await audit(releases, [], asked))).toEqual(["node_modules/a: ok equal", "node_modules/a/node_modules/inner: within"])
  expect(asked).toEqual(["a@1.0.0"])
  put("node_modules/a/node_modules/inner", { "index.js": "evil" })
  expect(summary(await audit(releases))).toEqual(["node_modules/a: ok differs", "node_modules/a/node_modules/inner: within"])
  expect(summary(await audit({ "a@1.0.0": { files: manifestOf("a") } }))).toEqual(["node_modules/a: ok equal", "node_modules/a/node_modules/inner: NOT_VOUCHED unknown"])
})

describe("with a lockfile", () => {
  const files = (name: string, version = "1.0.0"): Files => ({ ...manifestOf(name, version), "index.js": name })
  const releases = { "a@1.0.0": { files: files("a") }, "evil@1.0.0": { files: files("evil") }, "a@0.9.0": { files: files("a", "0.9.0") } }
  const lock = npmLock({ "node_modules/a": { version: "1.0.0" } })
  test.each([
    { name: "the version that it has", disk: files("a"), is: "ok equal" },
    { name: "an attested package under another one's name", disk: files("evil"), is: "ok equal (is evil@1.0.0, where the lockfile has a@1.0.0)" },
    { name: "an attested older version", disk: files("a", "0.9.0"), is: "ok equal (is a@0.9.0, where the lockfile has a@1.0.0)" },
  ])("$name", async ({ disk, is }) => {
    put("node_modules/a", disk)
    expect(summary(await audit(releases, [lock]))).toEqual([`node_modules/a: ${is}`])
  })

  test("an alias is what the lockfile says that it is; elsewhere it is none", async () => {
    put("node_modules/b", files("evil"))
    expect(summary(await audit(releases, [npmLock({ "node_modules/b": { name: "evil", version: "1.0.0" } })]))).toEqual(["node_modules/b: ok equal"])
    expect(summary(await audit(releases, [lock]))).toEqual(["node_modules/b: ok equal (is evil@1.0.0, of which the lockfile knows nothing)"])
  })

  test.each<{ name: string; lockfile: ProjectLockfile; link: string; isStray: boolean }>([
    { name: "a release, for its place", lockfile: npmLock({ "node_modules/a": { version: "1.0.0", resolved: `${REGISTRY}a/-/a-1.0.0.tgz` } }), link: "node_modules/a", isStray: true },
    { name: "a link", lockfile: npmLock({ "node_modules/a": { resolved: "elsewhere", link: true }, elsewhere: { name: "a", version: "1.0.0" } }), link: "node_modules/a", isStray: false },
    { name: "a release, for another place", lockfile: npmLock({ "node_modules/b/node_modules/a": { version: "1.0.0", resolved: `${REGISTRY}a/-/a-1.0.0.tgz` } }), link: "node_modules/a", isStray: false },
    { name: "a release, for its name", lockfile: { folder: "", path: "yarn.lock", lockfile: parseLockfile("yarn.lock", `# yarn lockfile v1\n\n\n"@s/a@^1.0.0":\n  version "1.0.0"\n  resolved "${REGISTRY}@s/a/-/a-1.0.0.tgz#${"0".repeat(40)}"\n`) }, link: "node_modules/@s/a", isStray: true },
    { name: "nothing", lockfile: npmLock({}), link: "node_modules/a", isStray: false },
  ])("a link to a folder of the project, where the lockfile has $name", async ({ lockfile, link, isStray }) => {
    put("elsewhere", manifestOf("a"))
    mkdirSync(dirname(join(root, link)), { recursive: true })
    symlinkSync(join(root, "elsewhere"), join(root, link))
    const { discovery } = await audit({}, [lockfile])
    expect(discovery.links).toMatchObject([{ path: link, leads: "workspace" }])
    expect(discovery.strays).toEqual(isStray ? [link] : [])
  })

  test.each([
    { name: "typescript", path: "lib/_tsc.js", is: true }, { name: "typescript", path: "lib/lib.dom.d.ts", is: false }, { name: "typescript", path: "bin/tsc", is: false },
    { name: "resolve", path: "lib/normalize-options.js", is: true }, { name: "resolve", path: "index.js", is: false },
    { name: "fsevents", path: "vfs.js", is: true }, { name: "left-pad", path: "index.js", is: false },
  ])("a patch of Yarn's own explains $path of $name: $is", async ({ name, path, is }) => {
    const text = `__metadata:\n  version: 8\n\n"${name}@patch:${name}@npm%3A^1.0.0#optional!builtin<compat/${name}>":\n  version: 1.0.0\n  resolution: "${name}@patch:${name}@npm%3A1.0.0#optional!builtin<compat/${name}>::version=1.0.0&hash=abcdef"\n  checksum: 10c0/${"0".repeat(128)}\n  languageName: node\n  linkType: hard\n`
    put(`node_modules/${name}`, manifestOf(name))
    const { packages } = await audit({}, [{ folder: "", path: "yarn.lock", lockfile: parseLockfile("yarn.lock", text) }])
    expect(packages).toMatchObject([{ entry: { kind: "patch" } }])
    expect(packages[0]?.patchedByYarn?.test(path) ?? false).toBe(is)
  })

  test("what comes from git is no release, and what no lockfile has is noted", async () => {
    put("node_modules/g", files("a"))
    put("node_modules/a", files("a"))
    const { packages } = await audit(releases, [npmLock({ "node_modules/g": { name: "a", version: "1.0.0", resolved: "git+https://git.example/a.git#abc" } })])
    expect(packages.find(({ place }) => place.path === "node_modules/g")).toMatchObject({ entry: { kind: "git" }, isExtraneous: false })
    expect(packages.find(({ place }) => place.path === "node_modules/g")?.purl).toBeUndefined()
  })
})

test("a patch of the project explains what it did and nothing else", async () => {
  const files = { ...manifestOf("a"), "index.js": "one\ntwo\n" }
  put("patches", { "a+1.0.0.patch": "--- a/node_modules/a/index.js\n+++ b/node_modules/a/index.js\n@@ -1,2 +1,2 @@\n one\n-two\n+zwei\n" })
  put("node_modules/a", { ...files, "index.js": "one\nzwei\n" })
  const [one] = (await audit({ "a@1.0.0": { files } })).packages
  expect(one?.comparison).toEqual({ equality: "explained", known: [{ path: "index.js", reason: "patch", by: "patches/a+1.0.0.patch" }] })
  put("node_modules/a", { "index.js": "one\nzwei\nevil\n" })
  expect(summary(await audit({ "a@1.0.0": { files } }))).toEqual(["node_modules/a: ok differs"])
})
