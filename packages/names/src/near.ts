/**
 * Finds the keys of a list that are one slip away from another: by hashes of every key with one letter left out.
 *
 * @packageDocumentation
 */

/** In which way a text differs from another. */
export type Slip = "addition" | "omission" | "replacement" | "transposition" | "shuffle"

/** The keys near a text. Built once, asked often. */
export interface NearIndex {
  /** Calls back with each key one slip away, maybe more than once. */
  near(text: string, found: (id: number) => void): void
}

// Odd, so that powers never vanish; which one matters little, every find is compared letter by letter.
const BASE = 0x01000193
const MIX = 0x9e3779b1 | 0
const FILTER_BITS = 18
/** Letters whose order a slip of the hand may change. */
const WINDOW = 3

/**
 * Builds the index. Hashes are polynomials, so that leaving one letter out costs one multiplication and not a new text.
 *
 * @param keys - each at most `lengthMax` long; a find is its position among them
 */
export function nearIndex(keys: readonly string[], lengthMax: number): NearIndex {
  let entries = 0
  for (const key of keys) entries += key.length + 1
  const bits = Math.max(4, 32 - Math.clz32(entries))
  const heads = new Int32Array(1 << bits)
  const nexts = new Int32Array(entries + 1)
  const hashes = new Int32Array(entries + 1)
  const owners = new Uint32Array(entries + 1)
  const slot = (hash: number): number => Math.imul(hash ^ (hash >>> 15), MIX) >>> (32 - bits)
  let used = 0
  const put = (hash: number, id: number): void => {
    const at = slot(hash)
    used++
    hashes[used] = hash
    owners[used] = id
    nexts[used] = heads[at] as number
    heads[at] = used
  }
  // Most shuffles of a text are nobody's key: a few thousand bits say so before the table is asked, which is too large for a cache.
  const whole = new Int32Array(1 << FILTER_BITS - 5)
  const bitOf = (hash: number): number => Math.imul(hash, MIX) >>> (32 - FILTER_BITS)
  const powers = powersUpTo(lengthMax + 1)
  const tails = new Int32Array(lengthMax + 2)
  for (let id = 0; id < keys.length; id++) {
    eachDeletion(keys[id] as string, powers, tails, (hash) => put(hash, id))
    const bit = bitOf(tails[0] as number)
    whole[bit >>> 5] = (whole[bit >>> 5] as number) | 1 << (bit & 31)
  }

  return {
    near(text, found) {
      if (text.length > lengthMax || text.length === 0) return
      const look = (hash: number): void => {
        for (let at = heads[slot(hash)] as number; at !== 0; at = nexts[at] as number) {
          if (hashes[at] === hash) found(owners[at] as number)
        }
      }
      eachDeletion(text, powers, tails, look)
      eachShuffle(text, powers, tails, (hash) => {
        const bit = bitOf(hash)
        if ((whole[bit >>> 5] as number) >>> (bit & 31) & 1) look(hash)
      })
    },
  }
}

/** Calls back with the hash of the text, and with that of each text with one letter less. Fills `tails` with the hashes of the text's ends. */
function eachDeletion(text: string, powers: Int32Array, tails: Int32Array, visit: (hash: number) => void): void {
  const { length } = text
  tails[length] = 0
  for (let i = length - 1; i >= 0; i--) tails[i] = (tails[i + 1] as number) + Math.imul(text.charCodeAt(i) + 1, powers[length - 1 - i] as number) | 0
  const whole = tails[0] as number
  visit(whole)
  let start = 0
  for (let i = 0; i < length; i++) {
    const letter = text.charCodeAt(i) + 1
    // Of a run of equal letters any one left out gives the same text.
    if (i === 0 || text.charCodeAt(i - 1) + 1 !== letter) visit(Math.imul(start, powers[length - 1 - i] as number) + (tails[i + 1] as number) | 0)
    start = Math.imul(start, BASE) + letter | 0
  }
}

/** Calls back with the hash of each text in which two neighbours, or three letters, stand in another order. */
function eachShuffle(text: string, powers: Int32Array, tails: Int32Array, visit: (hash: number) => void): void {
  const { length } = text
  const whole = tails[0] as number
  for (let i = 0; i + 1 < length; i++) {
    const [a, b] = [text.charCodeAt(i), text.charCodeAt(i + 1)]
    const [p, q] = [powers[length - 1 - i] as number, powers[length - 2 - i] as number]
    if (a !== b) visit(whole + Math.imul(b - a, p) + Math.imul(a - b, q) | 0)
    if (i + WINDOW > length) continue
    const c = text.charCodeAt(i + 2)
    const r = powers[length - 3 - i] as number
    visit(whole + Math.imul(b - a, p) + Math.imul(c - b, q) + Math.imul(a - c, r) | 0)
    visit(whole + Math.imul(c - a, p) + Math.imul(a - b, q) + Math.imul(b - c, r) | 0)
    visit(whole + Math.imul(c - a, p) + Math.imul(a - c, r) | 0)
  }
}

function powersUpTo(count: number): Int32Array {
  const powers = new Int32Array(count + 1)
  powers[0] = 1
  for (let i = 1; i <= count; i++) powers[i] = Math.imul(powers[i - 1] as number, BASE)
  return powers
}

/** A slip, and where it is. */
export interface SlipFound {
  readonly slip: Slip
  /** First letter of the text that differs. */
  readonly at: number
  /** What stands there, and what stands there in the other. */
  readonly has: string
  readonly wants: string
}

/** The one slip that makes `text` of `key`; null where it takes more, or none. */
export function slipBetween(text: string, key: string): SlipFound | null {
  if (Math.abs(text.length - key.length) > 1) return null
  const shorter = Math.min(text.length, key.length)
  let at = 0
  while (at < shorter && text.charCodeAt(at) === key.charCodeAt(at)) at++
  let end = 0
  while (end < shorter - at && text.charCodeAt(text.length - 1 - end) === key.charCodeAt(key.length - 1 - end)) end++
  const has = text.slice(at, text.length - end)
  const wants = key.slice(at, key.length - end)
  const slip = slipOf(has, wants)
  return slip === null ? null : { slip, at, has, wants }
}

function slipOf(has: string, wants: string): Slip | null {
  if (has.length === 1 && wants.length === 1) return "replacement"
  if (has.length === 1 && wants.length === 0) return "addition"
  if (has.length === 0 && wants.length === 1) return "omission"
  if (has.length !== wants.length || has.length > WINDOW || has.length === 0) return null
  if ([...has].sort().join("") !== [...wants].sort().join("")) return null
  return has.length === 2 ? "transposition" : "shuffle"
}
