import { randomBytes } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { checkoutSource, cloneSource } from "../../src/git/clone.ts"
import { findInHistory } from "../../src/git/history.ts"
import { parseCommitObject } from "../../src/git/objects.ts"
import { findRef, listRefs } from "../../src/git/refs.ts"
import { checkSignature } from "../../src/git/signature.ts"
import { createBubblewrap } from "../../src/sandbox/bubblewrap.ts"
import { type GitServer, LIMITS, makeRepository, placeIn, startGitServer, type TestRepository, testUrl } from "./repositories.ts"
import { must, workFolder } from "./ssh-tools.ts"

// The same as clone.test.ts, in the sandbox that is really used: what it refuses is what is asked here.
const folder = workFolder("sandboxed")
const executor = createBubblewrap()
const PORT = 8080
let repository: TestRepository
let server: GitServer
let old = ""
let tagged = ""
let pull = ""
beforeAll(async () => {
  repository = makeRepository(folder, "plain")
  old = repository.commit({ "package.json": '{"version":"1.0.0"}' })
  tagged = repository.commit({ "package.json": '{"version":"1.1.0"}', "index.js": "x\n" })
  repository.git("tag", "-a", "-m", "release", "v1.1.0")
  pull = repository.commit({ "evil.js": "x\n" })
  repository.push(`${tagged}:refs/heads/main`, "--tags", `${pull}:refs/pull/1/head`)
  server = await startGitServer(folder, undefined, { path: join(folder, "proxy.sock") })
})
afterAll(() => server.close())

test.each(["file", "http"])("%s: refs, reachability, one commit, its tag, its files, its history", async (protocol) => {
  const proxy = { socket: join(folder, "proxy.sock"), port: PORT }
  const remote = testUrl(protocol === "file" ? `file://${repository.bare}` : "http://git.example/plain.git")
  const place = placeIn(folder, executor, { proxy })
  const refs = await listRefs(place, remote)
  if (!refs.ok) throw new Error(refs.failure.detail)
  const [tag] = findRef(refs.value, "1.1.0", "plain")
  const source = await cloneSource(place, { remote, refs: refs.value, commit: tagged, tag })
  if (!source.ok) throw new Error(source.failure.detail)
  expect(source.value).toMatchObject({ how: "shallow", ref: "refs/tags/v1.1.0", commit: { id: tagged }, tags: [{ object: tagged }] })
  expect(await checkoutSource(place, source.value)).toMatchObject({ ok: true })
  expect(readFileSync(join(source.value.folder, "index.js"), "utf8")).toBe("x\n")
  const clone = (commit: string): ReturnType<typeof cloneSource> => cloneSource(placeIn(folder, executor, { proxy }), { remote, refs: refs.value, commit })
  expect(await clone(old)).toMatchObject({ ok: true, value: { ref: "refs/heads/main" } })
  expect(await clone(pull)).toMatchObject({ ok: false, failure: { code: "COMMIT_UNREACHABLE" } })
  expect(await findInHistory(place, { remote, refs: refs.value, version: "1.0.0", directory: "" })).toEqual({ ok: true, value: { commit: old } })
})

test("without a proxy there is no network: not even a server on this machine's loopback is asked", async () => {
  const loopback = await startGitServer(folder)
  const refs = await listRefs(placeIn(folder, executor), testUrl(`${loopback.url}/plain.git`))
  await loopback.close()
  expect(refs).toMatchObject({ ok: false, failure: { code: "CLONE_FAILED", detail: expect.stringMatching(/Failed to connect|Couldn't connect/) as string } })
  expect(loopback.asked).toEqual([])
})

test("no file of this machine but the repository that was named", async () => {
  const other = makeRepository(folder, "other")
  other.commit({ "a": "secret\n" })
  other.push("main")
  const place = placeIn(folder, executor)
  // Alternates are how a repository borrows objects from a folder elsewhere.
  mkdirSync(join(repository.bare, "objects/info"), { recursive: true })
  writeFileSync(join(repository.bare, "objects/info/alternates"), `${join(other.bare, "objects")}\n`)
  const secret = must("git", ["rev-parse", "main"], { cwd: other.bare }).toString().trim()
  const remote = testUrl(`file://${repository.bare}`)
  const refs = await listRefs(place, remote)
  if (!refs.ok) throw new Error(refs.failure.detail)
  expect(await cloneSource(place, { remote, refs: refs.value, commit: secret })).toMatchObject({ ok: false })
  writeFileSync(join(repository.bare, "objects/info/alternates"), "")
})

test("a repository larger than the disk limit ends cleanly, and says which limit", async () => {
  const huge = makeRepository(folder, "huge")
  // Random bytes do not compress: 48 MiB here are 48 MiB there.
  for (const repository of [huge.work, huge.bare]) must("git", ["config", "core.compression", "0"], { cwd: repository })
  for (let i = 0; i < 3; i++) writeFileSync(join(huge.work, `blob-${i}`), randomBytes(16 * 1024 * 1024))
  const commit = huge.commit({ "package.json": "{}" })
  huge.push("main")
  const diskBytes = 16 * 1024 * 1024
  const place = placeIn(folder, executor, { limits: { ...LIMITS, diskBytes } })
  const remote = testUrl(`file://${huge.bare}`)
  const refs = await listRefs(place, remote)
  if (!refs.ok) throw new Error(refs.failure.detail)
  const cloned = await cloneSource(place, { remote, refs: refs.value, commit })
  expect(cloned).toMatchObject({ ok: false, failure: { code: "CLONE_FAILED", detail: expect.stringContaining(`larger than the disk limit of ${diskBytes} bytes`) as string } })
})

test("a server that never answers is given up at the time limit, and nothing of git is left", async () => {
  const asked: string[] = []
  const silent = createServer((request) => asked.push(request.url ?? ""))
  const socket = join(folder, "silent.sock")
  await new Promise<void>((resolve) => silent.listen(socket, resolve))
  const closed = new Promise((resolve) => silent.once("connection", (connection) => connection.once("close", resolve)))
  const refs = await listRefs(placeIn(folder, executor, { proxy: { socket, port: PORT }, limits: { ...LIMITS, timeMs: 3000 }, deadlineMs: 3000 }), testUrl("http://git.example/plain.git"))
  expect(refs).toEqual({ ok: false, failure: { code: "CLONE_FAILED", detail: "git was ended at the time limit of 3000 ms" } })
  expect(asked).toHaveLength(1)
  await closed
  await new Promise((resolve) => silent.close(resolve))
})

test("gpg in the sandbox: a good signature is valid, a changed payload is bad", async () => {
  const home = join(folder, "g")
  mkdirSync(home, { mode: 0o700 })
  const gpg = (...args: string[]): string => must("gpg", ["--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", ...args]).toString("utf8")
  gpg("--quick-generate-key", "Dev <dev@x>", "ed25519", "sign", "never")
  const program = join(folder, "gpg-program")
  writeFileSync(program, `#!/bin/sh\nexec gpg --homedir ${home} "$@"\n`, { mode: 0o755 })
  repository.git("-c", `gpg.program=${program}`, "-c", "user.signingkey=dev@x", "commit", "-q", "-S", "--allow-empty", "-m", "signed")
  const id = repository.git("rev-parse", "HEAD")
  const object = parseCommitObject(must("git", ["cat-file", "commit", id], { cwd: repository.work }), id)
  const question = { object, allowedSigners: gpg("--armor", "--export"), openpgp: { executor, folder } }
  expect(await checkSignature(question)).toMatchObject({ fact: { state: "valid", kind: "openpgp", signer: "Dev <dev@x>" } })
  expect(await checkSignature({ ...question, object: { ...object, payload: Buffer.from("x") } })).toMatchObject({ fact: { state: "bad", key: null } })
  expect(existsSync(join(folder, "gpg-"))).toBe(false)
})
