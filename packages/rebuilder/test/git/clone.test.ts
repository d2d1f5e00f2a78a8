import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { checkoutSource, cloneSource, isReachable, readSourceFile } from "../../src/git/clone.ts"
import { findInHistory } from "../../src/git/history.ts"
import { findRef, listRefs, movedTag } from "../../src/git/refs.ts"
import { checkSignature } from "../../src/git/signature.ts"
import { cloningIn, commandsOfGit, expectHardened, valueOf } from "./cloning.ts"
import { type GitServer, makeRepository, startGitServer, type TestRepository, testUrl } from "./repositories.ts"
import { makeSshKey, must } from "./ssh-tools.ts"

const { folder, executor, place, refsOf, clone } = cloningIn("clone")

describe.each(["sha1", "sha256"])("a repository with %s, over file and HTTP", (format) => {
  let repository: TestRepository
  let server: GitServer
  const commits: Record<string, string> = {}
  beforeAll(async () => {
    repository = makeRepository(folder, format, format)
    const signer = makeSshKey(folder, `signer-${format}`, "ed25519")
    repository.git("config", "gpg.format", "ssh")
    repository.git("config", "user.signingkey", `${signer.path}.pub`)
    commits["first"] = repository.commit({ "package.json": '{"version":"0.9.0"}', "README.md": "one\n" })
    commits["release"] = repository.commit({ "package.json": '{"version":"1.0.0"}', ".gitattributes": "*.txt eol=crlf\n*.bin filter=lfs diff=lfs -text\n", "a.txt": "a\nb\n", "b.md": "a\r\nb\n", "c.bin": "version https://git-lfs.github.com/spec/v1\n" })
    repository.git("tag", "-s", "-m", "release", "v1.0.0")
    commits["middle"] = repository.commit({ "README.md": "two\n" })
    commits["main"] = repository.commit({ "package.json": '{"version":"1.1.0"}' })
    repository.git("tag", "light")
    repository.git("checkout", "-q", "-b", "side", "HEAD~1")
    commits["side"] = repository.commit({ "side.md": "side\n" })
    repository.git("checkout", "-q", "--detach", "main")
    commits["pull"] = repository.commit({ "evil.js": "evil\n" })
    commits["nobody"] = repository.commit({ "evil.js": "more evil\n" })
    repository.push("main", "side", "--tags", `${commits["pull"]}:refs/pull/7/head`, `${commits["pull"]}:refs/merge-requests/7/head`, `${commits["pull"]}:refs/notes/pull`)
    server = await startGitServer(folder)
    writeFileSync(join(folder, `${format}.allowed`), `dev@x ${signer.line}\n`)
  })
  afterAll(() => server.close())

  describe.each(["file", "http"])("%s", (protocol) => {
    const url = (): string => (protocol === "file" ? `file://${repository.bare}` : `${server.url}/${format}.git`)

    test("refs: branches and tags with what they lead to, and nothing else", async () => {
      const { refs, head, idLength } = await refsOf(url())
      expect([...refs.keys()].sort()).toEqual(["refs/heads/main", "refs/heads/side", "refs/tags/light", "refs/tags/v1.0.0"])
      expect([head, idLength]).toEqual(["refs/heads/main", format === "sha1" ? 40 : 64])
      expect(refs.get("refs/tags/v1.0.0")).toMatchObject({ peeled: commits["release"] })
      expect(refs.get("refs/tags/light")).toEqual({ name: "refs/tags/light", id: commits["main"], peeled: null })
    })

    test.each([["main", "refs/heads/main"], ["side", "refs/heads/side"], ["release", "refs/tags/v1.0.0"], ["middle", "refs/heads/main"], ["first", "refs/heads/main"]])("the commit %s is brought here alone, reachable from %s", async (name, ref) => {
      const source = valueOf(await clone(url(), commits[name] as string))
      expect(source).toMatchObject({ ref, how: "shallow", commit: { id: commits[name] }, tags: [] })
      expect(must("git", ["rev-list", "--all", commits[name] as string], { cwd: source.folder, env: { GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "safe.directory", GIT_CONFIG_VALUE_0: "*" } }).toString().trim().split("\n")).toEqual([commits[name]])
    }, 60_000)

    test.each(["pull", "nobody"])("the commit %s, which no branch or tag has, is unreachable", async (name) => {
      expect(await clone(url(), commits[name] as string)).toEqual({ ok: false, failure: { code: "COMMIT_UNREACHABLE", detail: `commit ${commits[name]} is no ancestor of any branch or tag of ${url()}` } })
    })

    test("the signed tag comes along, and its signature is a fact", async () => {
      const [tag] = findRef(await refsOf(url()), "1.0.0", "@acme/thing")
      expect(tag).toMatchObject({ name: "refs/tags/v1.0.0", annotated: true, commit: commits["release"] })
      const source = valueOf(await clone(url(), commits["release"] as string, tag === undefined ? {} : { tag }))
      expect(source.tags.map((object) => object.tag)).toEqual(["v1.0.0"])
      const checked = await checkSignature({ object: source.tags[0] as (typeof source.tags)[number], allowedSigners: readFileSync(join(folder, `${format}.allowed`), "utf8") })
      expect(checked.fact).toMatchObject({ state: "valid", kind: "ssh", signer: "dev@x" })
      expect((await checkSignature({ object: source.commit, allowedSigners: "" })).fact.state).toBe("unsigned")
    })

    test("the files have the repository's bytes, line endings as its attributes ask, and large files stay pointers", async () => {
      const here = place()
      const source = valueOf(await clone(url(), commits["release"] as string, { place: here }))
      expect(existsSync(join(source.folder, "a.txt"))).toBe(false)
      expect(valueOf(await readSourceFile(here, source, "package.json"))?.toString()).toBe('{"version":"1.0.0"}')
      expect(valueOf(await readSourceFile(here, source, "no/such"))).toBeNull()
      valueOf(await checkoutSource(here, source))
      expect(readFileSync(join(source.folder, "a.txt"), "utf8")).toBe("a\r\nb\r\n")
      expect(readFileSync(join(source.folder, "b.md"), "utf8")).toBe("a\r\nb\n")
      expect(readFileSync(join(source.folder, "c.bin"), "utf8")).toContain("git-lfs")
      expect(readFileSync(join(source.folder, "README.md"), "utf8")).toBe("one\n")
      expect(existsSync(join(source.folder, "evil.js"))).toBe(false)
    })

    test.each([
      { version: "1.0.0", commit: "release" }, { version: "1.1.0", commit: "main" }, { version: "0.9.0", commit: "first" }, { version: "2.0.0", commit: undefined },
    ])("history: package.json says $version first in the commit $commit", async ({ version, commit }) => {
      const found = valueOf(await findInHistory(place(), { remote: testUrl(url()), refs: await refsOf(url()), version, directory: "" }))
      expect(found).toEqual(commit === undefined ? null : { commit: commits[commit] })
    })
  })
})

test("a tag that was moved: both commits are reported, the recorded one is cloned, and the tag vouches for its own only", async () => {
  const repository = makeRepository(folder, "moved")
  const recorded = repository.commit({ "a": "1" })
  repository.git("tag", "-a", "-m", "one", "v1.0.0")
  repository.push("main", "--tags")
  const tagged = repository.commit({ "a": "2" })
  repository.git("tag", "-f", "-a", "-m", "moved", "v1.0.0")
  repository.push("main", "--tags")
  const url = `file://${repository.bare}`
  const [tag] = findRef(await refsOf(url), "1.0.0", "moved")
  if (tag === undefined) throw new Error("the tag is not found")
  expect(movedTag(tag, recorded)).toEqual({ ref: "refs/tags/v1.0.0", tagged, recorded })
  expect(movedTag(tag, tagged)).toBeNull()
  expect(valueOf(await clone(url, recorded, { tag }))).toMatchObject({ commit: { id: recorded }, ref: "refs/tags/v1.0.0", tags: [] })
  expect(valueOf(await clone(url, tagged, { tag }))).toMatchObject({ commit: { id: tagged }, tags: [{ object: tagged }] })
})

test("a commit that only a tag still has is reachable; one that a deleted branch had is not", async () => {
  const repository = makeRepository(folder, "kept")
  repository.commit({ "a": "1" })
  repository.push("main")
  repository.git("checkout", "-q", "-b", "gone")
  const kept = repository.commit({ "a": "2" })
  const tip = repository.commit({ "a": "3" })
  const lost = repository.commit({ "a": "4" })
  repository.push("gone")
  repository.git("tag", "v2", tip)
  repository.push("v2", ":refs/heads/gone")
  const url = `file://${repository.bare}`
  expect(valueOf(await isReachable(place(), { remote: testUrl(url), refs: await refsOf(url), commit: kept }))).toEqual({ ref: "refs/tags/v2" })
  expect(await clone(url, lost)).toMatchObject({ ok: false, failure: { code: "COMMIT_UNREACHABLE" } })
})

test.each(["", "HEAD", "main", "--all", "0".repeat(40), "a".repeat(39), "a".repeat(64), "A".repeat(40), `${"a".repeat(40)}\n`])("what is no commit id is not looked for: %j", async (commit) => {
  const before = executor.ran.length
  const answer = await cloneSource(place(), { remote: testUrl(`file://${folder}/sha1.git`), refs: { head: null, refs: new Map(), idLength: 40, smart: true }, commit })
  expect(answer).toMatchObject({ ok: false, failure: { code: "COMMIT_UNREACHABLE" } })
  expect(executor.ran.length).toBe(before)
})

test("links stay links, submodules stay empty, hooks and filters of the repository do nothing", async () => {
  const repository = makeRepository(folder, "hostile")
  const victim = join(folder, "victim")
  mkdirSync(join(repository.work, ".githooks"), { recursive: true })
  writeFileSync(join(repository.work, ".githooks/post-checkout"), `#!/bin/sh\ntouch ${victim}\n`, { mode: 0o755 })
  symlinkSync("/etc/passwd", join(repository.work, "outside"))
  repository.commit({ ".gitattributes": "*.js filter=evil\n", "a.js": "a\n", ".gitmodules": `[submodule "s"]\n\tpath = s\n\turl = file://${repository.bare}\n` })
  repository.git("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},s`)
  repository.git("config", "filter.evil.smudge", `touch ${victim}`)
  repository.git("commit", "-q", "-m", "submodule")
  const commit = repository.git("rev-parse", "HEAD")
  repository.push("main")
  const here = place()
  const source = valueOf(await clone(`file://${repository.bare}`, commit, { place: here }))
  valueOf(await checkoutSource(here, source))
  expect(readlinkSync(join(source.folder, "outside"))).toBe("/etc/passwd")
  expect(lstatSync(join(source.folder, "s")).isDirectory()).toBe(true)
  expect(existsSync(join(source.folder, "s/.git"))).toBe(false)
  expect(readFileSync(join(source.folder, "a.js"), "utf8")).toBe("a\n")
  expect(existsSync(victim)).toBe(false)
})

test("a monorepo's package.json, merges, and a version that came back: the newest time it was set", async () => {
  const repository = makeRepository(folder, "mono")
  repository.commit({ "package.json": '{"version":"9.9.9"}', "packages/a/package.json": '{"version":"1.0.0"}' })
  repository.commit({ "packages/a/package.json": "not json" })
  const again = repository.commit({ "packages/a/package.json": '{"version":"1.0.0","x":1}' })
  repository.commit({ "packages/a/package.json": '{"version":"1.0.0","x":2}' })
  repository.git("checkout", "-q", "-b", "next")
  repository.commit({ "packages/a/package.json": '{"version":"2.0.0"}' })
  repository.git("checkout", "-q", "main")
  repository.commit({ "README.md": "x" })
  repository.git("merge", "-q", "--no-ff", "-m", "merge", "next")
  const merge = repository.git("rev-parse", "HEAD")
  repository.push("main")
  const remote = testUrl(`file://${repository.bare}`)
  const refs = await refsOf(remote.url)
  const find = async (version: string, directory: string): Promise<unknown> => valueOf(await findInHistory(place(), { remote, refs, version, directory }))
  expect(await find("1.0.0", "packages/a")).toEqual({ commit: again })
  expect(await find("2.0.0", "packages/a")).toEqual({ commit: merge })
  expect(await find("1.0.0", "")).toBeNull()
  expect(await find("1.0.0", "packages/*")).toBeNull()
})

test("every command that git is given: no prompt, no hooks, no configuration, only the protocol that was asked for, URLs behind --", () => {
  const commands = commandsOfGit(executor)
  expect(commands.length).toBeGreaterThan(100)
  expectHardened(commands)
})

describe("limits", () => {
  const outcome = (status: "timeout" | "disk" | "memory" | "processes" | "output" | "unavailable") => ({ ...executor, run: () => Promise.resolve({ status, detail: "as found" }) })
  test.each([
    { status: "timeout", code: "CLONE_FAILED", says: "time limit of 120000 ms" }, { status: "disk", code: "CLONE_FAILED", says: "disk limit of 268435456 bytes: as found" },
    { status: "memory", code: "CLONE_FAILED", says: "limit on memory" }, { status: "processes", code: "CLONE_FAILED", says: "limit on processes" },
    { status: "output", code: "CLONE_FAILED", says: "limit on output" }, { status: "unavailable", code: "SANDBOX_UNAVAILABLE", says: "as found" },
  ] as const)("$status is $code, and ends the clone at once", async ({ status, code, says }) => {
    const result = await listRefs(place({ executor: outcome(status) }), testUrl(`file://${folder}/sha1.git`))
    expect(result).toMatchObject({ ok: false, failure: { code, detail: expect.stringContaining(says) as string } })
  })

  test("a sandbox without git is not available, which is nobody's repository's fault", async () => {
    const bare = { ...executor, run: (...[spec, command, onOutput]: Parameters<typeof executor.run>) => executor.run(spec, { ...command, env: { ...command.env, PATH: "/nonexistent" } }, onOutput) }
    expect(await listRefs(place({ executor: bare }), testUrl(`file://${folder}/sha1.git`))).toMatchObject({ ok: false, failure: { code: "SANDBOX_UNAVAILABLE", detail: "git cannot be run in the sandbox: git is not installed" } })
  })

  test("time is for all steps together, by the clock that is given", async () => {
    let now = 0
    const slow = { ...executor, run: (...args: Parameters<typeof executor.run>) => ((now += 50_000), executor.run(...args)) }
    const url = `file://${folder}/sha1.git`
    const refs = await refsOf(url)
    const commit = [...refs.refs.values()][0]?.id ?? ""
    const result = await cloneSource(place({ executor: slow, now: () => now }), { remote: testUrl(url), refs, commit })
    expect(result).toMatchObject({ ok: false, failure: { code: "CLONE_FAILED", detail: "the time limit of 120000 ms is over" } })
  })
})
