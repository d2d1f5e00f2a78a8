import type { IncomingMessage } from "node:http"
import type { PackumentDoc, Store } from "./store.ts"

const BODY_BYTES_MAX = 64 * 1024 * 1024
const OK = { status: 201, body: { ok: true, success: true } }
const NOT_FOUND = { status: 404, body: { error: "not found" } }

export interface JsonAnswer { readonly status: number; readonly body: unknown }

/** Reads a whole request body. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes > BODY_BYTES_MAX) throw new RangeError(`request body is over ${BODY_BYTES_MAX} bytes`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

/** PUT and DELETE of a package document: publish, deprecate and unpublish as npm sends them. */
export function writePackage(store: Store, method: string, name: string, rest: string, body: Buffer): JsonAnswer {
  if (method === "DELETE") {
    // `/<pkg>/-/<file>.tgz/-rev/<rev>` follows a PUT of the shortened document: the bytes are gone already
    if (/^\/-rev\/[^/]+$/.test(rest)) store.unpublish(name)
    return OK
  }
  const doc = JSON.parse(body.toString("utf8")) as PackumentDoc & { _attachments?: Record<string, { data: string }> }
  if (/^\/-rev\/[^/]+$/.test(rest)) {
    const held = store.packument(name, "/")
    if (!held) return NOT_FOUND
    for (const version of Object.keys(held.versions)) if (!(version in doc.versions)) store.unpublish(name, version)
    return OK
  }
  for (const [version, manifest] of Object.entries(doc.versions)) {
    const attachment = Object.entries(doc._attachments ?? {}).find(([file]) => file.endsWith(`-${version}.tgz`))?.[1]
    if (!attachment) continue
    if (store.built(name, version)) return { status: 403, body: { error: `cannot publish over the previously published version ${version}` } }
    const { name: _n, version: _v, dist: _d, _id, ...fields } = manifest
    const tags = Object.entries(doc["dist-tags"]).filter(([, target]) => target === version).map(([tag]) => tag)
    store.publish({ name, version, manifest: fields, tarball: Buffer.from(attachment.data, "base64"), tags })
  }
  return OK
}

/** `/-/package/<name>/dist-tags[/<tag>]`. */
export function distTags(store: Store, method: string, name: string, tag: string | undefined, body: Buffer): JsonAnswer {
  const tags = store.tags(name)
  if (!tags) return NOT_FOUND
  if (method === "GET") return { status: 200, body: tags }
  if (tag === undefined) return NOT_FOUND
  store.setTag(name, tag, method === "DELETE" ? undefined : JSON.parse(body.toString("utf8")) as string)
  return OK
}
