/** A map that forgets what was used longest ago once its values weigh more than `weightMax`. */
export interface LruCache<V> {
  get(key: string): V | undefined
  /** Values heavier than the whole cache are not kept. */
  set(key: string, value: V): void
  delete(key: string): void
  weight(): number
}

/** @param weigh - called at each `set` and again at each `get`, since values may grow by use */
export function createLru<V>(weightMax: number, weigh: (value: V) => number): LruCache<V> {
  const held = new Map<string, { value: V; weight: number }>()
  let total = 0
  const remove = (key: string): void => {
    const found = held.get(key)
    if (!found) return
    total -= found.weight
    held.delete(key)
  }
  const insert = (key: string, value: V): void => {
    const weight = weigh(value)
    if (weight > weightMax) return
    held.set(key, { value, weight })
    total += weight
    for (const oldest of held.keys()) {
      if (total <= weightMax) break
      remove(oldest)
    }
  }
  return {
    get(key) {
      const found = held.get(key)
      if (!found) return undefined
      remove(key)
      insert(key, found.value)
      return found.value
    },
    set(key, value) { remove(key); insert(key, value) },
    delete: remove,
    weight: () => total,
  }
}
