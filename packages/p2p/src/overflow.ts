import type { PeerFault } from "@vouchsafe/ports"
import { OVER_BUDGET_PER_FAULT } from "./limits.ts"

/** Peers whose excess is counted. They come and go: what is counted of those that went does not stay. */
const PEERS_MAX = 1_024

/** What goes beyond a peer's budget is nobody's fault one by one; much of it is. @returns counts one. */
export function createOverflow(report: (peer: string, fault: PeerFault) => void): (peer: string) => void {
  const counts = new Map<string, number>()
  return (peer) => {
    const count = (counts.get(peer) ?? 0) + 1
    if (count < OVER_BUDGET_PER_FAULT) {
      if (counts.size >= PEERS_MAX) counts.clear()
      counts.set(peer, count)
      return
    }
    counts.delete(peer)
    report(peer, "flooded")
  }
}
