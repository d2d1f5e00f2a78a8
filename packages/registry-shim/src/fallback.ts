/**
 * A tarball that the registry did not give: which digest may be fetched instead, and from whom.
 *
 * @packageDocumentation
 */
import { type ArtifactName, displayName, isVouchsafeError, type VouchsafeError } from "@vouchsafe/core"
import type { Asker } from "./batch.ts"
import { printable } from "./denials.ts"
import type { FromNodes, Nodes } from "./nodes.ts"
import type { ShimEvent } from "./types.ts"

/** What fetching elsewhere came to. `tried` is for people: why nobody gave it. */
export type Elsewhere = { readonly got: FromNodes } | { readonly tried: string }

export interface FallbackOptions {
  readonly nodes: Nodes
  readonly asker: Asker
  readonly emit: (event: ShimEvent) => void
}

/** Failures of a registry that are no answer. */
const NO_ANSWER: ReadonlySet<string> = new Set(["UNREACHABLE", "TIMEOUT"])
const FAILED: ReadonlySet<string> = new Set([...NO_ANSWER, "UPSTREAM_FAILED"])

/** Statuses under which a registry has lost what it had, or its footing. What it refuses to this person, such as 401 and 403, stays refused. */
export function isLost(status: number): boolean {
  return status === 404 || status === 410 || status === 451 || status >= 500
}

/** Whether a registry failed, rather than this machine. */
export function isFailureOfRegistry(error: unknown): error is VouchsafeError {
  return isVouchsafeError(error) && FAILED.has(error.code)
}

export interface Fallback {
  isDown(registry: string): boolean
  /** Notes that a registry did not answer. */
  note(registry: string, error: VouchsafeError): void
  /**
   * Fetches by a digest that the network allows: the one that is known, else the one that most operators observed. Rejects with DISK.
   *
   * @param why - what the registry did, for people
   */
  fetch(artifact: ArtifactName, known: string | undefined, why: string): Promise<Elsewhere>
}

/** @see Fallback */
export function createFallback({ nodes, asker, emit }: FallbackOptions): Fallback {
  /** The first of the digests that a verdict allows, and allows by this very digest. */
  const allowed = async (artifact: ArtifactName, known: string | undefined): Promise<{ readonly sha512: string } | { readonly why: string }> => {
    let why = "no operator's statement names its bytes"
    const seen = new Set<string>()
    for (const find of [() => Promise.resolve(known), () => nodes.observed(artifact)]) {
      const sha512 = await find()
      if (sha512 === undefined || seen.has(sha512)) continue
      seen.add(sha512)
      const verdict = await asker.ask({ ...artifact, sha512 })
      if (verdict.ok && verdict.sha512 === sha512) return { sha512 }
      why = verdict.ok ? "it was allowed without a digest" : `no digest of it is vouched for (${verdict.code})`
    }
    return { why }
  }
  return {
    isDown: (registry) => nodes.isDown(registry),
    note(registry, error) {
      if (!NO_ANSWER.has(error.code) || !nodes.markDown(registry)) return
      emit({ event: "warning", code: "REGISTRY_DOWN", message: printable(`${new URL(registry).host} does not answer (${error.code}): for a while tarballs come from nodes, by the digests that are vouched for`) })
    },
    async fetch({ purl, registry }, known, why) {
      if (!nodes.covers(registry)) return { tried: "the roster does not list this registry, so nobody is asked" }
      const digest = await allowed({ purl, registry }, known)
      if ("why" in digest) return { tried: digest.why }
      try {
        const got = await nodes.fetch(digest.sha512)
        // An outage was told of once; that a registry lost or changed one package is told of each.
        if (!nodes.isDown(registry)) emit({ event: "warning", code: "FROM_NODES", purl, message: printable(`${displayName(purl)}: ${why}; the bytes that are vouched for came from ${got.from.join(", ")}`) })
        return { got }
      } catch (error) {
        if (!isVouchsafeError(error) || error.code === "DISK") throw error
        return { tried: error.message }
      }
    },
  }
}
