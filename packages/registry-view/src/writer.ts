/** Collects bytes in chunks of a size that compresses well and costs no large copies. */
export interface Writer {
  text(text: string): void
  copy(bytes: Buffer, start: number, end: number): void
  /** What was written so far. The writer must not be used afterwards. */
  chunks(): Buffer[]
}

const CHUNK_BYTES = 128 * 1024

/** @param bytesGuess - about how much will be written: a small document takes no large chunk */
export function createWriter(bytesGuess: number): Writer {
  const full: Buffer[] = []
  let chunk = Buffer.allocUnsafeSlow(Math.max(1, Math.min(CHUNK_BYTES, bytesGuess)))
  let used = 0
  const copy = (bytes: Buffer, start: number, end: number): void => {
    for (let at = start; at < end;) {
      const taken = bytes.copy(chunk, used, at, end)
      at += taken
      used += taken
      if (used < chunk.length) continue
      full.push(chunk)
      chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
      used = 0
    }
  }
  return {
    copy,
    text(text) {
      const bytes = Buffer.from(text)
      copy(bytes, 0, bytes.length)
    },
    chunks: () => [...full, chunk.subarray(0, used)],
  }
}

/** Writes values between commas. */
export function separator(writer: Writer): () => void {
  let first = true
  return () => {
    if (!first) writer.text(",")
    first = false
  }
}
