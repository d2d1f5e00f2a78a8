/** The middle value; of an even count the lower of the two. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new TypeError("no values")
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] as number
}
