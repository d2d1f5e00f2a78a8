import { createHash } from "node:crypto"
import { join } from "node:path"
import { afterAll, beforeEach, describe, expect, test } from "vitest"
import { EXIT } from "../src/index.ts"
import { documentIn, environment, type Outcome, temporaryFolder, vouchsafe, writeAll } from "./support/io.ts"
import { type LogServer, observationOf, type ServedLog, startLogServers } from "./support/log-server.ts"

const root = temporaryFolder()
const servers = await startLogServers(["alpha", "beta", "gamma"])
afterAll(() => servers.close())
const [alpha, beta, gamma] = servers.nodes as [LogServer, LogServer, LogServer]
writeAll(root, { "vouchsafe.json": JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json" }), "vouchsafe.roster.json": servers.rosterText })

interface Report {
  readonly origin: string
  readonly outcome: string
  readonly size?: number
  readonly detail: string
}

let home = 0
const run = (...argv: string[]): Promise<Outcome> => vouchsafe(root, argv, { env: environment(join(root, `home-${home}`)) })
const report = async (...argv: string[]): Promise<Report> => {
  const { out } = await run("log", "verify", "--json", "--operator", "beta", ...argv)
  return (documentIn(out)["logs"] as Report[]).find(({ origin }) => origin === "beta.example/log") as Report
}
const rows = async (...argv: string[]): Promise<{ status: number; err: string; packages: unknown[] }> => {
  const { status, out, err } = await run("log", "inspect", "--operator", "beta", ...argv)
  return { status, err, packages: (JSON.parse(out) as { package: unknown }[]).map((row) => row.package) }
}

/** A node keeps a copy of beta's log as it is now. */
function keepCopy(node: LogServer, served: ServedLog = beta.log): ServedLog {
  const copy = { ...served, entries: [...served.entries], edit: (_path: string, body: Uint8Array) => body }
  node.copies.set(createHash("sha256").update(served.signer.verifier.name).digest("hex"), copy)
  return copy
}

/** Answers nothing, as a node that is gone behind a proxy. */
const silent = (): undefined => undefined
const changed = (path: string, body: Uint8Array): Uint8Array => (path.includes("entries") ? Uint8Array.from(body, (byte, i) => (i === 40 ? byte ^ 1 : byte)) : body)

beforeEach(() => {
  home += 1
  for (const node of servers.nodes) {
    node.copies.clear()
    for (const log of [node.log, node.notices]) Object.assign(log, { shownSize: undefined, isCosigned: true, edit: (_path: string, body: Uint8Array) => body })
    node.notices.entries = []
    node.log.entries = Array.from({ length: 3 }, (_, i) => observationOf(node.log.signer.verifier.name, `${node.operator}-${i}`))
  }
})

describe("a log whose origin does not answer", () => {
  test("is read from the first copy that has it whole, and the report says from whose", async () => {
    keepCopy(alpha).edit = changed
    keepCopy(gamma)
    beta.log.edit = silent
    expect(await report()).toMatchObject({ outcome: "verified", size: 3, detail: expect.stringMatching(/^3 entries give the signed root;.* read from the copy of gamma$/) as string })
    expect(await rows()).toMatchObject({ status: EXIT.done, packages: ["beta-0@1.0.0", "beta-1@1.0.0", "beta-2@1.0.0"] })
  })

  test("and of which nobody has a copy is reported with what its origin said", async () => {
    beta.log.edit = silent
    expect(await report()).toMatchObject({ outcome: "failed", detail: expect.stringContaining("/log/checkpoint answered 404") as string })
    const { status, err } = await rows()
    expect(status).toBe(EXIT.world)
    expect(err).toContain("the log of beta is left out")
  })

  test("copies that are all wrong convince nobody", async () => {
    for (const node of [alpha, gamma]) keepCopy(node).edit = changed
    beta.log.edit = silent
    expect(await report()).toMatchObject({ outcome: "failed" })
  })

  test("a copy that is behind what was seen is no rollback of the log", async () => {
    keepCopy(alpha)
    beta.log.entries.push(observationOf("beta.example/log", "late"))
    expect(await report()).toMatchObject({ outcome: "verified", size: 4 })
    beta.log.edit = silent
    expect(await report()).toMatchObject({ outcome: "failed", size: 3, detail: expect.stringContaining("shows 3 entries, 4 were seen before; read from the copy of alpha") as string })
  })

  test("a copy of another history still convicts the log that signed both", async () => {
    expect(await report()).toMatchObject({ outcome: "verified" })
    const copy = keepCopy(alpha)
    copy.entries[1] = observationOf("beta.example/log", "another")
    beta.log.edit = silent
    expect(await report()).toMatchObject({ outcome: "misbehaved" })
  })
})

test("an origin that answers wrongly is told of, whoever has a better copy", async () => {
  keepCopy(alpha)
  beta.log.edit = changed
  expect(await report()).toMatchObject({ outcome: "failed", detail: expect.stringContaining("LOG_BROKEN") as string })
})

describe("--mirror", () => {
  test("reads that node's copies and asks nobody else", async () => {
    keepCopy(alpha)
    keepCopy(alpha, beta.notices)
    beta.paths.length = 0
    expect(await report("--mirror", alpha.place.url)).toMatchObject({ outcome: "verified", detail: expect.stringContaining(`read from the copy of ${alpha.place.url}`) as string })
    expect((await rows("--mirror", alpha.place.url)).packages).toHaveLength(3)
    expect(beta.paths.filter((path) => /^\/(?:log|notices)\//.test(path))).toEqual([])
  })
  test("a node without one is no way to the origin", async () => {
    expect(await report("--mirror", gamma.place.url)).toMatchObject({ outcome: "failed", detail: expect.stringContaining("answered 404") as string })
  })
  test.each([
    { name: "what is no URL", argv: ["--mirror", "alpha"], says: "is no URL of a node" },
    { name: "two places", argv: ["--operator", "beta", "--mirror", "http://a.example/", "--from", "http://b.example/"], says: "expected one of them" },
  ])("$name is refused", async ({ argv, says }) => {
    const { status, err } = await run("log", "verify", ...argv)
    expect(status).toBe(EXIT.usage)
    expect(err).toContain(says)
  })
})
