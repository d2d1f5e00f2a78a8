import { Key, Metadata, MetaFile, Root, Signature, Snapshot, TargetFile, Targets, Timestamp } from "@tufjs/models"
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const SPEC_VERSION = "1.0.31"
const ROLES = ["root", "timestamp", "snapshot", "targets"] as const
const DAY_MS = 86_400_000

interface RoleKey { readonly key: Key; readonly privateKey: KeyObject }

function makeKey(): RoleKey {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519")
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32).toString("hex")
  return { privateKey, key: new Key({ keyID: createHash("sha256").update(raw).digest("hex"), keyType: "ed25519", scheme: "ed25519", keyVal: { public: raw } }) }
}

/** What a state of the repository says; versions count up by themselves. */
export interface RepositoryState {
  readonly targets: Readonly<Record<string, string>>
  /** Milliseconds of Unix time from which lifetimes are counted. */
  readonly nowMs: number
  readonly version: number
  readonly timestampDays?: number
  readonly rootDays?: number
  /** Signs the role with a key that the root does not name. */
  readonly wronglySigned?: (typeof ROLES)[number]
  /** Bytes that a target's path serves in place of what the metadata lists. */
  readonly swapped?: Readonly<Record<string, string>>
}

/** A TUF repository on loopback, made and signed here. */
export interface TufRepository {
  readonly url: string
  /** Version 1 of the root, to start from. */
  readonly rootJson: string
  readonly requests: readonly string[]
  publish(state: RepositoryState): void
  close(): Promise<void>
}

export async function startTufRepository(initial: RepositoryState): Promise<TufRepository> {
  const keys = Object.fromEntries(ROLES.map((role) => [role, makeKey()])) as Record<(typeof ROLES)[number], RoleKey>
  const stranger = makeKey()
  const files = new Map<string, string>()
  const requests: string[] = []
  const signed = (metadata: Metadata<Root> | Metadata<Timestamp> | Metadata<Snapshot> | Metadata<Targets>, role: (typeof ROLES)[number], wrongly: boolean): string => {
    const { key } = keys[role]
    const { privateKey } = wrongly ? stranger : keys[role]
    metadata.sign((data) => new Signature({ keyID: key.keyID, sig: sign(null, data, privateKey).toString("hex") }))
    return JSON.stringify(metadata.toJSON())
  }
  const publish = (state: RepositoryState): void => {
    const { version, nowMs } = state
    const base = (days: number) => ({ version, specVersion: SPEC_VERSION, expires: new Date(nowMs + days * DAY_MS).toISOString().replace(/\.\d+Z$/, "Z") })
    const isWrong = (role: (typeof ROLES)[number]) => state.wronglySigned === role
    files.clear()
    const root = new Root({ ...base(state.rootDays ?? 365), consistentSnapshot: false })
    for (const role of ROLES) root.addKey(keys[role].key, role)
    files.set(`/${version}.root.json`, signed(new Metadata(root), "root", isWrong("root")))
    const targets = Object.entries(state.targets).map(([path, text]) => {
      files.set(`/targets/${path}`, state.swapped?.[path] ?? text)
      return [path, new TargetFile({ path, length: Buffer.byteLength(text), hashes: { sha256: createHash("sha256").update(text).digest("hex") } })]
    })
    files.set("/targets.json", signed(new Metadata(new Targets({ ...base(90), targets: Object.fromEntries(targets) as Record<string, TargetFile> })), "targets", isWrong("targets")))
    files.set("/snapshot.json", signed(new Metadata(new Snapshot({ ...base(30), meta: { "targets.json": new MetaFile({ version }) } })), "snapshot", isWrong("snapshot")))
    files.set("/timestamp.json", signed(new Metadata(new Timestamp({ ...base(state.timestampDays ?? 7), snapshotMeta: new MetaFile({ version }) })), "timestamp", isWrong("timestamp")))
  }
  publish(initial)
  const rootJson = files.get(`/${initial.version}.root.json`) as string
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? "")
    requests.push(path)
    const found = files.get(path)
    response.writeHead(found === undefined ? 404 : 200).end(found ?? "")
  })
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, rootJson, requests, publish,
    // A second close is none.
    close: () => new Promise((resolve) => { server.close(() => { resolve() }); server.closeAllConnections() }),
  }
}
