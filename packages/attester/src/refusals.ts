/** Remembers refusals for a while, the newest of them, so that a bad tarball is not fetched again for everybody who asks. */
export interface Refusals<T> {
  get(key: string): T | undefined
  put(key: string, refusal: T): void
}

/** @see Refusals */
export function createRefusals<T>(options: { readonly nowMs: () => number, readonly countMax: number, readonly seconds: number }): Refusals<T> {
  const known = new Map<string, { readonly refusal: T, readonly untilMs: number }>()
  return {
    get(key) {
      const found = known.get(key)
      if (found === undefined) return undefined
      if (options.nowMs() < found.untilMs) return found.refusal
      known.delete(key)
      return undefined
    },
    put(key, refusal) {
      known.delete(key)
      known.set(key, { refusal, untilMs: options.nowMs() + options.seconds * 1000 })
      const [oldest] = known.keys()
      if (known.size > options.countMax && oldest !== undefined) known.delete(oldest)
    },
  }
}
