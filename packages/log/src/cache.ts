/** Values kept in memory while they fit, least recently used first to go. */
export interface ByteCache<V> {
  /** The value of `key`, loaded when it is not there. Callers who ask during a load share it; a failed load is not kept. */
  get(key: string, load: () => Promise<V>): V | Promise<V>
  /** The value of `key` where it is kept; nothing is loaded. */
  peek(key: string): V | undefined
}

/**
 * Makes a cache of at most `bytesMax` bytes.
 *
 * @param bytesOf - what a value costs
 */
export function createByteCache<V>(bytesMax: number, bytesOf: (value: V) => number): ByteCache<V> {
  const kept = new Map<string, V>()
  const loading = new Map<string, Promise<V>>()
  let bytes = 0

  const keep = (key: string, value: V): void => {
    const cost = bytesOf(value)
    // One value that fits in no case must not drive out all that do.
    if (cost > bytesMax) return
    kept.set(key, value)
    bytes += cost
    // A Map iterates in order of insertion, and every use inserts anew: the first key is the one unused for longest.
    for (const [oldest, dropped] of kept) {
      if (bytes <= bytesMax) break
      kept.delete(oldest)
      bytes -= bytesOf(dropped)
    }
  }

  return {
    peek: (key) => kept.get(key),
    get(key, load) {
      const known = kept.get(key)
      if (known !== undefined) {
        kept.delete(key)
        kept.set(key, known)
        return known
      }
      const running = loading.get(key)
      if (running !== undefined) return running
      const started = load().then((value) => {
        keep(key, value)
        return value
      }).finally(() => loading.delete(key))
      loading.set(key, started)
      return started
    },
  }
}
