/**
 * What kind of difference a path is: for people, and counted in rebuild statements (packages/spec/rebuilding.md, "Differences").
 *
 * @packageDocumentation
 */
import { asObject, type ForeignObject, member, type UnpackedFile } from "@vouchsafe/tarball"

/** Classes of differences; names are on the wire. */
export const DIFFERENCE_CLASSES = [
  "missing-build-output", "only-in-published", "only-in-source", "package-json", "line-endings", "executable-bit", "changed",
] as const
export type DifferenceClass = (typeof DIFFERENCE_CLASSES)[number]

/** Members of package.json that differ, `scripts.build` for those of an object. */
export interface ChangedKeys {
  readonly onlyPublished: readonly string[]
  readonly onlyRebuilt: readonly string[]
  readonly changed: readonly string[]
}

/** Members named for one package.json; more are counted by nobody. */
export const KEYS_MAX = 200
const PACKAGE_JSON = "package.json"
const BUILD_FOLDER = /^(?:dist|lib|libs|build|built|out|output|esm|cjs|umd|es|module|bundle|types|typings)\//i
const BUILD_FILE = /\.(?:min\.[cm]?js|map|d\.[cm]?ts)$/i
const ENTRY_MEMBERS = ["main", "module", "browser", "types", "typings", "exports", "bin", "unpkg", "jsdelivr"]
/** Depth of `exports` that is followed; deeper ones no resolver needs. */
const ENTRY_DEPTH_MAX = 8

/** Whether a path looks as if a build had made it. `entries`: what package.json leads to. */
export function looksBuilt(path: string, entries: ReadonlySet<string>): boolean {
  return BUILD_FOLDER.test(path) || BUILD_FILE.test(path) || entries.has(path)
}

/** Paths that the entry members of a package.json lead to, without patterns, relative to the package. */
export function entryPaths(manifest: ForeignObject | undefined): ReadonlySet<string> {
  const found = new Set<string>()
  const visit = (value: unknown, depth: number): void => {
    if (typeof value === "string") {
      const path = value.replace(/^\.\//, "").replace(/\/$/, "")
      if (path !== "" && !path.includes("*") && !path.startsWith("/") && !path.split("/").includes("..")) found.add(path)
    } else if (depth < ENTRY_DEPTH_MAX && typeof value === "object" && value !== null) {
      for (const inner of Object.values(value)) visit(inner, depth + 1)
    }
  }
  if (manifest !== undefined) for (const name of ENTRY_MEMBERS) visit(member(manifest, name), 0)
  return found
}

/** A path of one tarball or both. */
export interface Pair {
  readonly path: string
  readonly published: UnpackedFile | undefined
  readonly rebuilt: UnpackedFile | undefined
}

/**
 * The class of a path that differs.
 * @param contents - of a path in both tarballs, where they were kept
 */
export function classify(pair: Pair, entries: ReadonlySet<string>, contents: { readonly published: Uint8Array, readonly rebuilt: Uint8Array } | undefined): DifferenceClass {
  const { path, published, rebuilt } = pair
  if (rebuilt === undefined) return looksBuilt(path, entries) ? "missing-build-output" : "only-in-published"
  if (published === undefined) return "only-in-source"
  if (published.sha256 === rebuilt.sha256) return "executable-bit"
  if (contents !== undefined && withoutReturns(contents.published).equals(withoutReturns(contents.rebuilt))) return "line-endings"
  return path === PACKAGE_JSON ? "package-json" : "changed"
}

/** Bytes with every CR LF as LF. */
function withoutReturns(bytes: Uint8Array): Buffer {
  const text = Buffer.from(bytes)
  const kept: Buffer[] = []
  let from = 0
  for (let at = text.indexOf("\r\n"); at >= 0; at = text.indexOf("\r\n", from)) {
    kept.push(text.subarray(from, at))
    from = at + 1
  }
  return Buffer.concat([...kept, text.subarray(from)])
}

/** Which members of two package.json differ; undefined where one is no JSON object. */
export function changedKeys(published: Uint8Array, rebuilt: Uint8Array): ChangedKeys | undefined {
  const [ours, theirs] = [parse(rebuilt), parse(published)]
  if (ours === undefined || theirs === undefined) return undefined
  const keys = { onlyPublished: [] as string[], onlyRebuilt: [] as string[], changed: [] as string[] }
  const walk = (theirObject: ForeignObject, ourObject: ForeignObject, prefix: string): void => {
    for (const name of [...new Set([...Object.keys(theirObject), ...Object.keys(ourObject)])].sort()) {
      const [their, our] = [member(theirObject, name), member(ourObject, name)]
      const key = `${prefix}${name}`
      if (their === undefined) keys.onlyRebuilt.push(key)
      else if (our === undefined) keys.onlyPublished.push(key)
      else if (JSON.stringify(their) !== JSON.stringify(our)) {
        const [theirInner, ourInner] = [asObject(their), asObject(our)]
        if (prefix === "" && theirInner !== undefined && ourInner !== undefined) walk(theirInner, ourInner, `${name}.`)
        else keys.changed.push(key)
      }
    }
  }
  walk(theirs, ours, "")
  return { onlyPublished: keys.onlyPublished.slice(0, KEYS_MAX), onlyRebuilt: keys.onlyRebuilt.slice(0, KEYS_MAX), changed: keys.changed.slice(0, KEYS_MAX) }
}

function parse(bytes: Uint8Array): ForeignObject | undefined {
  try {
    return asObject(JSON.parse(new TextDecoder("utf-8").decode(bytes)))
  } catch (error) {
    // A package.json that does not parse has no members to tell apart; the file itself is reported all the same.
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
