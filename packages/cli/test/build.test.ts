import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { fakeNode, type Reply } from "./support/fake-node.ts"
import { documentIn, temporaryFolder, vouchsafe } from "./support/io.ts"

const dir = temporaryFolder()
const ID = "ab".repeat(16)
const TOKEN = "token-0123456789abcdef"
const tokenFile = join(dir, "token")
writeFileSync(tokenFile, `acme ${TOKEN}\n`, { mode: 0o600 })

const QUEUED = {
  format: "vouchsafe-build/v1", id: ID, purl: "pkg:npm/left@1.0.0", registry: "https://registry.example/", source: null, state: "queued", attempts: 0, queuedAt: 1, startedAt: null, finishedAt: null, step: null,
  result: null, failure: null,
}
const done = (match: string, count = 0) => ({ ...QUEUED, state: "done", attempts: 1, startedAt: 2, finishedAt: 3, result: { index: 7, match, sha512: "00".repeat(64), recipe: "11".repeat(32), differences: { count, document: null, diff: count === 0 ? null : "22".repeat(32) } } })
const FAILED = { ...QUEUED, state: "failed", failure: { step: "build", code: "BUILD_FAILED", detail: "npm ended with 2\u001b[2J" } }

/** A node whose build is what it is told to be. */
const nodeWith = (status: unknown, log: readonly string[] = ["== clone\n"]) => fakeNode(({ method, path }): Reply | undefined => {
  if (method === "POST" && path === "/v1/builds") return { status: 202, json: { id: ID, known: false } }
  if (path === `/v1/builds/${ID}`) return { json: status }
  return path.startsWith(`/v1/builds/${ID}/log?from=`) ? { pieces: log } : undefined
})

describe("build", () => {
  test("asks with the token and the source, and says how to go on", async () => {
    const { url, asked } = await nodeWith(QUEUED)
    const ran = await vouchsafe(dir, ["build", "left@1.0.0", "--node", url, "--token-file", tokenFile, "--source", "https://git.example/left", "--commit", "12".repeat(20), "--directory", "packages/left"])
    expect([ran.status, ran.out, ran.err]).toEqual([0, `${ID}\n`, expect.stringContaining(`next: vouchsafe build status ${ID} --follow --node ${url}`)])
    expect(asked[0]).toMatchObject({ path: "/v1/builds", headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" } })
    expect(JSON.parse(asked[0]?.body ?? "")).toEqual({ purl: "pkg:npm/left@1.0.0", registry: "https://registry.example/", source: { repository: "https://git.example/left", commit: "12".repeat(20), directory: "packages/left" } })
    expect(ran.out + ran.err).not.toContain(TOKEN)
  })
  test("a node that names a build in a shell's words names none", async () => {
    const { url } = await fakeNode(() => ({ status: 202, json: { id: "$(id)", known: false } }))
    const ran = await vouchsafe(dir, ["build", "left@1.0.0", "--node", url])
    expect([ran.status, ran.out, ran.err]).toEqual([3, "", expect.stringContaining("UPSTREAM_FAILED")])
    expect(ran.err).not.toContain("$(id)")
  })
  test.each([
    { name: "the same .tgz", status: done("tgz"), exit: 0, says: "left@1.0.0: the same .tgz (tgz), entry 7" },
    { name: "the same files", status: done("contents"), exit: 0, says: "the same files (contents)" },
    { name: "other files", status: done("none", 3), exit: 1, says: `3 files differ: ` },
    { name: "no comparison", status: FAILED, exit: 1, says: "no comparison: BUILD_FAILED at build: npm ended with 2\\u{1b}[2J" },
  ])("--wait prints the log and $name", async ({ status, exit, says }) => {
    const { url } = await nodeWith(status, ["== clone\nsome \u001b[31mred\u202e text\n", "== compare\n"])
    const ran = await vouchsafe(dir, ["build", "left@1.0.0", "--node", url, "--wait"])
    expect([ran.status, ran.out]).toEqual([exit, expect.stringContaining(says)])
    expect(ran.err).toBe("== clone\nsome \\u{1b}[31mred\\u{202e} text\n== compare\n")
    const json = await vouchsafe(dir, ["build", "status", ID, "--node", url, "--json"])
    expect([json.status, documentIn(json.out)]).toEqual([exit, status])
  })
  test.each([
    { name: "the node refuses", reply: { status: 401, json: { error: { code: "UNAUTHENTICATED", message: "no token\u001b[2J", hint: "ask its operator" } } }, exit: 1, says: "UNAUTHENTICATED: no token\\u{1b}[2J\n  next: ask its operator" },
    { name: "the node is over its limits", reply: { status: 429, json: { error: { code: "RATE_LIMITED", message: "20 waiting" } } }, exit: 1, says: "RATE_LIMITED" },
    { name: "the node does not rebuild", reply: { status: 404, json: { error: { code: "NOT_FOUND", message: "this node does not rebuild" } } }, exit: 1, says: "does not rebuild" },
    { name: "the node is failing", reply: { status: 500, json: { error: { code: "FAILED", message: "x" } } }, exit: 3, says: "FAILED" },
    { name: "it is no node", reply: { status: 200, pieces: ["<html>"] }, exit: 3, says: "expected a node" },
  ])("when $name", async ({ reply, exit, says }) => {
    const { url } = await fakeNode(() => reply)
    const ran = await vouchsafe(dir, ["build", "left@1.0.0", "--node", url])
    expect([ran.status, ran.err]).toEqual([exit, expect.stringContaining(says)])
  })
  test.each([
    { name: "of another format", status: { ...QUEUED, format: "x" } }, { name: "with a match of its own", status: done("equal") },
    { name: "with another member", status: { ...QUEUED, extra: 1 } }, { name: "with an index that is text", status: { ...done("tgz"), result: { ...done("tgz").result, index: "7" } } },
  ])("a status $name is not believed", async ({ status }) => {
    const { url } = await nodeWith(status)
    const ran = await vouchsafe(dir, ["build", "status", ID, "--node", url])
    expect([ran.status, ran.err]).toEqual([3, expect.stringContaining("build status")])
  })
  test("a token that others can read, and a node that is not there", async () => {
    const open = join(dir, "open-token")
    writeFileSync(open, `${TOKEN}\n`)
    chmodSync(open, 0o644)
    const { url, asked } = await nodeWith(QUEUED)
    const refused = await vouchsafe(dir, ["build", "left@1.0.0", "--node", url, "--token-file", open])
    expect([refused.status, asked.length, refused.err]).toEqual([2, 0, expect.stringContaining("can be read by others")])
    const gone = await vouchsafe(dir, ["build", "left@1.0.0", "--node", "http://127.0.0.1:9/"])
    expect([gone.status, gone.err]).toEqual([3, expect.stringContaining("UNREACHABLE")])
  })
})
