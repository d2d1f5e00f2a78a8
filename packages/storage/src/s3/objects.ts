/**
 * Write-once objects: the same path holds the same bytes for good. One kind is none: the newest checkpoint.
 *
 * @packageDocumentation
 */
import { createHash } from "node:crypto"
import { type Bytes, equalBytes, utf8Decode, utf8Encode, VouchsafeError } from "@vouchsafe/core"
import { LISTING_BYTES_MAX, LISTING_PAGES_MAX, OBJECT_PARALLEL_MAX } from "../limits.ts"
import type { ConditionalWrites } from "./address.ts"
import type { ObjectsClient } from "./client.ts"
import { parseListing } from "./listing.ts"

/** See {@link createObjects}. */
export interface Objects {
  /** Resolves when the bytes are durable. Storing the same bytes again succeeds. Rejects with LOG_BROKEN when the key holds other bytes. */
  putOnce(key: string, bytes: Bytes, bytesMax: number): Promise<void>
  /** undefined when there is no such object. Rejects with LOG_BROKEN when it is not what was stored. */
  get(key: string, bytesMax: number): Promise<Bytes | undefined>
  /** Keys that begin with `prefix`, ascending. */
  list(prefix: string): Promise<string[]>
  /** Stores text in place of what is there. Readers may see the former for `seconds`. */
  replace(key: string, text: string, seconds: number): Promise<void>
  /** Removes what may be there. */
  remove(key: string): Promise<void>
}

const DIGEST_HEADER = "x-amz-meta-sha256"
const sha256Hex = (bytes: Bytes): string => createHash("sha256").update(bytes).digest("hex")

/** Runs `work` over all, a bounded number at once; waits for what runs also when one fails, and then rejects with the first failure. */
export async function forEachBounded<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  let next = 0
  const failures: unknown[] = []
  const worker = async (): Promise<void> => {
    while (next < all.length && failures.length === 0) {
      const one = all[next++] as T
      try {
        await work(one)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(OBJECT_PARALLEL_MAX, all.length) }, worker))
  if (failures.length > 0) throw failures[0]
}

/** Objects below a bucket. */
export function createObjects(client: ObjectsClient, conditional: ConditionalWrites): Objects {
  const get: Objects["get"] = async (key, bytesMax) => {
    const { status, headers, body } = await client({ method: "GET", key, bytesMax, expected: [200, 404] })
    if (status === 404) return undefined
    const stored = headers.get(DIGEST_HEADER)
    if (stored !== null && stored !== sha256Hex(body)) throw new VouchsafeError("LOG_BROKEN", `object ${key} is not what was stored`, { details: { key } })
    return body
  }

  /** @returns whether it was stored now; false when something is there already */
  const put = async (key: string, bytes: Bytes): Promise<boolean> => {
    const { status } = await client({
      method: "PUT", key, body: bytes, bytesMax: LISTING_BYTES_MAX,
      headers: {
        "content-type": "application/octet-stream", "cache-control": "public, max-age=31536000, immutable", [DIGEST_HEADER]: sha256Hex(bytes),
        ...(conditional === "required" ? { "if-none-match": "*" } : {}),
      },
      expected: conditional === "required" ? [200, 412] : [200],
    })
    return status === 200
  }

  return {
    get,
    async putOnce(key, bytes, bytesMax) {
      // Also where a write that was made twice finds its own first attempt.
      const looksFirst = conditional === "emulated"
      const there = looksFirst ? await get(key, bytesMax) : undefined
      if (there === undefined && await put(key, bytes)) return
      const found = there ?? await get(key, bytesMax)
      if (found === undefined) throw new VouchsafeError("UPSTREAM_FAILED", `object ${key} was said to exist, and then not found`, { details: { key } })
      if (equalBytes(found, bytes)) return
      throw new VouchsafeError("LOG_BROKEN", `object ${key} already holds ${found.length} other bytes than the ${bytes.length} to store`, {
        details: { key },
        hint: "the log's database may be an older copy than its tiles; run `vouchsafe-node fsck`",
      })
    },
    async replace(key, text, seconds) {
      const bytes = utf8Encode(text)
      await client({
        method: "PUT", key, body: bytes, bytesMax: LISTING_BYTES_MAX, expected: [200],
        headers: { "content-type": "text/plain; charset=utf-8", "cache-control": `public, max-age=${seconds}`, [DIGEST_HEADER]: sha256Hex(bytes) },
      })
    },
    async remove(key) {
      await client({ method: "DELETE", key, bytesMax: LISTING_BYTES_MAX, expected: [200, 204, 404] })
    },
    async list(prefix) {
      const keys: string[] = []
      let token: string | undefined
      for (let page = 0; page < LISTING_PAGES_MAX; page++) {
        const query = { "list-type": "2", prefix, ...(token === undefined ? {} : { "continuation-token": token }) }
        const { body } = await client({ method: "GET", key: "", query, bytesMax: LISTING_BYTES_MAX, expected: [200] })
        const listing = parseListing(utf8Decode(body))
        keys.push(...listing.keys)
        token = listing.next
        if (token === undefined) return keys.sort()
      }
      throw new VouchsafeError("UPSTREAM_FAILED", `a listing has more than ${LISTING_PAGES_MAX} pages`)
    },
  }
}

/**
 * Makes sure that the store keeps what a key holds when asked to: a store that ignores the condition would overwrite.
 *
 * @param key - written once, stays
 * @throws VouchsafeError STATE_UNSAFE.
 */
export async function expectConditionalWrites(client: ObjectsClient, key: string): Promise<void> {
  const body = new TextEncoder().encode("this object tells whether conditional writes are honoured\n")
  for (let i = 1; i <= 2; i++) {
    const { status } = await client({ method: "PUT", key, body, headers: { "if-none-match": "*" }, bytesMax: LISTING_BYTES_MAX, expected: [200, 412] })
    if (i === 2 && status !== 412) {
      throw new VouchsafeError("STATE_UNSAFE", "the object storage overwrites although it was asked not to", {
        hint: "add conditional=emulated to its address: each write then looks first",
      })
    }
  }
}
