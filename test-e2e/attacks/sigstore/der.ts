/**
 * The little of DER that a certificate needs.
 *
 * @packageDocumentation
 */

const LONG_FORM = 0x80
const HIGH_BIT = 0x80
const BASE = 128

/** Tag, length, value. */
export function tlv(tag: number, ...values: readonly Uint8Array[]): Buffer {
  const value = Buffer.concat(values)
  if (value.length < LONG_FORM) return Buffer.concat([Buffer.from([tag, value.length]), value])
  const length: number[] = []
  for (let left = value.length; left > 0; left = Math.floor(left / 256)) length.unshift(left % 256)
  return Buffer.concat([Buffer.from([tag, LONG_FORM + length.length, ...length]), value])
}

export const sequence = (...values: readonly Uint8Array[]): Buffer => tlv(0x30, ...values)
export const set = (...values: readonly Uint8Array[]): Buffer => tlv(0x31, ...values)
export const octets = (value: Uint8Array): Buffer => tlv(0x04, value)
export const utf8 = (text: string): Buffer => tlv(0x0c, Buffer.from(text))
export const yes: Buffer = tlv(0x01, Buffer.from([0xff]))
/** A bit string of whole bytes, or one whose last bits are unused. */
export const bits = (value: Uint8Array, unused = 0): Buffer => tlv(0x03, Buffer.from([unused]), value)
/** `[n]`, constructed. */
export const explicit = (n: number, value: Uint8Array): Buffer => tlv(0xa0 + n, value)
/** `[n]`, primitive: the value under another tag. */
export const implicit = (n: number, value: Uint8Array): Buffer => tlv(0x80 + n, value)

/** A non-negative integer, from its bytes. */
export function integer(bytes: Uint8Array): Buffer {
  const first = bytes[0] ?? 0
  return tlv(0x02, ...(first >= HIGH_BIT ? [Buffer.from([0])] : []), bytes)
}

/** An object identifier from its dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number)
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const out = [arc % BASE]
    for (let left = Math.floor(arc / BASE); left > 0; left = Math.floor(left / BASE)) out.unshift(HIGH_BIT + (left % BASE))
    return out
  })
  return tlv(0x06, Buffer.from(bytes))
}

/** Seconds of Unix time as GeneralizedTime. */
export function time(seconds: number): Buffer {
  const text = new Date(seconds * 1000).toISOString().replace(/\.\d+/, "").replace(/[-:T]/g, "")
  return tlv(0x18, Buffer.from(text))
}
