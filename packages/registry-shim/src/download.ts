import { createHash } from "node:crypto"
import { VouchsafeError } from "@vouchsafe/core"
import { HOT_TARBALL_BYTES_MAX, TARBALL_BYTES_MAX } from "./limits.ts"
import type { Spool, TarballStore } from "./store.ts"
import type { Upstream } from "./upstream.ts"

/** A whole file on disk and its digest, or a status without bytes. The caller discards the spool. */
export type Downloaded =
  | { readonly kind: "file"; readonly spool: Spool; readonly sha512: string; readonly size: number; /** The same bytes, when they are few. */ readonly bytes: Buffer | undefined }
  | { readonly kind: "status"; readonly status: number }

/**
 * Fetches a tarball into a spool file and hashes it; nobody sees a byte before that is done (THREATS, poisoned caches).
 * @throws VouchsafeError UNREACHABLE, TIMEOUT, UPSTREAM_FAILED, TARBALL_TOO_LARGE, DISK
 */
export async function download(upstream: Upstream, store: TarballStore, url: string, registry: string): Promise<Downloaded> {
  // a content encoding would be one more parser between the registry's bytes and ours
  const response = await upstream.get({ url, registry, headers: { accept: "application/octet-stream, */*", "accept-encoding": "identity" } })
  const host = new URL(response.url).host
  const encoding = response.headers["content-encoding"]
  if (response.status !== 200 || (encoding !== undefined && encoding !== "identity")) {
    response.body.destroy()
    if (response.status === 200) throw new VouchsafeError("UPSTREAM_FAILED", `${host} sent a tarball in the encoding ${JSON.stringify(encoding).slice(0, 40)}, expected none`)
    return { kind: "status", status: response.status >= 400 ? response.status : 502 }
  }
  const spool = await store.spool()
  try {
    const hash = createHash("sha512")
    const small: Buffer[] = []
    let size = 0
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > TARBALL_BYTES_MAX) throw new VouchsafeError("TARBALL_TOO_LARGE", `tarball from ${host} is over ${TARBALL_BYTES_MAX} bytes`)
      hash.update(chunk)
      if (size <= HOT_TARBALL_BYTES_MAX) small.push(chunk)
      else small.length = 0
      await spool.append(chunk)
    }
    if (!response.body.complete) throw new VouchsafeError("UPSTREAM_FAILED", `${host} cut the connection after ${size} bytes`)
    return { kind: "file", spool, sha512: hash.digest("hex"), size, bytes: size <= HOT_TARBALL_BYTES_MAX ? Buffer.concat(small) : undefined }
  } catch (cause) {
    response.body.destroy()
    await spool.discard()
    if (cause instanceof VouchsafeError) throw cause
    throw new VouchsafeError("UPSTREAM_FAILED", `tarball from ${host} broke off: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}
