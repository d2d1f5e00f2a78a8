/**
 * The `Range` header (RFC 9110, 14.2), one range of bytes.
 *
 * @packageDocumentation
 */

/** What to send. */
export type RangeAnswer =
  | { readonly kind: "whole" }
  | { readonly kind: "part"; readonly start: number; readonly length: number }
  | { readonly kind: "unsatisfiable" }

const ONE = /^bytes=(?:([0-9]{1,15})-([0-9]{0,15})|-([0-9]{1,15}))$/

/** Reads the header for something of `size` bytes. Another unit is ignored, as the standard wants; several ranges, or what does not parse, is refused. */
export function readRange(header: string | undefined, size: number): RangeAnswer {
  if (header === undefined || !/^bytes\s*=/i.test(header)) return { kind: "whole" }
  const [match, from, to, last] = ONE.exec(header) ?? []
  if (match === undefined) return { kind: "unsatisfiable" }
  if (last !== undefined) {
    const length = Math.min(Number(last), size)
    return length === 0 ? { kind: "unsatisfiable" } : { kind: "part", start: size - length, length }
  }
  const start = Number(from)
  const end = to === undefined || to === "" ? size - 1 : Math.min(Number(to), size - 1)
  return start >= size || end < start ? { kind: "unsatisfiable" } : { kind: "part", start, length: end - start + 1 }
}
