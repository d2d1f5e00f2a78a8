/**
 * The lines of a lock that an attester derived itself, one bit a line, in one spelling (packages/spec/lock.md, "Bits").
 *
 * @packageDocumentation
 */
import { base64Decode, base64Encode } from "../../base64.ts"
import { unlessRefused } from "../../errors.ts"

/** Starts the spelling as bytes; the other is run lengths. */
const PACKED = "m:"
const RUNS = /^(?:0|[1-9][0-9]{0,6})(?:,[1-9][0-9]{0,6})*$/

/**
 * Writes bits as the lengths of runs, set ones first (`1300`: all of them), or packed in base64 where that is shorter.
 * The runs of most locks are few.
 */
export function formatBits(bits: readonly boolean[]): string {
  const lengths: number[] = []
  let isSet = true
  let length = 0
  for (const bit of bits) {
    if (bit === isSet) {
      length += 1
      continue
    }
    lengths.push(length)
    isSet = bit
    length = 1
  }
  lengths.push(length)
  const runs = lengths.join(",")
  const packedLength = PACKED.length + 4 * Math.ceil(Math.ceil(bits.length / 8) / 3)
  return packedLength < runs.length ? PACKED + base64Encode(pack(bits)) : runs
}

/** Reads `count` bits in the one spelling of {@link formatBits}; undefined for anything else. */
export function parseBits(text: string, count: number): readonly boolean[] | undefined {
  const bits = text.startsWith(PACKED) ? unpack(text.slice(PACKED.length), count) : RUNS.test(text) ? spread(text.split(",").map(Number), count) : undefined
  return bits !== undefined && formatBits(bits) === text ? bits : undefined
}

function spread(lengths: readonly number[], count: number): boolean[] | undefined {
  if (lengths.reduce((sum, length) => sum + length, 0) !== count) return undefined
  return lengths.flatMap((length, i) => new Array<boolean>(length).fill(i % 2 === 0))
}

/** The first line is the highest bit of the first byte. */
function pack(bits: readonly boolean[]): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(bits.length / 8))
  for (const [i, bit] of bits.entries()) if (bit) bytes[i >> 3] = (bytes[i >> 3] as number) | (0x80 >> (i & 7))
  return bytes
}

function unpack(text: string, count: number): boolean[] | undefined {
  const bytes = unlessRefused(() => base64Decode(text))
  if (bytes?.length !== Math.ceil(count / 8)) return undefined
  return Array.from({ length: count }, (_, i) => ((bytes[i >> 3] as number) & (0x80 >> (i & 7))) !== 0)
}
