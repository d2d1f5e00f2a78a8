/** Servers that have nothing, give less than they are asked for, or lie. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { lstatSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { checkoutSource, cloneSource, readCommitObject } from "../../src/git/clone.ts"
import { findInHistory } from "../../src/git/history.ts"
import { listRefs } from "../../src/git/refs.ts"
import { cloningIn, commandsOfGit, expectHardened, valueOf } from "./cloning.ts"
import { makeRepository, startGitServer, type TestRepository, testUrl } from "./repositories.ts"
import { must } from "./ssh-tools.ts"

const { folder, executor, place, refsOf, clone } = cloningIn("servers")

// Whatever a server does, git is given no other commands than elsewhere.
afterAll(() => {
  const commands = commandsOfGit(executor)
  expect(commands.length).toBeGreaterThan(50)
  expectHardened(commands)
})

test.each([
  { name: "no file", url: "file:///nonexistent/a.git", code: "SOURCE_NOT_FOUND" },
  { name: "a folder that is no repository", url: `file://${folder}`, code: "SOURCE_NOT_FOUND" },
])("repository gone: $name", async ({ url, code }) => {
  expect(await listRefs(place(), testUrl(url))).toMatchObject({ ok: false, failure: { code } })
})

test.each([
  { status: 404, code: "SOURCE_NOT_FOUND" }, { status: 410, code: "SOURCE_NOT_FOUND" }, { status: 401, code: "SOURCE_NOT_FOUND" },
  { status: 403, code: "CLONE_FAILED" }, { status: 500, code: "CLONE_FAILED" }, { status: 503, code: "CLONE_FAILED" },
])("repository gone, private or broken: HTTP $status", async ({ status, code }) => {
  const server = await startGitServer(folder, () => status)
  try {
    expect(await listRefs(place(), testUrl(`${server.url}/sha1.git`))).toMatchObject({ ok: false, failure: { code } })
  } finally {
    await server.close()
  }
})

test("who asks for credentials gets none, and is not asked again", async () => {
  const seen: (string | undefined)[] = []
  const server = await startGitServer(folder, (request) => {
    seen.push(request.headers.authorization)
    return 401
  })
  await listRefs(place(), testUrl(`${server.url}/sha1.git`))
  await server.close()
  expect(seen).toEqual([undefined])
})

test("a redirect elsewhere is followed, and carries nothing of this machine", async () => {
  const repository = makeRepository(folder, "moved")
  const commit = repository.commit({ "a": "1" })
  repository.push("main")
  const seen: (string | undefined)[] = []
  const server = await startGitServer(folder, (request) => {
    seen.push(request.headers.authorization ?? request.headers.cookie)
    return undefined
  })
  const former = createServer((request, response) => { response.writeHead(302, { location: `${server.url}${request.url ?? ""}`, "set-cookie": "a=b" }).end() })
  await new Promise<void>((resolve) => { former.listen(0, "127.0.0.1", resolve) })
  try {
    const { refs } = await refsOf(`http://127.0.0.1:${(former.address() as AddressInfo).port}/moved.git`)
    expect([...refs.values()].map(({ id }) => id)).toContain(commit)
    expect(seen.length).toBeGreaterThan(0)
    expect(new Set(seen)).toEqual(new Set([undefined]))
  } finally {
    former.close()
    await server.close()
  }
})

test("an empty repository has no source", async () => {
  const empty = makeRepository(folder, "empty")
  expect(await listRefs(place(), testUrl(`file://${empty.bare}`))).toMatchObject({ ok: false, failure: { code: "SOURCE_NOT_FOUND" } })
})

describe("servers that give less", () => {
  test("none of single commits: the ref is taken; none of filters: everything is", async () => {
    const repository = makeRepository(folder, "strict")
    const first = repository.commit({ "a": "1" })
    const second = repository.commit({ "a": "2" })
    repository.push("main")
    must("git", ["config", "uploadpack.allowFilter", "false"], { cwd: repository.bare })
    // The old protocol alone asks whether a commit may be wanted.
    const server = await startGitServer(folder, (request) => {
      delete request.headers["git-protocol"]
      return undefined
    })
    const url = `${server.url}/strict.git`
    expect(valueOf(await clone(url, second))).toMatchObject({ how: "shallow", ref: "refs/heads/main" })
    expect(valueOf(await clone(url, first))).toMatchObject({ how: "full", ref: "refs/heads/main" })
    await server.close()
  })

  test("plain files over HTTP", async () => {
    const repository = makeRepository(folder, "dumb")
    const first = repository.commit({ "a": "1" })
    repository.commit({ "a": "2" })
    repository.push("main")
    must("git", ["update-server-info"], { cwd: repository.bare })
    const server = await startGitServer(folder, (request) => {
      request.url = (request.url ?? "").replace("?service=git-upload-pack", "")
      return undefined
    })
    const url = `${server.url}/dumb.git`
    expect(valueOf(await clone(url, first))).toMatchObject({ how: "full", ref: "refs/heads/main" })
    expect(valueOf(await findInHistory(place(), { remote: testUrl(url), refs: await refsOf(url), version: "1.0.0", directory: "" }))).toBeNull()
    expect(server.asked.some((line) => line.endsWith("git-upload-pack"))).toBe(false)
    await server.close()
  })
})

describe("servers that lie", () => {
  let repository: TestRepository
  let honest: string
  let evil: string
  beforeAll(() => {
    repository = makeRepository(folder, "liar")
    honest = repository.commit({ "index.js": "good\n" }, "honest")
    repository.push("main")
    repository.git("checkout", "-q", "--orphan", "other")
    evil = repository.commit({ "index.js": "evil\n" }, "evil")
    repository.push("other:refs/heads/other")
  })

  test("another commit's pack under the id that was asked for is refused", async () => {
    const refs = await refsOf(`file://${repository.bare}`)
    const server = await startGitServer(folder)
    // The request is rewritten on its way, so the server packs another commit with honest hashes.
    const lying = await startGitServer(folder, (request) => {
      const pipe = request.pipe.bind(request)
      request.pipe = ((target: NodeJS.WritableStream) => {
        const chunks: Buffer[] = []
        request.on("data", (chunk: Buffer) => chunks.push(chunk))
        request.on("end", () => target.end(Buffer.concat(chunks).toString("latin1").replaceAll(honest, evil), "latin1"))
        return target
      }) as typeof pipe
      return undefined
    })
    const question = { refs, commit: honest }
    expect(await cloneSource(place(), { ...question, remote: testUrl(`${server.url}/liar.git`) })).toMatchObject({ ok: true })
    const lied = await cloneSource(place(), { ...question, remote: testUrl(`${lying.url}/liar.git`) })
    expect(lied.ok).toBe(false)
    expect(lying.asked.length).toBeGreaterThan(1)
    await Promise.all([server.close(), lying.close()])
  })

  test("a pack with one changed bit is refused", async () => {
    const refs = await refsOf(`file://${repository.bare}`)
    const server = await startGitServer(folder, () => (body) => {
      const at = body.indexOf("PACK")
      const changed = Buffer.from(body)
      if (at >= 0) changed[at + 20] = (changed[at + 20] as number) ^ 1
      return changed
    })
    expect(await cloneSource(place(), { remote: testUrl(`${server.url}/liar.git`), refs, commit: honest })).toMatchObject({ ok: false, failure: { code: "CLONE_FAILED" } })
    await server.close()
  })

  test("a git that hands out another object under a commit's id is caught by the id itself", async () => {
    const lying = {
      ...executor,
      run: (...[spec, command, onOutput]: Parameters<typeof executor.run>) => executor.run(spec, { ...command, argv: command.argv.map((argument) => (command.argv.includes("cat-file") && !command.argv.includes("-e") && argument === honest ? evil : argument)) }, onOutput),
    }
    const here = place()
    const remote = testUrl(`file://${repository.bare}`)
    const refs = await refsOf(remote.url)
    valueOf(await cloneSource(here, { remote, refs, commit: honest }))
    expect(valueOf(await readCommitObject(here, "source", honest)).id).toBe(honest)
    // Both are in the repository now, so that only the id tells them apart.
    must("git", ["fetch", "-q", remote.url, evil], { cwd: join(here.folder, "source"), env: { GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "safe.directory", GIT_CONFIG_VALUE_0: "*" } })
    expect(await readCommitObject({ ...here, executor: lying }, "source", honest)).toEqual({ ok: false, failure: { code: "CLONE_FAILED", detail: `what was handed out as commit ${honest} is ${evil}` } })
  })

  test("a replaced object in the server's repository replaces nothing", async () => {
    must("git", ["update-ref", `refs/replace/${honest}`, evil], { cwd: repository.bare })
    const here = place()
    const source = valueOf(await clone(`file://${repository.bare}`, honest, { place: here }))
    valueOf(await checkoutSource(here, source))
    expect(readFileSync(join(source.folder, "index.js"), "utf8")).toBe("good\n")
  })

  test("a git that was taken over leaves no link where builds will write", async () => {
    const elsewhere = join(folder, "of-the-host")
    mkdirSync(elsewhere)
    const tricking = {
      ...executor,
      run: async (...[spec, command, onOutput]: Parameters<typeof executor.run>) => {
        const outcome = await executor.run(spec, command, onOutput)
        if (command.argv.includes("checkout")) must("/bin/sh", ["-c", 'mv "$1" "$1.gone" && ln -s "$2" "$1"', "sh", join(spec.mounts[0]?.host ?? "", "source"), elsewhere])
        return outcome
      },
    }
    const here = place({ executor: tricking })
    const source = valueOf(await clone(`file://${repository.bare}`, honest, { place: here }))
    expect(lstatSync(source.folder).isDirectory()).toBe(true)
    expect(await checkoutSource(here, source)).toEqual({ ok: false, failure: { code: "CLONE_FAILED", detail: "what was checked out is no folder" } })
  })

  test("an answer that is no plain file is not read", async () => {
    const secret = join(folder, "secret")
    writeFileSync(secret, "secret of the host\n")
    for (const trick of ['rm -f "$1"; ln -s "$2" "$1"', 'rm -f "$1"; mkfifo "$1"', 'rm -f "$1"; mkdir "$1"', 'rm -f "$1"']) {
      const tricking = {
        ...executor,
        run: async (...[spec]: Parameters<typeof executor.run>) => {
          must("/bin/sh", ["-c", trick, "sh", join(spec.mounts[0]?.host ?? "", "answer"), secret])
          return Promise.resolve({ status: "exited" as const, exitCode: 0 })
        },
      }
      const result = await readCommitObject(place({ executor: tricking }), "source", honest)
      expect(result).toMatchObject({ ok: false, failure: { code: "CLONE_FAILED" } })
      expect(JSON.stringify(result)).not.toContain("secret of the host")
    }
  })
})
