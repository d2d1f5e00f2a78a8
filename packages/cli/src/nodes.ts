/**
 * Requests to nodes by commands that write: releases and builds.
 *
 * @packageDocumentation
 */
import { findDaemonSocket } from "@vouchsafe/client/node"
import { isVouchsafeError, parseJson, utf8Decode, utf8Encode, VouchsafeError } from "@vouchsafe/core"
import type { HttpTransport } from "@vouchsafe/client"
import type { CliIo } from "./io.ts"
import { usage } from "./usage.ts"

const ANSWER_BYTES_MAX = 1_048_576
const TIMEOUT_MS = 60_000

/** Where a node is asked: at its URL, or through the admin socket of one's own. */
export interface NodePlace {
  /** For people: an operator, a URL or a path. */
  readonly name: string
  /** With a trailing slash. */
  readonly url: string
  readonly socketPath?: string
}

/** A node's answer, whatever it was. */
export interface NodeAnswer {
  readonly status: number
  readonly document: unknown
}

/** A place by the URL that a person wrote. @throws VouchsafeError USAGE. */
export function placeOf(url: string): NodePlace {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw usage(`"${url}" is no URL of a node, expected http(s)://host[:port]/`)
  return { name: url, url: url.replace(/\/?$/, "/") }
}

/** The admin socket at a path. */
export function socketPlace(socketPath: string): NodePlace {
  return { name: socketPath, url: "http://localhost/", socketPath }
}

/** The node of the person's own, where one runs. */
export function ownNode(io: CliIo): NodePlace | undefined {
  const { path } = findDaemonSocket(io.env)
  return path === undefined ? undefined : socketPlace(path)
}

/** Asks a node. @throws VouchsafeError of the transport, UPSTREAM_FAILED for an answer that is no JSON. */
export async function askNode(transport: HttpTransport, place: NodePlace, request: { readonly path: string; readonly body?: unknown; readonly authorization?: string; readonly timeoutMs?: number; readonly maxBytes?: number }): Promise<NodeAnswer> {
  const { status, body } = await transport.request({
    method: request.body === undefined ? "GET" : "POST", url: `${place.url}${request.path}`, timeoutMs: request.timeoutMs ?? TIMEOUT_MS, maxBytes: request.maxBytes ?? ANSWER_BYTES_MAX,
    ...(place.socketPath === undefined ? {} : { socketPath: place.socketPath }),
    headers: { ...(request.body === undefined ? {} : { "content-type": "application/json" }), ...(request.authorization === undefined ? {} : { authorization: request.authorization }) },
    ...(request.body === undefined ? {} : { body: utf8Encode(typeof request.body === "string" ? request.body : JSON.stringify(request.body)) }),
  })
  try {
    return { status, document: parseJson("UPSTREAM_FAILED", place.name, utf8Decode(body)) }
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw new VouchsafeError("UPSTREAM_FAILED", `${place.name} answered ${status} with what is no JSON, expected a node`, { cause })
  }
}

/** What a refusal of a node says, for people and programs. */
export function refusalOf({ status, document }: NodeAnswer): { readonly code: string; readonly message: string; readonly hint?: string } {
  const { error } = (typeof document === "object" && document !== null ? document : {}) as { error?: { code?: unknown; message?: unknown; hint?: unknown } }
  return {
    code: typeof error?.code === "string" ? error.code : `HTTP_${status}`, message: typeof error?.message === "string" ? error.message : `answered ${status}`,
    ...(typeof error?.hint === "string" ? { hint: error.hint } : {}),
  }
}
