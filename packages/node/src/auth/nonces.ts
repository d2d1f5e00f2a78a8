import { NONCES_MAX } from "./limits.ts"

/** Nonces that were used, until they expire ([A7]). */
export interface Nonces {
  /** Uses one up, or says why it cannot be used. */
  use(name: string, expires: number, now: number): "fresh" | "seen" | "full"
  readonly size: number
}

/** @param max - no more are remembered; none is forgotten before its time to make room */
export function createNonces(max = NONCES_MAX): Nonces {
  const expiryOf = new Map<string, number>()
  return {
    use(name, expires, now) {
      for (const [known, end] of expiryOf) if (end < now) expiryOf.delete(known)
      if (expiryOf.has(name)) return "seen"
      if (expiryOf.size >= max) return "full"
      expiryOf.set(name, expires)
      return "fresh"
    },
    get size() {
      return expiryOf.size
    },
  }
}
