import type { Place } from "./network.ts"

/** A place whose log lines can be waited for. */
export function watched(at: Place): { readonly place: Place; seen(...words: string[]): Promise<void>; has(...words: string[]): boolean } {
  const lines: string[] = []
  const waiting: { words: readonly string[]; resolve: () => void }[] = []
  const has = (...words: string[]): boolean => lines.some((line) => words.every((word) => line.includes(word)))
  const writeLog = (line: string): void => {
    lines.push(line)
    for (const one of waiting) if (one.words.every((word) => line.includes(word))) one.resolve()
  }
  return {
    place: { ...at, config: { ...at.config, logLevel: "debug" }, world: { ...at.world, writeLog } },
    has,
    seen: (...words) => new Promise((resolve) => {
      if (has(...words)) resolve()
      else waiting.push({ words, resolve })
    }),
  }
}
