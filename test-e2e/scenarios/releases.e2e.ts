// A publisher's own key: releases signed on its machine, logged by the nodes, demanded by a policy, and exported.
import { formatSigningKey, KEY_TYPE, signerFromSeed } from "@vouchsafe/core"
import { randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, expect, test } from "vitest"
import { describeRun, findPackage, guardedProject, openEnvelope, openWorld, OPERATORS, removeFolder, summaryFaults, temporaryFolder, type World } from "../support/index.ts"

let world: World
let keys: { readonly acme: string; readonly stranger: string; readonly vkey: string }

/** A key file, as `vouchsafe keys new` writes it. */
function keyFile(folder: string, name: string): { path: string; vkey: string } {
  const seed = Uint8Array.from(randomBytes(32))
  const { verifier } = signerFromSeed(name, KEY_TYPE.ed25519, seed)
  const path = join(folder, `${name}.key`)
  writeFileSync(path, `${formatSigningKey(verifier, seed)}\n`, { mode: 0o600 })
  return { path, vkey: verifier.vkey }
}

beforeAll(async () => {
  const folder = temporaryFolder("releases-keys")
  const [acme, stranger] = [keyFile(folder, "acme"), keyFile(folder, "stranger")]
  keys = { acme: acme.path, stranger: stranger.path, vkey: acme.vkey }
  const config = { publisherKey: [acme.vkey] }
  try {
    world = await openWorld("releases", { nodeConfig: Object.fromEntries(OPERATORS.map((operator) => [operator, config])) })
  } catch (error) {
    removeFolder(folder)
    throw error
  }
  return async () => {
    await world.close()
    removeFolder(folder)
  }
})

test("a policy that demands the publisher's release refuses the package until it is signed, and installs it then; a stranger's key changes nothing", async () => {
  const policy = { publishers: [{ match: ["zz-good", "zz-leaf"], keys: [{ key: keys.vkey }] }] }
  const { command, project, sandbox } = await guardedProject(world, { account: "demands", manager: "npm11" })
  const config = { format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json", ...policy }
  writeFileSync(join(project, "vouchsafe.json"), JSON.stringify(config))
  const before = await command("vouchsafe", "run", "--", "npm", "install", "zz-good")
  expect([before.status, findPackage(project, "zz-good")], describeRun(before)).toEqual([1, []])
  expect(before.output, describeRun(before)).toContain("NOT_RELEASED")

  const stranger = await command("vouchsafe", "release", "zz-good@1.0.0", "--key", keys.stranger)
  expect([stranger.status, stranger.output.includes("NOT_ALLOWED")], describeRun(stranger)).toEqual([1, true])
  const still = await command("vouchsafe", "run", "--", "npm", "install", "zz-good")
  expect(still.status, describeRun(still)).toBe(1)

  for (const name of ["zz-good", "zz-leaf"]) {
    const released = await command("vouchsafe", "release", `${name}@1.0.0`, "--key", keys.acme, "--json")
    expect(released.status, describeRun(released)).toBe(0)
    expect((JSON.parse(released.stdout) as { nodes: { outcome: string }[] }).nodes.map(({ outcome }) => outcome)).toEqual(OPERATORS.map(() => "logged"))
  }
  sandbox.forgetCaches()
  const after = await command("vouchsafe", "run", "--", "npm", "install", "zz-good")
  expect(after.status, describeRun(after)).toBe(0)
  expect(findPackage(project, "zz-good")).not.toEqual([])
})

test("statements of the quorum and a summary are exported as envelopes that the specification alone opens", async () => {
  const { command } = await guardedProject(world, { account: "exports", manager: "npm11" })
  const statements = await command("vouchsafe", "export", "zz-leaf@1.0.0", "--as", "statement", "--json")
  expect(statements.status, describeRun(statements)).toBe(0)
  const { envelopes, signers } = JSON.parse(statements.stdout) as { envelopes: unknown[]; signers: { operator: string; key: string }[] }
  expect(signers.length).toBeGreaterThanOrEqual(3)
  for (const [i, { key }] of signers.entries()) {
    expect(openEnvelope(JSON.stringify(envelopes[i]), key)).toMatchObject({ subject: [{ name: "pkg:npm/zz-leaf@1.0.0", digest: { sha512: world.registry.built("zz-leaf", "1.0.0")?.sha512 } }], predicateType: expect.stringContaining("observation/v1") as string })
    expect(() => openEnvelope(JSON.stringify(envelopes[i]), keys.vkey)).toThrow("no signature")
  }
  const summary = await command("vouchsafe", "export", "zz-leaf@1.0.0", "--as", "summary", "--key", keys.acme)
  expect(summary.status, describeRun(summary)).toBe(0)
  const opened = openEnvelope(summary.stdout, keys.vkey)
  expect([summaryFaults(opened), opened.predicate["verificationResult"], (opened.predicate["verifiedLevels"] as string[]).includes("SLSA_BUILD_REPRODUCED")]).toEqual([[], "PASSED", false])
  const none = await command("vouchsafe", "export", "zz-leaf@1.0.0", "--as", "provenance")
  expect([none.status, none.stdout], describeRun(none)).toEqual([1, ""])
})

test("a refused package is exported as a summary that says so, and as nothing else", async () => {
  world.registry.tamper([{ name: "zz-parent", version: "1.0.0", mode: "swap-tarball", when: { userAgentExcludes: "vouchsafe-node/" } }])
  const { command } = await guardedProject(world, { account: "refused", manager: "npm11" })
  const statements = await command("vouchsafe", "export", "zz-parent@1.0.0", "--as", "statement")
  expect([statements.status, statements.stdout], describeRun(statements)).toEqual([1, ""])
  const summary = await command("vouchsafe", "export", "zz-parent@1.0.0", "--as", "summary", "--key", keys.acme)
  expect(summary.status, describeRun(summary)).toBe(1)
  const opened = openEnvelope(summary.stdout, keys.vkey)
  expect([summaryFaults(opened), opened.predicate["verificationResult"], opened.predicate["verifiedLevels"]]).toEqual([[], "FAILED", ["FAILED"]])
})
