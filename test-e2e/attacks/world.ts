/**
 * One network for all rows: two registries, a git server, a mock Sigstore, a DNS server, and four nodes of which two rebuild.
 *
 * @packageDocumentation
 */
import { type FakeRegistry, startRegistry } from "@vouchsafe/testkit/registry"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { getManager, makeSigningKey, openWorld, OPERATORS, removeFolder, type SigningKey, startGitServer, temporaryFolder, type World } from "../support/index.ts"
import { type DnsServer, startDns } from "./dns.ts"
import { type Made, makeMaterials, type Materials } from "./materials.ts"
import { createMockSigstore } from "./sigstore/mock.ts"
import type { PolicyWorld, Row } from "./types.ts"

/** Where the replay takes place. */
export interface AttackWorld {
  readonly base: World
  readonly privateRegistry: FakeRegistry
  readonly dns: DnsServer
  readonly policyWorld: PolicyWorld
  readonly materials: Materials
  made(spec: string): Made
  close(): Promise<void>
}

/** A token that is good for nothing else. */
export const TOKEN = "token-of-the-attack-replay-0123456789"
/** Operators whose nodes rebuild. */
export const REBUILDERS = ["alpha", "beta"] as const
const LAPSED = "lapsed.replay.example"
const TOOLS_AGE_SECONDS = 1_000 * 86_400

/** Stands for node-gyp where a manager fetches it by itself: says that it was called, and reads nothing. */
export const GYP_STUB = `#!/usr/bin/env node\nif (process.env.REPLAY_GYP) require("fs").appendFileSync(process.env.REPLAY_GYP, process.argv.slice(2).join(" ") + " in " + process.cwd() + "\\n")\n`

export async function openAttackWorld(rows: readonly Row[]): Promise<AttackWorld> {
  const folder = temporaryFolder("replay")
  const closers: (() => Promise<void>)[] = [async () => { removeFolder(folder) }]
  const close = async (): Promise<void> => {
    for (const one of closers.splice(0).reverse()) await one()
  }
  try {
    const git = await startGitServer(folder)
    closers.push(() => git.close())
    const dns = await startDns((name) => name === LAPSED || name.endsWith(`.${LAPSED}`))
    closers.push(() => dns.close())
    const privateRegistry = await startRegistry()
    closers.push(() => privateRegistry.close())
    const signingKey = makeSigningKey(join(folder, "signing-key"))
    const sigstore = createMockSigstore()
    const nowSeconds = Math.floor(Date.now() / 1000)
    const materials = makeMaterials(rows, { git, sigstore, signingKey, nowSeconds, npmVersion: (await getManager("npm11")).version })
    const published = [...materials.made.values()].sort((a, b) => b.release.ageSeconds - a.release.ageSeconds)
    for (const { release, fixture } of published) if (release.registry === "private") privateRegistry.publish(fixture)
    const nodes = writeNodeFiles(folder, { signingKey, trustedRoot: sigstore.trustedRoot })
    const config = { gitHost: [git.host], trustRoot: nodes.trustRoot, dnsServer: [dns.address] }
    const base = await openWorld("replay", {
      packages: [gypStub(nowSeconds), ...published.flatMap(({ release, fixture }) => (release.registry === "private" ? [] : [fixture]))],
      registry: { attestations: materials.attestations }, network: ["--registry", privateRegistry.url],
      nodeConfig: Object.fromEntries(OPERATORS.map((operator) => [operator, REBUILDERS.some((one) => one === operator) ? { ...config, rebuild: true, buildTokenFile: nodes.tokenFile, allowedSigners: nodes.allowedSigners } : config])),
    })
    closers.push(() => base.close())
    return {
      base, privateRegistry, dns, materials, close, policyWorld: { publicRegistry: base.registry.url, privateRegistry: privateRegistry.url, signer: signingKey.fingerprint },
      made(spec) {
        const found = materials.made.get(`public ${spec}`) ?? materials.made.get(`private ${spec}`)
        if (found === undefined) throw new Error(`no release ${spec}`)
        return found
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

function writeNodeFiles(folder: string, { signingKey, trustedRoot }: { readonly signingKey: SigningKey; readonly trustedRoot: string }): { readonly tokenFile: string; readonly allowedSigners: string; readonly trustRoot: string } {
  const [tokenFile, allowedSigners, trustRoot] = ["token", "allowed_signers", "trusted_root.json"].map((name) => join(folder, name)) as [string, string, string]
  writeFileSync(tokenFile, `${TOKEN}\n`, { mode: 0o600 })
  writeFileSync(allowedSigners, `ann@git.example namespaces="git" ${signingKey.line}\n`)
  writeFileSync(trustRoot, trustedRoot)
  return { tokenFile, allowedSigners, trustRoot }
}

function gypStub(nowSeconds: number) {
  return {
    name: "node-gyp", version: "99.0.0", manifest: { bin: { "node-gyp": "bin.js" } }, files: { "bin.js": { content: GYP_STUB, mode: 0o755 } },
    publishedAt: new Date((nowSeconds - TOOLS_AGE_SECONDS) * 1000).toISOString(), publisher: "gyp-tools",
  }
}
