import { readFileSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { formatLockset, keyHint } from "@vouchsafe/core"
import { afterAll, beforeEach, describe, expect, test } from "vitest"
import { EXIT } from "../src/index.ts"
import { documentIn, environment, type Outcome, temporaryFolder, vouchsafe, writeAll } from "./support/io.ts"
import { type LogServer, observationOf, startLogServers } from "./support/log-server.ts"
import { ann, DIFFERS, observed, PURL, rebuilt, released, SHA512 } from "./support/statements.ts"

const root = temporaryFolder()
const servers = await startLogServers(["alpha", "beta", "gamma"])
afterAll(() => servers.close())
const [alpha] = servers.nodes as [LogServer, ...LogServer[]]
writeAll(root, { "vouchsafe.json": JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json" }), "vouchsafe.roster.json": servers.rosterText })

interface Report {
  readonly operator: string
  readonly origin: string
  readonly outcome: string
  readonly size?: number
  readonly cosigned?: boolean
  readonly detail: string
  readonly proof?: string
}

let home = 0
/** A command with the memory of the test that runs. */
const run = (...argv: string[]): Promise<Outcome> => vouchsafe(root, argv, { env: environment(join(root, `home-${home}`)) })
const reports = async (...argv: string[]): Promise<{ status: number; byOrigin: Map<string, Report> }> => {
  const { status, out } = await run("log", "verify", "--json", ...argv)
  return { status, byOrigin: new Map((documentIn(out)["logs"] as Report[]).map((report) => [report.origin, report])) }
}

beforeEach(() => {
  home += 1
  for (const node of servers.nodes) {
    for (const log of [node.log, node.notices]) Object.assign(log, { shownSize: undefined, isCosigned: true, edit: (_path: string, body: Uint8Array) => body })
    node.notices.entries = []
    node.log.entries = Array.from({ length: 3 }, (_, i) => observationOf(node.log.signer.verifier.name, `package-${i}`))
  }
})

const many = (node: LogServer, count: number): string[] => Array.from({ length: count }, (_, i) => observationOf(node.log.signer.verifier.name, `package-${i}`))

describe("log verify: honest logs", () => {
  test("are recomputed from every entry and every tile", async () => {
    alpha.log.entries = many(alpha, 700)
    const { status, byOrigin } = await reports()
    expect(status).toBe(EXIT.done)
    expect([...byOrigin.values()].map(({ outcome }) => outcome)).toEqual(Array.from({ length: 6 }, () => "verified"))
    expect(byOrigin.get("alpha.example/log")).toMatchObject({ size: 700, cosigned: true, detail: "700 entries give the signed root" })
    const fetched = alpha.paths.filter((path) => path.startsWith("/log/"))
    expect(fetched).toEqual(expect.arrayContaining(["/log/tile/entries/000", "/log/tile/entries/001", "/log/tile/entries/002.p/188", "/log/tile/0/000", "/log/tile/0/002.p/188", "/log/tile/1/000.p/2"]))
  })

  test("that grew since they were seen", async () => {
    expect((await reports()).status).toBe(EXIT.done)
    alpha.log.entries.push(observationOf("alpha.example/log", "one-more"))
    expect((await reports()).byOrigin.get("alpha.example/log")).toMatchObject({ outcome: "verified", size: 4 })
  })

  test("whose partial tiles are gone, since the full ones exist", async () => {
    alpha.log.entries = many(alpha, 300)
    const partial = await reports()
    alpha.log.edit = (path, body) => (path.includes(".p/") && !path.includes("/1/") ? undefined : body)
    expect(partial.status).toBe(EXIT.done)
    alpha.log.entries = many(alpha, 512)
    expect((await reports("--operator", "alpha")).byOrigin.get("alpha.example/log")).toMatchObject({ outcome: "verified", size: 512 })
  })

  test("of one operator only", async () => {
    const { byOrigin } = await reports("--operator", "beta")
    expect([...byOrigin.keys()]).toEqual(["beta.example/log", "beta.example/notices"])
    const { status, err } = await run("log", "verify", "--operator", "nobody")
    expect(status).toBe(EXIT.usage)
    expect(err).toContain('no operator "nobody" in the roster, expected one of alpha, beta, gamma')
  })

  test("in words: one line a log", async () => {
    const { status, out } = await run("log", "verify")
    expect(status).toBe(EXIT.done)
    expect(out.trim().split("\n")).toHaveLength(6)
    expect(out).toMatch(/^verified {2}alpha\.example\/log +3 entries give the signed root$/m)
  })

  test("without a quorum of witnesses are told so, and are not what later heads are measured by", async () => {
    alpha.log.isCosigned = false
    expect((await reports()).byOrigin.get("alpha.example/log")).toMatchObject({ outcome: "verified", cosigned: false, detail: expect.stringContaining("not cosigned") })
    alpha.log.isCosigned = true
    alpha.log.shownSize = 2
    expect((await reports()).byOrigin.get("alpha.example/log")).toMatchObject({ outcome: "verified", size: 2 })
  })
})

describe("log verify: what does not give the signed root ends with 3", () => {
  const flip = (body: Uint8Array, at: number): Uint8Array => {
    const changed = Uint8Array.from(body)
    changed[at] = (changed[at] ?? 0) ^ 1
    return changed
  }
  test.each([
    { name: "an entry changed", edit: (path: string, body: Uint8Array) => (path.startsWith("tile/entries") ? flip(body, 100) : body), says: "LOG_BROKEN" },
    { name: "an entry cut off", edit: (path: string, body: Uint8Array) => (path.startsWith("tile/entries") ? body.subarray(0, -1) : body), says: "TILE_MALFORMED" },
    { name: "an entry missing", edit: (path: string, body: Uint8Array) => (path.startsWith("tile/entries") ? body.subarray(2 + ((body[0] ?? 0) << 8 | (body[1] ?? 0))) : body), says: "LOG_BROKEN" },
    { name: "bytes after the last entry", edit: (path: string, body: Uint8Array) => (path.startsWith("tile/entries") ? Buffer.concat([body, Buffer.from([0])]) : body), says: "TILE_MALFORMED" },
    { name: "a hash changed in a tile, which the entries do not give", edit: (path: string, body: Uint8Array) => (path.startsWith("tile/0") ? flip(body, 40) : body), says: "does not hold the hashes of its entries" },
    { name: "a tile cut off", edit: (path: string, body: Uint8Array) => (path.startsWith("tile/0") ? body.subarray(0, 64) : body), says: "does not hold the hashes of its entries" },
    { name: "a tile missing", edit: (path: string, body: Uint8Array) => (path.startsWith("tile/0") ? undefined : body), says: "NOT_FOUND" },
    { name: "a bundle missing", edit: (path: string, body: Uint8Array) => (path.startsWith("tile/entries") ? undefined : body), says: "NOT_FOUND" },
    { name: "no checkpoint", edit: (path: string, body: Uint8Array) => (path === "checkpoint" ? undefined : body), says: "NOT_FOUND" },
    { name: "a checkpoint that is changed", edit: (path: string, body: Uint8Array) => (path === "checkpoint" ? Buffer.from(Buffer.from(body).toString().replace("\n3\n", "\n4\n")) : body), says: "NOTE_UNVERIFIED" },
    { name: "a checkpoint that is none", edit: (path: string, body: Uint8Array) => (path === "checkpoint" ? Buffer.from("hello") : body), says: "NOTE_MALFORMED" },
    { name: "a checkpoint of 10 MB", edit: (path: string, body: Uint8Array) => (path === "checkpoint" ? Buffer.alloc(10_000_000, "x") : body), says: "is larger than" },
    { name: "another log's checkpoint", edit: (path: string, body: Uint8Array) => (path === "checkpoint" ? Buffer.from(Buffer.from(body).toString().replaceAll("alpha.example/log", "beta.example/log")) : body), says: "CHECKPOINT_MALFORMED" },
  ])("$name", async ({ edit, says }) => {
    alpha.log.edit = edit
    const { status, byOrigin } = await reports()
    expect(status).toBe(EXIT.world)
    const report = byOrigin.get("alpha.example/log")
    expect(report).toMatchObject({ outcome: "failed" })
    if (says !== "CHECKPOINT_MALFORMED") expect(report?.detail).toContain(says)
    expect([...byOrigin.values()].filter(({ outcome }) => outcome === "verified")).toHaveLength(5)
  })

  test("a node that does not answer, beside others that do", async () => {
    const alone = await startLogServers(["alpha", "beta"])
    const dir = join(root, "dead")
    const { mkdirSync } = await import("node:fs")
    mkdirSync(dir)
    writeAll(dir, { "vouchsafe.json": JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json" }), "vouchsafe.roster.json": alone.rosterText })
    await alone.close()
    const { status, out } = await vouchsafe(dir, ["log", "verify"], { env: environment(dir) })
    expect(status).toBe(EXIT.world)
    expect(out.match(/^failed .*UNREACHABLE/gm)).toHaveLength(4)
  })
})

describe("log verify: two histories", () => {
  test("end with 4, and leave a proof that convicts alone", async () => {
    expect((await reports()).status).toBe(EXIT.done)
    alpha.log.entries = [observationOf("alpha.example/log", "another"), ...many(alpha, 5).slice(1)]
    const { status, byOrigin } = await reports()
    expect(status).toBe(EXIT.misbehavior)
    const report = byOrigin.get("alpha.example/log") as Report
    expect(report).toMatchObject({ outcome: "misbehaved", detail: "the first 3 of its 5 entries are not the ones that it signed before" })
    expect(byOrigin.get("beta.example/log")).toMatchObject({ outcome: "verified" })

    const checked = await run("log", "verify", report.proof as string)
    expect(checked).toMatchObject({ status: EXIT.misbehavior, out: "proven: the log alpha.example/log of alpha showed two histories (fork)\n" })
    // A copy, in another person's hands.
    const copy = join(root, "handed-on.json")
    writeFileSync(copy, readFileSync(report.proof as string))
    home += 1
    expect(documentIn((await run("log", "verify", copy, "--json")).out)).toEqual({ proven: true, kind: "fork", origin: "alpha.example/log", operator: "alpha" })
  })

  test("of equal size", async () => {
    await reports()
    alpha.log.entries = [...alpha.log.entries.slice(0, 2), observationOf("alpha.example/log", "another")]
    expect((await reports())).toMatchObject({ status: EXIT.misbehavior })
  })

  test("where the older one has a power of two of entries, whose root no standard proof holds", async () => {
    alpha.log.entries = many(alpha, 4)
    await reports()
    alpha.log.entries = [observationOf("alpha.example/log", "another"), ...many(alpha, 9).slice(1)]
    const { status, byOrigin } = await reports()
    expect(status).toBe(EXIT.misbehavior)
    expect((await run("log", "verify", byOrigin.get("alpha.example/log")?.proof as string)).status).toBe(EXIT.misbehavior)
  })

  test("are proven even where no witness cosigned the second", async () => {
    await reports()
    alpha.log.entries = [observationOf("alpha.example/log", "another"), ...alpha.log.entries.slice(1)]
    alpha.log.isCosigned = false
    expect((await reports()).status).toBe(EXIT.misbehavior)
  })

  test("in the notices are found as well", async () => {
    alpha.notices.entries = ["one", "two"]
    await reports()
    alpha.notices.entries = ["one", "other"]
    const { status, byOrigin } = await reports()
    expect(status).toBe(EXIT.misbehavior)
    expect(byOrigin.get("alpha.example/notices")).toMatchObject({ outcome: "misbehaved" })
  })

  test("stay known: whatever the log shows later", async () => {
    await reports()
    const honest = alpha.log.entries
    alpha.log.entries = [observationOf("alpha.example/log", "another"), ...honest.slice(1)]
    await reports()
    expect(readdirSync(join(root, `home-${home}`, "vouchsafe", "state", "misbehavior")).filter((name) => name.endsWith(".json"))).toHaveLength(1)
    alpha.log.entries = honest
    const again = await reports()
    expect(again.status).toBe(EXIT.misbehavior)
    expect(again.byOrigin.get("alpha.example/log")).toMatchObject({ outcome: "misbehaved", detail: expect.stringContaining("never counts again"), proof: expect.any(String) })
  })
})

test("log verify: a log that lost entries ends with 1, which is no proof", async () => {
  await reports()
  alpha.log.shownSize = 2
  const { status, byOrigin } = await reports()
  expect(status).toBe(EXIT.refused)
  expect(byOrigin.get("alpha.example/log")).toMatchObject({ outcome: "rolled-back", size: 2, detail: "shows 2 entries, 3 were seen before" })
  // What was seen is not forgotten for it.
  expect((await reports()).status).toBe(EXIT.refused)
})

describe("log verify PROOF", () => {
  const other = { format: "vouchsafe-misbehavior/v1", kind: "fork", origin: "alpha.example/log", older: "x", newer: "y", consistency: [] }
  test.each([
    { name: "a proof of nothing", text: JSON.stringify(other), status: EXIT.refused, says: "convicts no log of the roster" },
    { name: "of a log that is not in the roster", text: JSON.stringify({ ...other, origin: "zeta.example/log" }), status: EXIT.refused, says: "it is about zeta.example/log" },
    { name: "unknown members", text: JSON.stringify({ ...other, more: 1 }), status: EXIT.usage, says: "no such member" },
    { name: "another format", text: JSON.stringify({ ...other, format: "vouchsafe-misbehavior/v2" }), status: EXIT.usage, says: "format" },
    { name: "no JSON", text: "{", status: EXIT.usage, says: "not JSON" },
    { name: "an empty file", text: "", status: EXIT.usage, says: "not JSON" },
    { name: "a huge file", text: `"${"x".repeat(1_100_000)}"`, status: EXIT.usage, says: "expected at most" },
  ])("$name", async ({ text, status, says }) => {
    const path = join(root, "proof.json")
    writeFileSync(path, text)
    const outcome = await run("log", "verify", path)
    expect(outcome.status).toBe(status)
    expect(outcome.out + outcome.err).toContain(says)
  })

  test("a file that is not there", async () => {
    expect(await run("log", "verify", "missing.json")).toMatchObject({ status: EXIT.usage, err: expect.stringContaining("missing.json cannot be read") })
  })
})

describe("log inspect", () => {
  test("lists the statements of all logs, each verified first", async () => {
    const { status, out } = await run("log", "inspect")
    expect(status).toBe(EXIT.done)
    const rows = JSON.parse(out) as Record<string, unknown>[]
    expect(rows).toHaveLength(9)
    expect(rows[0]).toMatchObject({ operator: "alpha", index: 0, kind: "observation", purl: "pkg:npm/package-0@1.0.0", registry: "https://registry.example/", time: 1_700_000_000 })
  })

  test.each([
    { argv: ["--package", "package-1"], rows: 3 },
    { argv: ["--package", "package-1@1.0.0"], rows: 3 },
    { argv: ["--package", "package-1@2.0.0"], rows: 0 },
    { argv: ["--package", "@scope/package"], rows: 1 },
    { argv: ["--package", "@scope/package@1.0.0", "--operator", "alpha"], rows: 1 },
    { argv: ["--package", "package"], rows: 0 },
    { argv: ["--operator", "beta"], rows: 3 },
    { argv: ["--notices"], rows: 0 },
  ])("$argv", async ({ argv, rows }) => {
    alpha.log.entries.push(observationOf("alpha.example/log", "@scope/package"))
    expect(JSON.parse((await run("log", "inspect", ...argv)).out)).toHaveLength(rows)
  })

  test("--latest keeps the newest statement of each package and operator", async () => {
    alpha.log.entries.push(observationOf("alpha.example/log", "package-0", { sha512: "f".repeat(128) }))
    const rows = JSON.parse((await run("log", "inspect", "--latest", "--package", "package-0")).out) as { operator: string; index: number }[]
    expect(rows.map(({ operator, index }) => `${operator} ${index}`)).toEqual(["alpha 3", "beta 0", "gamma 0"])
  })

  test("tells rebuilds and releases, which do not replace what was observed", async () => {
    alpha.log.entries.push(observed("alpha.example/log"), rebuilt("alpha.example/log", DIFFERS), rebuilt("alpha.example/log"), released("alpha.example/log"), "rubbish")
    const rows = JSON.parse((await run("log", "inspect", "--operator", "alpha", "--package", "left")).out) as Record<string, unknown>[]
    expect(rows).toMatchObject([
      { index: 3, kind: "observation" }, { index: 4, kind: "rebuild", match: "none" }, { index: 5, kind: "rebuild", match: "contents", repository: "https://git.example/ann/left.git" },
      { index: 6, kind: "release", claimedKey: keyHint(ann.verifier), purl: PURL, sha512: SHA512 },
    ])
    const latest = JSON.parse((await run("log", "inspect", "--operator", "alpha", "--package", "left", "--latest")).out) as Record<string, unknown>[]
    expect(latest.map(({ index }) => index)).toEqual([3, 5, 6])
  })

  test("tells locksets, each lock's newest", async () => {
    const lockset = (root: number, time: number) => formatLockset({ log: "alpha.example/log", registry: "https://registry.example/", root: new Uint8Array(32).fill(root), count: 3, bits: [true, false, true], roster: 2, notices: [], time })
    alpha.log.entries.push(lockset(1, 7), lockset(2, 8), lockset(1, 9))
    const inspect = async (...argv: string[]) => (JSON.parse((await run("log", "inspect", "--operator", "alpha", ...argv)).out) as Record<string, unknown>[]).filter(({ kind }) => kind === "lockset")
    expect((await inspect())[0]).toEqual({ operator: "alpha", index: 3, kind: "lockset", purl: null, package: null, registry: null, sha512: null, time: 7, root: "01".repeat(32), lines: 3, derived: 2, roster: 2 })
    expect((await inspect("--latest")).map(({ index }) => index)).toEqual([5, 4])
    expect(await inspect("--package", "package-0")).toEqual([])
  })

  test("csv has a header, and no cell that a spreadsheet would run", async () => {
    const { out } = await run("log", "inspect", "--format", "csv", "--operator", "alpha")
    expect(out.split("\n")[0]).toBe("operator,index,kind,purl,sha512,time")
    expect(out.trim().split("\n")).toHaveLength(4)
    alpha.log.entries.push(observationOf("alpha.example/log", "@scope/package"))
    const named = await run("log", "inspect", "--format", "csv", "--operator", "alpha", "--fields", "package,operator")
    expect(named.out).toContain("'@scope/package@1.0.0,alpha")
    for (const format of ["csv", "json"]) expect(await run("log", "inspect", "--format", format, "--fields", "nonsense")).toMatchObject({ status: EXIT.usage, err: expect.stringContaining('--fields names "nonsense", expected some of operator') })
  })

  test("--fields chooses what JSON holds, too", async () => {
    const { out } = await run("log", "inspect", "--operator", "alpha", "--package", "package-0@1.0.0", "--fields", "package, kind", "--json")
    expect(JSON.parse(out)).toEqual([{ package: "package-0@1.0.0", kind: "observation" }])
  })

  test("leaves out a log that is broken, says so, and ends with 3", async () => {
    alpha.log.edit = (path, body) => (path.startsWith("tile/entries") ? undefined : body)
    const { status, out, err } = await run("log", "inspect")
    expect(status).toBe(EXIT.world)
    expect((JSON.parse(out) as { operator: string }[]).map(({ operator }) => operator)).not.toContain("alpha")
    expect(err).toContain("the log of alpha is left out")
  })
})
