import { readdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { buildWitnessProof, cosign, formatMisbehavior, formatRoster, KEY_TYPE, type MisbehaviorProof, type Signer, signerFromSeed } from "@vouchsafe/core"
import { nodeCrypto } from "@vouchsafe/client/node"
import { afterAll, describe, expect, test } from "vitest"
import { EXIT } from "../src/index.ts"
import { documentIn, environment, type Outcome, temporaryFolder, vouchsafe, writeAll } from "./support/io.ts"

const root = temporaryFolder()
const listed = { body: "" }
/** A node that has nothing but a list of proofs. */
const server = createServer((request, response) => {
  response.writeHead(request.url === "/v1/misbehavior" ? 200 : 404).end(request.url === "/v1/misbehavior" ? listed.body : "")
})
await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) })
afterAll(() => new Promise((resolve) => { server.close(resolve); server.closeAllConnections() }))

let seeds = 100
const signer = (name: string, type: number): Signer => signerFromSeed(name, type, new Uint8Array(32).fill(++seeds))
const OPERATORS = ["alpha", "beta", "gamma"].map((operator) => ({
  operator, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/${operator === "alpha" ? "" : `${operator}/`}`,
  log: signer(`${operator}.example/log`, KEY_TYPE.ed25519), notices: signer(`${operator}.example/notices`, KEY_TYPE.ed25519), witness: signer(`${operator}.example/witness`, KEY_TYPE.cosignatureEd25519),
}))
const stranger = signer("stranger.example/witness", KEY_TYPE.cosignatureEd25519)
const rosterText = formatRoster(OPERATORS.map(({ operator, url, log, notices, witness }) => ({ operator, url, log: log.verifier, notices: notices.verifier, witness: witness.verifier })), ["https://registry.example/"])
writeAll(root, { "vouchsafe.json": JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json" }), "vouchsafe.roster.json": rosterText })

const head = (witness: Signer, size: number, byte: number, time: number): string => {
  const text = `alpha.example/log\n${size}\n${Buffer.alloc(32, byte).toString("base64")}\n`
  return `${text}\n${cosign(witness, text, time)}`
}
function proofAgainst(witness: Signer, kind: "witness-fork" | "witness-rollback"): MisbehaviorProof {
  const heads = kind === "witness-fork" ? { older: head(witness, 5, 1, 10), newer: head(witness, 5, 2, 10), consistency: [] } : { older: head(witness, 5, 1, 10), newer: head(witness, 4, 2, 11) }
  const proof = buildWitnessProof(nodeCrypto, witness.verifier, { origin: "alpha.example/log", ...heads })
  if (proof === undefined) throw new TypeError("no proof")
  return proof
}

let home = 0
const run = (...argv: string[]): Promise<Outcome> => vouchsafe(root, argv, { env: environment(join(root, `home-${home}`)) })
const kept = (): string[] => readdirSync(join(root, `home-${home}`, "vouchsafe", "state", "misbehavior")).filter((name) => name.endsWith(".json"))
const witnessOf = (operator: string): Signer => OPERATORS.find((one) => one.operator === operator)?.witness ?? stranger

describe("log verify PROOF, against a witness", () => {
  test.each([
    { kind: "witness-fork" as const, says: "proven: the witness beta.example/witness of beta vouched for two histories of alpha.example/log (witness-fork)\n" },
    { kind: "witness-rollback" as const, says: "proven: the witness beta.example/witness of beta vouched for a smaller alpha.example/log after it had vouched for a larger one (witness-rollback)\n" },
  ])("$kind: 4, names it, and is kept once", async ({ kind, says }) => {
    home += 1
    const path = join(root, `${kind}.json`)
    writeFileSync(path, formatMisbehavior(proofAgainst(witnessOf("beta"), kind)))
    expect(await run("log", "verify", path)).toMatchObject({ status: EXIT.misbehavior, out: says })
    expect(documentIn((await run("log", "verify", path, "--json")).out)).toEqual({ proven: true, kind, origin: "alpha.example/log", witness: "beta.example/witness", operator: "beta" })
    expect(kept()).toHaveLength(1)
  })
  test.each<[string, string, number, string]>([
    ["of nobody in the roster", formatMisbehavior(proofAgainst(stranger, "witness-fork")), EXIT.refused, "convicts no witness of the roster (it is about stranger.example/witness)"],
    ["that accuses another", formatMisbehavior({ ...proofAgainst(witnessOf("beta"), "witness-fork"), witness: "gamma.example/witness" } as MisbehaviorProof), EXIT.refused, "convicts no witness"],
    ["in another spelling", JSON.stringify(JSON.parse(formatMisbehavior(proofAgainst(witnessOf("beta"), "witness-fork")))), EXIT.usage, "one spelling"],
  ])("a proof %s convicts nobody and is not kept", async (_, text, status, says) => {
    home += 1
    const path = join(root, "other.json")
    writeFileSync(path, text)
    const outcome = await run("log", "verify", path)
    expect(outcome.status).toBe(status)
    expect(outcome.out + outcome.err).toContain(says)
  })
})

describe("log verify asks nodes for the proofs that they have", () => {
  const list = (...proofs: string[]): string => JSON.stringify({ format: "vouchsafe-misbehavior-list/v1", proofs: proofs.map((proof) => ({ key: "any", proof })) })
  test("what convicts somebody of the roster is kept, and ends it with 4", async () => {
    home += 1
    listed.body = list("rubbish", formatMisbehavior(proofAgainst(stranger, "witness-fork")), ...(["witness-fork", "witness-rollback"] as const).map((kind) => formatMisbehavior(proofAgainst(witnessOf("gamma"), kind))))
    const outcome = await run("log", "verify", "--json")
    expect(outcome.status).toBe(EXIT.misbehavior)
    const reports = documentIn(outcome.out)["logs"] as { readonly operator: string; readonly outcome: string; readonly origin: string; readonly detail: string; readonly proof?: string }[]
    expect(reports.filter((report) => report.outcome === "misbehaved")).toEqual([
      { operator: "gamma", origin: "gamma.example/witness", outcome: "misbehaved", detail: "the witness vouched for two histories of alpha.example/log, and never counts again", proof: expect.any(String) },
    ])
    expect(kept()).toHaveLength(1)
    listed.body = list()
    expect((await run("log", "verify")).status).toBe(EXIT.misbehavior)
  })
  test.each([["no list", ""], ["another document", "{}"], ["no proofs", list("{}", "")]])("%s changes nothing", async (_, body) => {
    home += 1
    listed.body = body
    expect((await run("log", "verify")).status).toBe(EXIT.world)
    expect(kept()).toEqual([])
  })
})
