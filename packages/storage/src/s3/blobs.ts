import { createHash } from "node:crypto"
import { type Bytes, HEX_SHA256, VouchsafeError } from "@vouchsafe/core"
import type { BlobStore } from "@vouchsafe/ports"
import { BLOB_BYTES_MAX } from "../limits.ts"
import { createObjectsClient, type ObjectsClientOptions } from "./client.ts"
import { createObjects } from "./objects.ts"

const FOLDER = "blobs/"

/** Documents by their SHA-256 as objects. A document that is not what its name says is reported, never answered. */
export function createS3BlobStore(options: ObjectsClientOptions): BlobStore {
  const objects = createObjects(createObjectsClient(options), options.address.conditional)
  const keyOf = (sha256: string): string => {
    if (!HEX_SHA256.test(sha256)) throw new TypeError("a blob is named by 64 lower-case hex digits")
    return `${options.address.prefix}${FOLDER}${sha256.slice(0, 2)}/${sha256}`
  }
  const expectDigest = (sha256: string, bytes: Bytes): Bytes => {
    if (createHash("sha256").update(bytes).digest("hex") === sha256) return bytes
    throw new VouchsafeError("DISK", `blob ${sha256} holds ${bytes.length} bytes with another digest`, { details: { sha256 } })
  }
  return {
    async put(sha256, bytes) {
      const key = keyOf(sha256)
      if (bytes.length > BLOB_BYTES_MAX) throw new RangeError(`a blob has ${bytes.length} bytes, expected at most ${BLOB_BYTES_MAX}`)
      await objects.putOnce(key, expectDigest(sha256, bytes), BLOB_BYTES_MAX)
    },
    async get(sha256) {
      const bytes = await objects.get(keyOf(sha256), BLOB_BYTES_MAX)
      return bytes === undefined ? undefined : expectDigest(sha256, bytes)
    },
  }
}
