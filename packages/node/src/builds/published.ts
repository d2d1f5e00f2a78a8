/**
 * The published tarball, fetched anew for a build, and only if it is the one that this node observed.
 *
 * @packageDocumentation
 */
import { npmNameOf, VouchsafeError } from "@vouchsafe/core"
import type { RegistrySource } from "@vouchsafe/ports"
import { createHash } from "node:crypto"
import { open } from "node:fs/promises"
import { BUILD_TARBALL_BYTES_MAX } from "../limits.ts"

/**
 * Writes the tarball to `path` and gives the version's manifest as the registry has it.
 * @throws VouchsafeError NOT_FOUND, UPSTREAM_FAILED (also for bytes of another digest), TARBALL_TOO_LARGE, PACKUMENT_MALFORMED, and what the source throws.
 */
export async function fetchPublished(
  source: RegistrySource, artifact: { readonly purl: string; readonly registry: string; readonly sha512: string }, path: string, signal: AbortSignal,
): Promise<{ readonly manifest: unknown }> {
  const { name, version } = npmNameOf(artifact.purl)
  const { registry } = artifact
  const found = await source.packumentVersion({ name, version, registry, signal })
  if (found === undefined) throw new VouchsafeError("NOT_FOUND", "the registry has this version no more, and there is nothing to compare with")
  const url = tarballUrlOf(found.manifest)
  const download = await source.tarball({ url, registry, signal })
  const hash = createHash("sha512")
  let size = 0
  const file = await open(path, "wx", 0o600)
  try {
    for await (const chunk of download.chunks) {
      size += chunk.length
      if (size > BUILD_TARBALL_BYTES_MAX) throw new VouchsafeError("TARBALL_TOO_LARGE", `the published tarball has more than ${BUILD_TARBALL_BYTES_MAX} bytes`)
      hash.update(chunk)
      await file.write(chunk)
    }
  } finally {
    await file.close()
  }
  const sha512 = hash.digest("hex")
  if (sha512 !== artifact.sha512) {
    throw new VouchsafeError("UPSTREAM_FAILED", `the registry served bytes with sha512 ${sha512}, expected ${artifact.sha512} as this node observed`, { hint: "ask the node to look again: POST /v1/recheck on its admin socket" })
  }
  return { manifest: found.manifest }
}

function tarballUrlOf(manifest: unknown): string {
  const { dist } = (typeof manifest === "object" && manifest !== null ? manifest : {}) as { dist?: { tarball?: unknown } | null }
  const url = typeof dist === "object" && dist !== null ? dist.tarball : undefined
  if (typeof url === "string") return url
  throw new VouchsafeError("PACKUMENT_MALFORMED", "packument: dist.tarball is no text, expected a URL")
}
