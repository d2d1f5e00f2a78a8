import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join, relative, resolve } from "node:path"

export const SPEC = resolve(import.meta.dirname, "..")
export const ROOT = resolve(SPEC, "../..")

const SKIPPED: ReadonlySet<string> = new Set(["node_modules", "dist", ".git", ".turbo", "coverage"])

/** Every Markdown file that people write in this repository, by path from its root. */
export function markdownFiles(folder: string = ROOT): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return SKIPPED.has(entry.name) || entry.name.startsWith(".vouchsafe") ? [] : markdownFiles(path)
    return entry.name.endsWith(".md") ? [relative(ROOT, path)] : []
  })
}

export function read(...parts: string[]): string {
  return readFileSync(join(...parts), "utf8")
}

/** What a link in Markdown text leads to, within the repository. */
export interface Link {
  readonly target: string
  readonly anchor: string | undefined
}

/** The links to files and headings in a Markdown text, without code and without addresses of the web. */
export function linksOf(text: string): Link[] {
  const prose = text.replace(/^( {4}|\t).*$/gm, "").replace(/^```[\s\S]*?^```/gm, "").replace(/`[^`\n]*`/g, "")
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, href = ""]) => {
    if (/^[a-z][a-z0-9+.-]*:/.test(href)) return []
    const [target = "", anchor] = href.split("#")
    return [{ target, anchor }]
  })
}

/** Names under which the headings of a Markdown text can be linked. */
export function anchorsOf(text: string): Set<string> {
  const headings = [...text.replace(/^```[\s\S]*?^```/gm, "").matchAll(/^#{1,6} +(.*)$/gm)].map(([, heading = ""]) => heading)
  return new Set(headings.map((heading) => heading.toLowerCase().replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replace(/\s/g, "-")))
}

/** Why a link of a file leads nowhere; undefined where it leads somewhere. */
export function brokenLink(file: string, { target, anchor }: Link): string | undefined {
  const path = target === "" ? join(ROOT, file) : resolve(ROOT, file, "..", decodeURI(target))
  if (!existsSync(path)) return `${file}: ${target} is not there`
  if (anchor === undefined || !path.endsWith(".md")) return undefined
  return anchorsOf(read(path)).has(anchor) ? undefined : `${file}: ${target}#${anchor} names no heading`
}
