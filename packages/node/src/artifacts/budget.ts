/**
 * How many bytes an address may have, and all of them together: buckets, so that nobody can make a node its mirror for nothing
 * (THREATS, row "resource exhaustion").
 *
 * @packageDocumentation
 */
import { type Bandwidth, createBandwidth } from "@vouchsafe/artifacts"
import type { Clock, Timers } from "@vouchsafe/ports"
import { ADMIN, networkOf } from "../evidence/budget.ts"
import { ADDRESSES_REMEMBERED_MAX } from "../limits.ts"
import { BANDWIDTH_BURST_SECONDS, BYTES_PER_ADDRESS, REQUEST_COST_BYTES } from "./limits.ts"

/** Gives leave for bytes, or says in how many ms to ask again. */
export interface ByteBudget {
  take(from: string, bytes: number): number
}

/** @see ByteBudget The admin socket's client is the node's own user and is not limited. */
export function createByteBudget(bytesPerSecond: number, clock: Clock, timers: Timers): ByteBudget {
  const common = createBandwidth({ bytesPerSecond, burst: bytesPerSecond * BANDWIDTH_BURST_SECONDS, clock, timers })
  // Insertion order doubles as order of use.
  const byAddress = new Map<string, Bandwidth>()
  return {
    take(from, bytes) {
      if (from === ADMIN) return 0
      const key = networkOf(from)
      const own = byAddress.get(key) ?? createBandwidth({ bytesPerSecond: BYTES_PER_ADDRESS.perSecond, burst: BYTES_PER_ADDRESS.burst, clock, timers })
      byAddress.delete(key)
      byAddress.set(key, own)
      if (byAddress.size > ADDRESSES_REMEMBERED_MAX) byAddress.delete(byAddress.keys().next().value as string)
      const cost = bytes + REQUEST_COST_BYTES
      // The address first: one that is over its share must not use up everybody's.
      return own.tryTake(cost) || common.tryTake(cost)
    },
  }
}
