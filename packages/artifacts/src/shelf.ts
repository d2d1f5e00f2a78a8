/** Who may have an artifact: everybody, or only the node's own user (spec/artifacts.md, [R5]). */
export type Audience = "everybody" | "owner"

/** One artifact that is held. */
export interface Entry {
  readonly size: number
  readonly audience: Audience
  /** When its last use was noted on disk, in POSIX ms. */
  touchedMs: number
}

/** What is held, in memory: sizes, order of use, what is pinned. The files say the same. */
export interface Shelf {
  readonly quotaBytes: number
  /** What the owner may have includes what everybody may. */
  find(sha512: string, audience: Audience): Entry | undefined
  add(sha512: string, entry: Entry): void
  /** Moves it to the end of what is evicted. */
  use(sha512: string): void
  remove(sha512: string): Entry | undefined
  /** Not evicted from now on, also if it comes later. */
  pin(sha512: string): void
  unpin(sha512: string): void
  /** Counts further bytes and names what has to go for them; undefined, and nothing counted, where there is no room. */
  reserve(bytes: number): string[] | undefined
  release(bytes: number): void
  /** What has to go for the quota to hold as it is. */
  surplus(): string[]
  countDamage(): void
  counts(): { readonly bytes: number; readonly count: number; readonly pinnedBytes: number; readonly evictions: number; readonly damaged: number }
}

/** @see Shelf */
export function createShelf(quotaBytes: number): Shelf {
  // Maps: order of insertion is order of use.
  const free = new Map<string, Entry>()
  const kept = new Map<string, Entry>()
  const pinned = new Set<string>()
  let bytes = 0
  let pinnedBytes = 0
  let reserved = 0
  let evictions = 0
  let damaged = 0
  const at = (sha512: string): Entry | undefined => free.get(sha512) ?? kept.get(sha512)
  const surplus = (more: number): string[] => {
    let over = bytes + reserved + more - quotaBytes
    const victims: string[] = []
    for (const [sha512, { size }] of free) {
      if (over <= 0) break
      victims.push(sha512)
      over -= size
    }
    evictions += victims.length
    return victims
  }
  return {
    quotaBytes,
    find(sha512, audience) {
      const entry = at(sha512)
      return entry === undefined || (audience === "everybody" && entry.audience !== "everybody") ? undefined : entry
    },
    add(sha512, entry) {
      bytes += entry.size
      if (pinned.has(sha512)) pinnedBytes += entry.size
      ;(pinned.has(sha512) ? kept : free).set(sha512, entry)
    },
    use(sha512) {
      const entry = free.get(sha512)
      if (entry === undefined) return
      free.delete(sha512)
      free.set(sha512, entry)
    },
    remove(sha512) {
      const entry = at(sha512)
      if (entry === undefined) return undefined
      bytes -= entry.size
      if (kept.delete(sha512)) pinnedBytes -= entry.size
      free.delete(sha512)
      return entry
    },
    pin(sha512) {
      pinned.add(sha512)
      const entry = free.get(sha512)
      if (entry === undefined) return
      free.delete(sha512)
      kept.set(sha512, entry)
      pinnedBytes += entry.size
    },
    unpin(sha512) {
      pinned.delete(sha512)
      const entry = kept.get(sha512)
      if (entry === undefined) return
      kept.delete(sha512)
      free.set(sha512, entry)
      pinnedBytes -= entry.size
    },
    reserve(more) {
      if (pinnedBytes + reserved + more > quotaBytes) return undefined
      const victims = surplus(more)
      reserved += more
      return victims
    },
    release(fewer) { reserved -= fewer },
    surplus: () => surplus(0),
    countDamage() { damaged += 1 },
    counts: () => ({ bytes, count: free.size + kept.size, pinnedBytes, evictions, damaged }),
  }
}
