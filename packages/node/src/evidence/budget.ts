/**
 * How many new observations an address may cause (THREATS, row "resource exhaustion"): token buckets, one an address and one
 * for all together.
 *
 * @packageDocumentation
 */
import type { Clock } from "@vouchsafe/ports"
import { isIPv6 } from "node:net"
import { ADDRESSES_REMEMBERED_MAX } from "../limits.ts"

/** A bucket's size, and how fast it fills again. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

/** Gives leave for one more observation at a time. */
export interface Budget {
  /** Takes one from both buckets, or says which one is empty. */
  take(from: string): "granted" | "address" | "global"
}

/** A budget that says what is left of it. */
export interface CountedBudget extends Budget {
  /** What all together may still take now, and how many callers are remembered. */
  left(): { readonly global: number; readonly callers: number }
}

interface Bucket {
  tokens: number
  atMs: number
}

/** The admin socket's clients are the node's own user: only the common bucket limits them. */
export const ADMIN = "admin"

/** @see CountedBudget */
export function createBudget(clock: Clock, perAddress: Rate, global: Rate): CountedBudget {
  // A Map: its keys come from outside. Insertion order doubles as order of use.
  const buckets = new Map<string, Bucket>()
  const common: Bucket = { tokens: global.burst, atMs: clock.nowMs() }

  const bucketOf = (key: string): Bucket => {
    const known = buckets.get(key)
    const bucket = known ?? { tokens: perAddress.burst, atMs: clock.nowMs() }
    buckets.delete(key)
    buckets.set(key, bucket)
    if (buckets.size > ADDRESSES_REMEMBERED_MAX) buckets.delete(buckets.keys().next().value as string)
    return bucket
  }

  return {
    left() {
      refill(common, global, clock.nowMs())
      return { global: Math.floor(common.tokens), callers: buckets.size }
    },
    take(from) {
      const now = clock.nowMs()
      refill(common, global, now)
      if (common.tokens < 1) return "global"
      if (from !== ADMIN) {
        const bucket = bucketOf(networkOf(from))
        refill(bucket, perAddress, now)
        if (bucket.tokens < 1) return "address"
        bucket.tokens -= 1
      }
      common.tokens -= 1
      return "granted"
    },
  }
}

function refill(bucket: Bucket, rate: Rate, nowMs: number): void {
  // A clock that was set back must not take tokens away, nor give any.
  const seconds = Math.max(0, nowMs - bucket.atMs) / 1000
  bucket.tokens = Math.min(rate.burst, bucket.tokens + seconds * rate.perSecond)
  bucket.atMs = nowMs
}

/** An IPv6 client holds a whole /64, so its addresses share one budget. */
export function networkOf(address: string): string {
  const plain = address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address
  if (!isIPv6(plain)) return plain
  const [head = "", tail] = plain.split("%", 1)[0]?.split("::") ?? []
  const left = head === "" ? [] : head.split(":")
  const right = tail === undefined || tail === "" ? [] : tail.split(":")
  const zeros = tail === undefined ? [] : new Array<string>(Math.max(0, 8 - left.length - right.length)).fill("0")
  return `${[...left, ...zeros, ...right].slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`
}
