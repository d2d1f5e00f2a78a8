import { beforeAll, describe, expect, test } from "vitest"
import { startGitServer, type TestRepository } from "../git/repositories.ts"
import { makeSshKey } from "../git/ssh-tools.ts"
import type { ComparedResult, RebuildResult } from "../../src/types.ts"
import { createPipelineWorld, type Files, manifest, NAME, packed, type PipelineWorld } from "./world.ts"

let world: PipelineWorld
beforeAll(async () => { world = await createPipelineWorld() })

const PLAIN: Files = { "package.json": manifest({ main: "index.js" }), "index.js": "module.exports = 1\n", "README.md": "# fixture\n" }

/** A repository with one release: the files, tagged, on main. */
function released(files: Files, tag = "v1.0.0"): { repo: TestRepository, commit: string, source: { repository: string, commit: string } } {
  const repo = world.repository()
  const commit = repo.commit(files)
  repo.git("tag", tag)
  repo.push("main", tag)
  return { repo, commit, source: { repository: `file://${repo.bare}`, commit } }
}

function compared(result: RebuildResult): ComparedResult {
  if (result.status !== "compared") throw new Error(`${result.code} at ${result.step}: ${result.detail}`)
  return result
}

describe("rebuilds", () => {
  test("no build: packed as it is, over file", async () => {
    const { source } = released(PLAIN)
    const { result, steps } = await world.run({ tarball: packed(PLAIN), source })
    expect(compared(result)).toMatchObject({
      match: "contents", source: { repository: source.repository, commit: source.commit, ref: "refs/tags/v1.0.0", foundBy: ["given", "tag"], directory: "", signature: { state: "unsigned" } },
      recipe: { override: false }, environment: { manager: "npm@10.9.4", sandbox: expect.stringMatching(/^bubblewrap \d/) as string }, differences: { count: 0, classes: {}, diff: "" },
    })
    expect(steps).toEqual(["sandbox", "published tarball", "source", "recipe", "package managers", "npm pack", "compare"])
  })

  test("no build, over HTTP, found by the packument's repository and the tag", async () => {
    const { repo, commit } = released(PLAIN)
    const server = await startGitServer(repo.bare.replace(/\/[^/]+$/, ""))
    try {
      const repository = `${server.url}/source.git`
      const { result } = await world.run({ tarball: packed(PLAIN), manifest: { repository: { type: "git", url: `git+${repository}` } }, more: { gitProtocols: ["http"], gitHosts: [new URL(server.url).host] } })
      expect(compared(result)).toMatchObject({ match: "contents", source: { repository, commit, foundBy: ["tag"] } })
    } finally {
      await server.close()
    }
  })

  test("its own tarball, rebuilt: the same .tgz", async () => {
    const { source } = released(PLAIN)
    const first = await world.run({ tarball: packed(PLAIN), source })
    const { readFileSync, readdirSync } = await import("node:fs")
    const build = readdirSync(first.workspace).find((name) => name.startsWith("build-")) as string
    const { result } = await world.run({ tarball: readFileSync(`${first.workspace}/${build}/rebuilt.tgz`), source })
    expect(compared(result).match).toBe("tgz")
  })

  test("TypeScript build, with the compiler from the frozen registry", async () => {
    const json = manifest({ type: "module", main: "dist/index.js", types: "dist/index.d.ts", files: ["dist"], scripts: { build: "tsc -p ." }, devDependencies: { typescript: "5.9.2" } })
    const tsconfig = JSON.stringify({ compilerOptions: { outDir: "dist", declaration: true, target: "es2022", module: "nodenext", types: [], strict: true }, include: ["src"] })
    const { source } = released({ "package.json": json, "tsconfig.json": tsconfig, "src/index.ts": "export const one: number = 1\n" })
    const { result, steps } = await world.run({ tarball: packed({ "package.json": json, "dist/index.js": "export const one = 1;\n", "dist/index.d.ts": "export declare const one: number;\n" }), source })
    expect(compared(result)).toMatchObject({ match: "contents", differences: { count: 0 } })
    expect(steps).toContain("npm run build")
  })

  test("a folder of a monorepo, found by the package's name", async () => {
    const { source } = released({ "package.json": "{\"private\":true}", "packages/other/package.json": "{\"name\":\"other\"}", "packages/one/package.json": PLAIN["package.json"] as string, "packages/one/index.js": PLAIN["index.js"] as string, "packages/one/README.md": PLAIN["README.md"] as string }, `${NAME}@1.0.0`)
    const { result } = await world.run({ tarball: packed(PLAIN), source })
    expect(compared(result)).toMatchObject({ match: "contents", source: { directory: "packages/one", ref: `refs/tags/${NAME}@1.0.0` } })
  })

  test("packed by pnpm: its rewriting of package.json is not a difference", async () => {
    const own = { name: NAME, version: "1.0.0", main: "index.js", scripts: { prepublishOnly: "exit 1", test: "x" }, packageManager: "pnpm@10.33.0" }
    const rewritten = `${JSON.stringify({ name: NAME, version: "1.0.0", main: "index.js", scripts: { test: "x" } }, null, 2)}`
    const { source } = released({ "package.json": `${JSON.stringify(own, null, 2)}\n`, "index.js": "1\n" })
    const files = { "package.json": rewritten, "index.js": "1\n" }
    const { result } = await world.run({ tarball: packed(files, "pnpm"), source })
    expect(compared(result).differences.diff).toBe("")
    expect(compared(result)).toMatchObject({ match: "contents", environment: { manager: "pnpm@10.33.0" } })
    const naive = compared((await world.run({ tarball: packed(files, "npm"), source })).result)
    expect(naive).toMatchObject({ match: "none", environment: { manager: "npm@10.9.4" }, differences: { classes: { "package-json": 1 } } })
    expect((JSON.parse(naive.differences.document) as { files: unknown[] }).files).toMatchObject([{ path: "package.json", keys: { onlyRebuilt: ["packageManager", "scripts.prepublishOnly"] } }])
  })

  test("what differs is named: other content, a file nobody has the source of, a build that was not published", async () => {
    const { source } = released(PLAIN)
    const { result } = await world.run({ tarball: packed({ ...PLAIN, "index.js": "module.exports = evil\n", "hidden.js": "evil\n", "dist/x.js": "1" }), source })
    const { match, differences } = compared(result)
    expect(match).toBe("none")
    expect(differences.classes).toEqual({ "changed": 1, "only-in-published": 1, "missing-build-output": 1 })
    expect(differences.diff).toContain("-module.exports = evil\n+module.exports = 1")
  })
})

describe("which commit, and who signed it", () => {
  test("commit signed by an allowed signer, by another one, and not at all", async () => {
    const key = makeSshKey(world.folder, "signer", "ed25519")
    const repo = world.repository()
    repo.commit(PLAIN)
    repo.git("-c", "gpg.format=ssh", "-c", `user.signingkey=${key.path}`, "commit", "-q", "--amend", "--no-edit", "-S")
    const commit = repo.git("rev-parse", "HEAD")
    repo.push("main")
    const source = { repository: `file://${repo.bare}`, commit }
    const allowed = await world.run({ tarball: packed(PLAIN), source, more: { allowedSigners: `dev@x namespaces="git" ${key.line}\n` } })
    expect(compared(allowed.result).source.signature).toEqual({ state: "valid", kind: "ssh", key: key.fingerprint, signer: "dev@x" })
    const unknown = await world.run({ tarball: packed(PLAIN), source })
    expect(compared(unknown.result).source.signature).toEqual({ state: "unknown-signer", kind: "ssh", key: key.fingerprint, signer: null })
    const unsigned = await world.run({ tarball: packed(PLAIN), source: released(PLAIN).source, more: { allowedSigners: `dev@x ${key.line}\n` } })
    expect(compared(unsigned.result).source.signature).toEqual({ state: "unsigned", kind: null, key: null, signer: null })
  })

  test("tag moved after the release: the recorded commit counts, and the tag is no word for it", async () => {
    const { repo, commit } = released(PLAIN)
    repo.commit({ "index.js": "module.exports = 2\n" })
    repo.git("tag", "-f", "v1.0.0")
    repo.push("main", "v1.0.0")
    const { result } = await world.run({ tarball: packed(PLAIN), manifest: { repository: `file://${repo.bare}`, gitHead: commit } })
    expect(compared(result)).toMatchObject({ match: "contents", source: { commit, foundBy: ["gitHead"], ref: expect.stringMatching(/^refs\/(?:heads\/main|tags\/v1\.0\.0)$/) as string } })
  })

  test("gitHead that is the release's parent: the tag's commit has the version, and counts", async () => {
    const repo = world.repository()
    const parent = repo.commit({ ...PLAIN, "package.json": manifest({ main: "index.js" }).replace("1.0.0", "0.9.0") })
    const commit = repo.commit(PLAIN)
    repo.git("tag", "v1.0.0")
    repo.push("main", "v1.0.0")
    const { result, log } = await world.run({ tarball: packed(PLAIN), manifest: { repository: `file://${repo.bare}`, gitHead: parent } })
    expect(compared(result)).toMatchObject({ match: "contents", source: { commit, foundBy: ["tag"] } })
    expect(log).toContain(`passed over ${parent}: its package.json is ${NAME}@0.9.0`)
  })

  test("no tag and no record: history knows which commit set the version", async () => {
    const repo = world.repository()
    repo.commit({ ...PLAIN, "package.json": manifest({ main: "index.js" }).replace("1.0.0", "0.9.0") })
    const commit = repo.commit(PLAIN)
    repo.commit({ "package.json": manifest({ main: "index.js" }).replace("1.0.0", "1.1.0"), "index.js": "later\n" })
    repo.push("main")
    const { result } = await world.run({ tarball: packed(PLAIN), manifest: { repository: `file://${repo.bare}` } })
    expect(compared(result)).toMatchObject({ match: "contents", source: { commit, foundBy: ["history"], ref: "refs/heads/main" } })
  })
})
