/**
 * Unified diffs, as patch-package, pnpm and Yarn keep them, taken back: what the file was before the patch.
 *
 * Texts are handled as one character a byte, so that what comes out has the bytes that went in.
 *
 * @packageDocumentation
 */

/** Lines around the expected one where a hunk is looked for, as those who apply patches do. */
const FUZZ_LINES_MAX = 40

interface Hunk {
  readonly newStart: number
  readonly before: readonly string[]
  readonly after: readonly string[]
}

/** One file of a patch. `before` and `after` are its paths as written, without `a/` and `b/`; null where there is no file. */
export interface FilePatch {
  readonly before: string | null
  readonly after: string | null
  readonly hunks: readonly Hunk[]
}

/** Reads a patch; undefined when it is none that can be read. */
export function parsePatch(text: string): FilePatch[] | undefined {
  const lines = text.split(/(?<=\n)/)
  const files: FilePatch[] = []
  let renamed: { before?: string; after?: string } = {}
  for (let at = 0; at < lines.length;) {
    const line = bare(lines[at])
    if (line.startsWith("diff --git ")) renamed = {}
    if (line.startsWith("rename from ")) renamed.before = line.slice(12)
    if (line.startsWith("rename to ")) {
      renamed.after = line.slice(10)
      if (!(lines[at + 1] ?? "").startsWith("index ") && !(lines[at + 1] ?? "").startsWith("--- ")) files.push({ before: renamed.before ?? null, after: renamed.after, hunks: [] })
    }
    if (!line.startsWith("--- ") || !bare(lines[at + 1]).startsWith("+++ ")) {
      at += 1
      continue
    }
    const read = readHunks(lines, at + 2)
    if (read === undefined) return undefined
    files.push({ before: pathOf(line), after: pathOf(bare(lines[at + 1])), hunks: read.hunks })
    at = read.next
  }
  return files.length === 0 ? undefined : files
}

function bare(line: string | undefined): string {
  return (line ?? "").replace(/\r?\n$/, "")
}

function pathOf(line: string): string | null {
  const path = line.slice(4).replace(/\t.*$/, "")
  return path === "/dev/null" ? null : path.replace(/^[ab]\//, "")
}

function readHunks(lines: readonly string[], from: number): { readonly hunks: Hunk[]; readonly next: number } | undefined {
  const hunks: Hunk[] = []
  let at = from
  for (let head = HEAD.exec(lines[at] ?? ""); head !== null; head = HEAD.exec(lines[at] ?? "")) {
    const [oldCount, newCount] = [Number(head[1] ?? 1), Number(head[3] ?? 1)]
    const before: string[] = []
    const after: string[] = []
    at += 1
    while (before.length < oldCount || after.length < newCount || (lines[at] ?? "").startsWith("\\")) {
      const line = lines[at]
      if (line === undefined) return undefined
      const [sign, text] = [line[0], line.slice(1)]
      if (sign === "\\") endWithoutNewline(lines[at - 1]?.[0], before, after)
      else if (sign === "+") after.push(text)
      else if (sign === "-") before.push(text)
      else if (sign === " " || bare(line) === "") {
        before.push(sign === " " ? text : line)
        after.push(sign === " " ? text : line)
      } else return undefined
      at += 1
    }
    hunks.push({ newStart: Number(head[2]), before, after })
  }
  return { hunks, next: at }
}

const HEAD = /^@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/

function endWithoutNewline(sign: string | undefined, before: string[], after: string[]): void {
  if (sign !== "+") before.push((before.pop() ?? "").replace(/\n$/, ""))
  if (sign !== "-") after.push((after.pop() ?? "").replace(/\n$/, ""))
}

/** The text before the patch, from the one after it; undefined where the patch does not fit. */
export function takeBack(patch: FilePatch, after: string): string | undefined {
  let lines = after === "" ? [] : after.split(/(?<=\n)/)
  for (const hunk of [...patch.hunks].reverse()) {
    const at = placeOf(lines, hunk)
    if (at === undefined) return undefined
    lines = lines.slice(0, at).concat(hunk.before, lines.slice(at + hunk.after.length))
  }
  return lines.join("")
}

function placeOf(lines: readonly string[], { newStart, after }: Hunk): number | undefined {
  const expected = after.length === 0 ? newStart : newStart - 1
  for (let distance = 0; distance <= FUZZ_LINES_MAX; distance++) {
    for (const at of distance === 0 ? [expected] : [expected - distance, expected + distance]) {
      if (at >= 0 && at + after.length <= lines.length && after.every((line, i) => lines[at + i] === line)) return at
    }
  }
  return undefined
}
