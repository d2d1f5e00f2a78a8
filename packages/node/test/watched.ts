import type { Place } from "./network.ts"

/** A place whose log lines can be waited for. */
export function watched(at: Place): { readonly place: Place; seen(...words: string[]): Promise<void> } {
  const lines: string[] = []
  const waiting: { words: readonly string[]; resolve: () => void }[] = []
  const writeLog = (line: string): void => {
    lines.push(line)
    for (const one of waiting) if (one.words.every((word) => line.includes(word))) one.resolve()
  }
  return {
    place: { ...at, config: { ...at.config, logLevel: "debug" }, world: { ...at.world, writeLog } },
    seen: (...words) => new Promise((resolve) => {
      if (lines.some((line) => words.every((word) => line.includes(word)))) resolve()
      else waiting.push({ words, resolve })
    }),
  }
}
