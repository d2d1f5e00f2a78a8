/** Several at once, on a machine with two cores: an install waits for disks and nodes as often as it computes. */
const AT_ONCE = 3

/** Works through all items, a few at once, in their order. Rejects with the first error, once all that began have ended. */
export async function inTurns<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const i = next++
      results[i] = await work(items[i] as T)
    }
  }
  const ended = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker))
  const failed = ended.find((one) => one.status === "rejected")
  if (failed !== undefined) throw failed.reason
  return results
}
