import { type Crypto, formatRoster, hexEncode, KEY_TYPE, nobleCrypto, type RosterNode, type Signer, signerFromSeed, VouchsafeError } from "@vouchsafe/core"
import type { HttpTransport } from "@vouchsafe/ports"
import { createHash } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import {
  type Chain, type Changes, draftChange, draftGenesis, keyIdOf, type NotEnough, type Published, publishProposal, readFiles, readRepository, type Signers, signDraft, checkDraft, tufKeyOf, type WithLock,
} from "../../src/index.ts"
import { bytesToSign, formatMetadata, type Signatures } from "../../src/signing.ts"
import type { Role } from "../../src/profile.ts"

export const crypto: Crypto = nobleCrypto
export const NOW_MS = Date.parse("2026-11-23T00:00:00Z")
export const DAY_MS = 86_400_000
export const REGISTRY = "https://registry.example/"

const folders: string[] = []
afterAll(() => { for (const folder of folders) rmSync(folder, { recursive: true, force: true }) })

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "vs-roster-test-"))
  folders.push(folder)
  return folder
}

export function signer(name: string): Signer {
  return signerFromSeed(name, KEY_TYPE.ed25519, createHash("sha256").update(name).digest())
}

export const ALICE = signer("alice.example")
export const BOB = signer("bob.example")
export const CAROL = signer("carol.example")
export const DAVE = signer("dave.example")
export const ONLINE = signer("online.example")
export const OTHER_ONLINE = signer("online-2.example")

export const key = (of: Signer) => tufKeyOf(of.verifier.vkey)
export const signersOf = (threshold: number, ...people: Signer[]): Signers => ({ keys: people.map(key), threshold })

function node(operator: string): RosterNode {
  const witness = signerFromSeed(`${operator}.example/witness`, KEY_TYPE.cosignatureEd25519, createHash("sha256").update(`${operator}w`).digest())
  return { operator, url: `https://${operator}.example/`, log: signer(`${operator}.example/log`).verifier, notices: signer(`${operator}.example/notices`).verifier, witness: witness.verifier }
}

export function rosterText(version: number, ...operators: string[]): string {
  return formatRoster((operators.length === 0 ? ["alpha", "bravo", "delta"] : operators).map(node), [REGISTRY], { version })
}

export const noLock: WithLock = async (_directory, action) => action()

/** Signs what of a draft each of `people` may sign. */
export function signedDraft(draft: ReturnType<typeof draftGenesis>, people: readonly Signer[], nowMs: number = NOW_MS): { readonly draft: typeof draft; readonly signatures: Signatures } {
  const requirements = checkDraft(crypto, draft, nowMs)
  return { draft, signatures: new Map(people.map((one) => { const { keyid, signatures } = signDraft(draft, requirements, one); return [keyid, signatures] })) }
}

export const publishOptions = (folder: string, nowMs: number = NOW_MS, online: Signer = ONLINE) => ({ folder, online, crypto, nowMs, withLock: noLock })

/** A repository of three keyholders, two of whom publish. */
export async function genesisIn(folder: string, more: Pick<Changes, "delegates" | "lifeMs" | "rootLifeMs"> & { readonly keyholders?: Signers; readonly targets?: ReadonlyMap<string, string> } = {}, nowMs: number = NOW_MS): Promise<Published> {
  const draft = draftGenesis({ keyholders: signersOf(2, ALICE, BOB, CAROL), onlineKey: key(ONLINE), ...more, targets: more.targets ?? new Map([["roster.json", rosterText(1)]]) }, nowMs)
  return published(await publishProposal(signedDraft(draft, [ALICE, BOB], nowMs), publishOptions(folder, nowMs)))
}

export async function change(folder: string, changes: Partial<Changes>, people: readonly Signer[], nowMs: number = NOW_MS, online: Signer = ONLINE): Promise<Published> {
  const { genesis, chain } = await readRepository(folder, nowMs)
  const draft = draftChange(genesis, chain, { targets: new Map(), ...changes }, nowMs)
  return published(await publishProposal(signedDraft(draft, people, nowMs), publishOptions(folder, nowMs, online)))
}

export function published(result: Published | NotEnough): Published {
  if ("progress" in result) throw new Error(`not enough signatures: ${JSON.stringify(result.progress)}`)
  return result
}

/** Signed metadata of any content. */
export function metadata(role: Role, signed: Readonly<Record<string, unknown>>, people: readonly Signer[]): string {
  const bytes = bytesToSign(role, signed)
  return formatMetadata(signed, new Map(people.map((one) => [keyIdOf(key(one)), hexEncode(one.sign(bytes))])))
}

export const partOf = (text: string): Record<string, unknown> => (JSON.parse(text) as { signed: Record<string, unknown> }).signed
export const filesOf = (folder: string): Map<string, string> => new Map(readFiles(folder))
export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex")
export const facts = (version: number, text: string) => ({ version, length: Buffer.byteLength(text), hashes: { sha256: sha256(text) } })

/** A whole new online part over what is there, by the right keys. */
export function reSnapshot(files: Map<string, string>, changed: Readonly<Record<string, string>>, more: { readonly online?: Signer; readonly snapshot?: object; readonly timestamp?: object } = {}): Map<string, string> {
  const online = more.online ?? ONLINE
  const timestamp = partOf(files.get("timestamp.json") as string)
  const version = ((timestamp["meta"] as Record<string, { version: number }>)["snapshot.json"]?.version ?? 0)
  const snapshot = partOf(files.get(`${version}.snapshot.json`) as string)
  const meta = { ...snapshot["meta"] as Record<string, unknown> }
  for (const [role, text] of Object.entries(changed)) {
    const next = partOf(text)["version"] as number
    files.set(`${next}.${role}.json`, text)
    meta[`${role}.json`] = facts(next, text)
  }
  const text = metadata("snapshot", { ...snapshot, version: version + 1, meta, ...more.snapshot }, [online])
  files.set(`${(partOf(text)["version"] as number)}.snapshot.json`, text)
  files.set("timestamp.json", metadata("timestamp", { ...timestamp, version: timestamp["version"] as number + 1, meta: { "snapshot.json": facts(partOf(text)["version"] as number, text) }, ...more.timestamp }, [online]))
  return files
}

/** HTTP to repositories in memory, by the bases of their URLs. */
export function transportTo(sources: ReadonlyMap<string, () => Chain | number>): HttpTransport & { readonly requests: string[] } {
  const requests: string[] = []
  return {
    requests,
    async request({ url, maxBytes }) {
      requests.push(url)
      const base = [...sources.keys()].find((known) => url.startsWith(known)) ?? ""
      const files = sources.get(base)?.() ?? 404
      if (typeof files === "number") return { status: files, headers: {}, body: new Uint8Array() }
      const text = files.get(url.slice(base.length))
      const body = Buffer.from(text ?? "")
      if (body.length > maxBytes) throw new VouchsafeError("UPSTREAM_FAILED", `body has more than ${maxBytes} bytes`)
      return { status: text === undefined ? 404 : 200, headers: {}, body }
    },
  }
}
