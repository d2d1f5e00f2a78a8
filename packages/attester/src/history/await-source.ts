import { type History, VouchsafeError } from "@vouchsafe/core"
import { SOURCE_GRACE_SECONDS } from "../limits.ts"

/**
 * Puts an observation off whose version was published just now without the source that earlier ones had. Times in Unix seconds.
 * @param publishedAt - as claimed; without a claim there is nothing to wait for
 * @throws VouchsafeError SOURCE_PENDING.
 */
export function awaitSource({ previous, source }: History, publishedAt: number | null, observedAt: number): void {
  if (source !== "absent" || previous?.source !== "found" || publishedAt === null) return
  const leftSeconds = publishedAt + SOURCE_GRACE_SECONDS - observedAt
  if (leftSeconds <= 0) return
  throw new VouchsafeError("SOURCE_PENDING", `it was just published and its repository has no tag or commit of it yet, as earlier versions had; it is looked at again in ${Math.ceil(leftSeconds / 60)} min`)
}
