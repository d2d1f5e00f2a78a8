/**
 * Commits and tags of git, read from their raw bytes.
 *
 * What a git program says about an object is its word; what an object is called is a fact. So an object is read only
 * together with the id it is meant to have, and the id is computed again from the bytes: no server and no clone can hand
 * out another commit under the name of the one that was asked for (THREATS A10).
 *
 * @packageDocumentation
 */
import { createHash } from "node:crypto"
import { type Bytes, shown } from "@vouchsafe/core"

/** Bytes of a commit or tag object; longer ones are not read. */
export const OBJECT_BYTES_MAX = 4 * 1024 * 1024
/** Headers of one object: a merge of very many parents has some hundred. */
const HEADERS_MAX = 10_000
/** The armor lines at which git looks for a signature in a tag. */
const SIGNATURE_BEGINS = ["-----BEGIN SSH SIGNATURE-----", "-----BEGIN PGP SIGNATURE-----", "-----BEGIN PGP MESSAGE-----", "-----BEGIN SIGNED MESSAGE-----"]

/** An object id: 40 hex digits (SHA-1 repositories) or 64 (SHA-256). */
export type ObjectId = string

/** Why bytes are not the object that was asked for. */
export class ObjectRefusal extends Error {
  override readonly name = "ObjectRefusal"
}

/** What commits and tags share. */
interface SignedObject {
  readonly id: ObjectId
  /** The bytes that a signature is over: the object without its signature. */
  readonly payload: Bytes
  /** The armored signature, whatever its kind; null: none. */
  readonly signature: string | null
  /** Seconds since 1970 that the committer or tagger wrote down; null: none, or none that parses. */
  readonly time: number | null
}

/** A commit. */
export interface CommitObject extends SignedObject {
  readonly type: "commit"
  readonly tree: ObjectId
  readonly parents: readonly ObjectId[]
}

/** An annotated tag. */
export interface TagObject extends SignedObject {
  readonly type: "tag"
  /** What it points at. */
  readonly object: ObjectId
  readonly objectType: "commit" | "tag" | "tree" | "blob"
  /** The name it gives itself, which need not be the ref it was found under. */
  readonly tag: string
}

/** Tells whether a text is an object id in lower case, and not the id of nothing. */
export function isObjectId(text: string): text is ObjectId {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text) && !/^0+$/.test(text)
}

/** The id of an object: SHA-1 or SHA-256 over its type, its length and its bytes. */
export function objectIdOf(type: "commit" | "tag" | "tree" | "blob", bytes: Bytes, idLength: number): ObjectId {
  return createHash(idLength === 64 ? "sha256" : "sha1").update(`${type} ${bytes.length}\0`).update(bytes).digest("hex")
}

/**
 * Reads a commit that is meant to be `id`.
 * @throws ObjectRefusal where the bytes have another id or are no commit.
 */
export function parseCommitObject(bytes: Bytes, id: ObjectId): CommitObject {
  checkId("commit", bytes, id)
  const { headers, bodyAt } = parseHeaders(bytes, id)
  const tree = idHeader(headers[0], "tree", id)
  let next = 1
  const parents: ObjectId[] = []
  while (headers[next]?.name === "parent") parents.push(idHeader(headers[next++], "parent", id))
  if (headers[next]?.name !== "author" || headers[next + 1]?.name !== "committer") {
    throw new ObjectRefusal(`commit ${id}: expected author and committer after tree and parents, found ${shown(headers[next]?.name ?? "nothing")}`)
  }
  const later = headers.slice(next + 2)
  const twice = later.find(({ name }) => ["tree", "parent", "author", "committer"].includes(name))
  if (twice !== undefined) throw new ObjectRefusal(`commit ${id}: the header ${twice.name} stands where only further headers may`)
  const { signature, payload } = cutSignatureHeader(bytes, headers, bodyAt, id)
  return { type: "commit", id, tree, parents, payload, signature, time: timeOf(headers[next + 1]?.value) }
}

/**
 * Reads an annotated tag that is meant to be `id`.
 * @throws ObjectRefusal where the bytes have another id or are no tag.
 */
export function parseTagObject(bytes: Bytes, id: ObjectId): TagObject {
  checkId("tag", bytes, id)
  const { headers, bodyAt } = parseHeaders(bytes, id)
  const object = idHeader(headers[0], "object", id)
  const objectType = headers[1]?.name === "type" ? headers[1].value : ""
  if (objectType !== "commit" && objectType !== "tag" && objectType !== "tree" && objectType !== "blob") {
    throw new ObjectRefusal(`tag ${id}: the second header is not the type of an object`)
  }
  if (headers[2]?.name !== "tag") throw new ObjectRefusal(`tag ${id}: the third header is not the tag's name`)
  const tagger = headers.slice(3).find(({ name }) => name === "tagger")
  const signatureAt = findTagSignature(bytes, bodyAt)
  const signature = signatureAt === undefined ? null : latin1(bytes.subarray(signatureAt))
  // A tag may carry a signature over its form in the other hash as a header; git leaves it out of what it verifies.
  const kept = headers.filter(({ name }) => !isSignatureHeader(name))
  const payload = join([...kept.map(({ from, to }) => bytes.subarray(from, to)), bytes.subarray(bodyAt, signatureAt)])
  return { type: "tag", id, object, objectType, tag: headers[2].value, payload, signature, time: timeOf(tagger?.value) }
}

interface Header {
  readonly name: string
  /** Continuation lines are joined with line feeds. */
  readonly value: string
  /** Where its lines stand in the object. */
  readonly from: number
  readonly to: number
}

function checkId(type: "commit" | "tag", bytes: Bytes, id: ObjectId): void {
  if (!isObjectId(id)) throw new ObjectRefusal(`${shown(id)} is no object id, expected 40 or 64 lower-case hex digits`)
  if (bytes.length > OBJECT_BYTES_MAX) throw new ObjectRefusal(`${type} ${id} has ${bytes.length} bytes, expected at most ${OBJECT_BYTES_MAX}`)
  const found = objectIdOf(type, bytes, id.length)
  if (found !== id) throw new ObjectRefusal(`what was handed out as ${type} ${id} is ${found}`)
}

const LINE_FEED = 0x0a
const BLANK = 0x20

function parseHeaders(bytes: Bytes, id: ObjectId): { headers: Header[]; bodyAt: number } {
  const headers: Header[] = []
  let at = 0
  while (at < bytes.length && bytes[at] !== LINE_FEED) {
    const from = at
    const lines: string[] = []
    do {
      const end = bytes.indexOf(LINE_FEED, at)
      if (end < 0) throw new ObjectRefusal(`object ${id}: a header has no end`)
      lines.push(latin1(bytes.subarray(at, end)))
      at = end + 1
    } while (bytes[at] === BLANK)
    const match = /^([^ ]+) ?([^]*)$/.exec(lines[0] ?? "")
    if (match === null) throw new ObjectRefusal(`object ${id}: a header has no name`)
    headers.push({ name: match[1] ?? "", value: [match[2] ?? "", ...lines.slice(1).map((line) => line.slice(1))].join("\n"), from, to: at })
    if (headers.length > HEADERS_MAX) throw new ObjectRefusal(`object ${id} has more than ${HEADERS_MAX} headers`)
  }
  return { headers, bodyAt: at }
}

function idHeader(header: Header | undefined, name: string, of: ObjectId): ObjectId {
  if (header?.name !== name || !isObjectId(header.value) || header.value.length !== of.length) {
    throw new ObjectRefusal(`object ${of}: expected a header ${name} with an id of ${of.length} digits, found ${shown(header === undefined ? "nothing" : `${header.name} ${header.value}`)}`)
  }
  return header.value
}

/** A repository's own signatures stand in `gpgsig` or, with SHA-256, in `gpgsig-sha256`; the other one is over another form of the object. */
function isSignatureHeader(name: string): boolean {
  return name === "gpgsig" || name === "gpgsig-sha256"
}

function cutSignatureHeader(bytes: Bytes, headers: readonly Header[], bodyAt: number, id: ObjectId): { signature: string | null; payload: Bytes } {
  const strange = headers.find(({ name }) => name.startsWith("gpgsig") && !isSignatureHeader(name))
  // git leaves every header that starts so out of what it verifies: anything could stand there.
  if (strange !== undefined) throw new ObjectRefusal(`commit ${id}: the header ${shown(strange.name)} is none that signatures have`)
  const own = headers.filter(({ name }) => name === (id.length === 64 ? "gpgsig-sha256" : "gpgsig"))
  if (own.length > 1) throw new ObjectRefusal(`commit ${id} has ${own.length} signatures, expected at most one`)
  const kept = headers.filter(({ name }) => !isSignatureHeader(name))
  const payload = join([...kept.map(({ from, to }) => bytes.subarray(from, to)), bytes.subarray(bodyAt)])
  return { signature: own[0] === undefined ? null : `${own[0].value}\n`, payload }
}

/** Where a tag's signature starts: the last line of the message that opens one, as git looks for it. */
function findTagSignature(bytes: Bytes, bodyAt: number): number | undefined {
  const text = latin1(bytes.subarray(bodyAt))
  const at = Math.max(...SIGNATURE_BEGINS.map((begin) => text.lastIndexOf(`\n${begin}`)))
  return at < 0 ? undefined : bodyAt + at + 1
}

function timeOf(person: string | undefined): number | null {
  const digits = />\s(\d{1,12})\s[+-]\d{4}$/.exec(person ?? "")?.[1]
  return digits === undefined ? null : Number(digits)
}

function latin1(bytes: Bytes): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1")
}

function join(parts: readonly Bytes[]): Bytes {
  return Buffer.concat(parts)
}
