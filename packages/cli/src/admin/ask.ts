/**
 * Admin requests of commands: to the node of one's own over its socket, or to another with a key or a token.
 *
 * @packageDocumentation
 */
import type { HttpTransport } from "@vouchsafe/client"
import { systemClock } from "@vouchsafe/client/node"
import { isVouchsafeError, parseJson, type Signer, utf8Decode, utf8Encode, VouchsafeError } from "@vouchsafe/core"
import { resolve } from "node:path"
import type { CliIo } from "../io.ts"
import { openKeyFile } from "../keys/key-file.ts"
import { passphraseOf } from "../keys/passphrase.ts"
import { type NodeAnswer, type NodePlace, ownNode, placeOf, socketPlace } from "../nodes.ts"
import { usage } from "../usage.ts"
import { signAdminRequest } from "./sign.ts"
import { readToken } from "./token.ts"

/** What a command's options say about the node and about who asks. */
export interface AdminFlags {
  readonly node?: string
  readonly socket?: string
  readonly adminKey?: string
  readonly adminTokenFile?: string
  readonly passphraseFile?: string
}

/** A node, and what it is shown. */
export interface AdminPlace {
  readonly place: NodePlace
  readonly signer?: Signer
  readonly token?: string
}

const ANSWER_BYTES_MAX = 1_048_576
const TIMEOUT_MS = 60_000

/** @throws VouchsafeError USAGE, STATE_UNSAFE for a key that others can read. */
export async function adminPlace(io: CliIo, flags: AdminFlags): Promise<AdminPlace> {
  const { node, socket, adminKey, adminTokenFile } = flags
  if (node === undefined) {
    if (adminKey !== undefined || adminTokenFile !== undefined) throw usage("--admin-key and --admin-token-file are shown to a node that is named, expected --node URL", "the admin socket of your own node needs neither")
    const place = socket === undefined ? ownNode(io) : socketPlace(resolve(io.cwd, socket))
    if (place === undefined) throw usage("no node was named and none of your own runs", "name one with --node URL and --admin-key FILE, or its admin socket with --socket PATH")
    return { place }
  }
  if (socket !== undefined) throw usage("--node and --socket name two nodes, expected one")
  if ((adminKey === undefined) === (adminTokenFile === undefined)) throw usage("--node needs one of --admin-key FILE and --admin-token-file FILE", "the node's operator names who may with --admin-key of vouchsafe-node")
  const named = placeOf(node)
  // The one spelling of a URL: it is part of what is signed.
  const place = { name: named.name, url: new URL(named.url).href }
  if (adminKey !== undefined) return { place, signer: await openKeyFile(resolve(io.cwd, adminKey), () => passphraseOf(io, flags.passphraseFile)) }
  return { place, token: readToken(io, place, adminTokenFile ?? "", "ask over https, or sign with --admin-key") }
}

/**
 * Sends one admin request by its name: `withdraw`, `reverse`, `recheck`, `pin`, `budgets`.
 * @throws VouchsafeError of the transport, UPSTREAM_FAILED for an answer that is no JSON.
 */
export async function askAdmin(transport: HttpTransport, { place, signer, token }: AdminPlace, name: string, document: unknown): Promise<NodeAnswer> {
  const url = `${place.url}v1/admin/${name}`
  const body = JSON.stringify(document)
  const shown = signer === undefined ? { "content-type": "application/json", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }
    : signAdminRequest(signer, { targetUri: url, body, nowSeconds: Math.floor(systemClock.nowMs() / 1000) })
  const { status, body: answer } = await transport.request({
    method: "POST", url, timeoutMs: TIMEOUT_MS, maxBytes: ANSWER_BYTES_MAX, headers: shown, body: utf8Encode(body), ...(place.socketPath === undefined ? {} : { socketPath: place.socketPath }),
  })
  try {
    return { status, document: parseJson("UPSTREAM_FAILED", place.name, utf8Decode(answer)) }
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw new VouchsafeError("UPSTREAM_FAILED", `${place.name} answered ${status} with what is no JSON, expected a node`, { cause })
  }
}
