/**
 * Packuments made to point at us: scanned and written once per upstream version, never per request.
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import { ABBREVIATED_TOP_FIELDS } from "./abbreviated.ts"
import { type ScannedManifest, scanManifest, writeAbbreviated, writeManifest } from "./manifest.ts"
import { isObjectAt, type Member, membersOf, skipSpace, valueOf } from "./scan.ts"
import { isVersion } from "./tarball-name.ts"
import type { DistEntry, RewriteOptions } from "./types.ts"
import { createWriter, separator, type Writer } from "./writer.ts"

/** Longest packument accepted, in bytes. The largest of well-known packages are near 100 MB in full form. */
export const PACKUMENT_BYTES_MAX = 192 * 1024 * 1024
export const VERSIONS_MAX = 100_000
const ADDRESS_BYTES_GUESS = 64

/** A packument in both forms, and the way back to upstream's addresses. Texts are JSON in UTF-8, in chunks. */
export interface Rewritten {
  /** The document as upstream gave it (full or abbreviated), rewritten. */
  readonly json: readonly Buffer[]
  /** The abbreviated form; the same as `json` when upstream gave that. */
  readonly abbreviated: readonly Buffer[]
  readonly dist: ReadonlyMap<string, DistEntry>
}

interface Scanned { readonly version: string; readonly keyStart: number; readonly manifest: ScannedManifest }

/**
 * Rewrites a whole packument.
 *
 * @param form - what upstream was asked for; one that answers the full form all the same is taken at its word
 * @throws VouchsafeError PACKUMENT_MALFORMED
 */
export function rewritePackument(bytes: Buffer, options: RewriteOptions, form: "full" | "abbreviated"): Rewritten {
  return readable(bytes, options.name, (members) => {
    const scanned = members.filter(({ key, valueStart }) => key === "versions" && isObjectAt(bytes, valueStart)).flatMap(({ valueStart }) => scanVersions(bytes, valueStart, options))
    const dist = new Map(scanned.map(({ version, manifest }) => [version, manifest.dist]))
    const tagsText = JSON.stringify(retarget(tagsIn(bytes, members), [...dist.keys()]))
    // addresses here may be longer than upstream's
    const bytesGuess = bytes.length + scanned.length * ADDRESS_BYTES_GUESS
    const full = createWriter(bytesGuess)
    writeDocument(full, bytes, members.filter(({ key }) => key !== "_attachments"), tagsText, () => writeVersions(full, bytes, scanned, writeManifest))
    const json = full.chunks()
    if (form === "abbreviated" && !members.some(({ key }) => key === "time")) return { json, abbreviated: json, dist }
    const short = createWriter(Math.ceil(bytesGuess / 2))
    writeDocument(short, bytes, members.filter(({ key }) => ABBREVIATED_TOP_FIELDS.has(key)), tagsText, () => writeVersions(short, bytes, scanned, writeAbbreviated), modifiedIn(bytes, members))
    return { json, abbreviated: short.chunks(), dist }
  })
}

/**
 * Rewrites the document of one version (`/<name>/<version>`).
 * @throws VouchsafeError PACKUMENT_MALFORMED
 */
export function rewriteVersion(bytes: Buffer, options: RewriteOptions): { readonly json: readonly Buffer[]; readonly version: string; readonly dist: DistEntry } {
  return readable(bytes, options.name, (members) => {
    const named = members.findLast(({ key }) => key === "version")
    const version = named === undefined ? undefined : valueOf(bytes, named.valueStart, named.valueEnd)
    if (typeof version !== "string" || !isVersion(version)) throw malformed(options.name, "names no version")
    const manifest = scanManifest(bytes, skipSpace(bytes, 0), version, options)
    const writer = createWriter(bytes.length + ADDRESS_BYTES_GUESS)
    writeManifest(writer, bytes, manifest)
    return { json: writer.chunks(), version, dist: manifest.dist }
  })
}

/** Tags whose target is gone move to the newest version left (by order of the document); with none left there are no tags. */
export function retarget(tags: Readonly<Record<string, unknown>>, versions: readonly string[]): Record<string, string> {
  const held = new Set(versions)
  const stable = versions.filter((version) => !version.includes("-"))
  const fallback = stable.at(-1) ?? versions.at(-1)
  const moved: [string, string][] = []
  for (const [tag, target] of Object.entries(tags)) {
    if (typeof target !== "string") continue
    if (held.has(target)) moved.push([tag, target])
    else if (fallback !== undefined && tag === "latest") moved.push([tag, fallback])
  }
  if (fallback !== undefined && !moved.some(([tag]) => tag === "latest")) moved.push(["latest", fallback])
  return Object.fromEntries(moved)
}

function scanVersions(bytes: Buffer, start: number, options: RewriteOptions): Scanned[] {
  const { members } = membersOf(bytes, start)
  if (members.length > VERSIONS_MAX) throw malformed(options.name, `has ${members.length} versions, expected at most ${VERSIONS_MAX}`)
  // what semver cannot read no client can install; left out, so that no address of it reaches anybody
  return members.filter(({ key, valueStart }) => isVersion(key) && isObjectAt(bytes, valueStart) && options.omit?.(key) !== true)
    .map(({ key, keyStart, valueStart }) => ({ version: key, keyStart, manifest: scanManifest(bytes, valueStart, key, options) }))
}

function writeDocument(writer: Writer, bytes: Buffer, members: readonly Member[], tags: string, writeAllVersions: () => void, modified?: string): void {
  const separate = separator(writer)
  writer.text("{")
  for (const { key, keyStart, valueEnd } of members) {
    if (key === "versions" || key === "dist-tags") continue
    separate()
    writer.copy(bytes, keyStart, valueEnd)
  }
  if (modified !== undefined && !members.some(({ key }) => key === "modified")) {
    separate()
    writer.text(`"modified":${JSON.stringify(modified)}`)
  }
  separate()
  writer.text(`"dist-tags":${tags},"versions":{`)
  writeAllVersions()
  writer.text("}}")
}

function writeVersions(writer: Writer, bytes: Buffer, scanned: readonly Scanned[], write: (writer: Writer, bytes: Buffer, manifest: ScannedManifest) => void): void {
  const separate = separator(writer)
  for (const { version, manifest } of scanned) {
    separate()
    writer.text(`${JSON.stringify(version)}:`)
    write(writer, bytes, manifest)
  }
}

function tagsIn(bytes: Buffer, members: readonly Member[]): Readonly<Record<string, unknown>> {
  const found = members.findLast(({ key }) => key === "dist-tags")
  return found !== undefined && isObjectAt(bytes, found.valueStart) ? valueOf(bytes, found.valueStart, found.valueEnd) as Record<string, unknown> : {}
}

function modifiedIn(bytes: Buffer, members: readonly Member[]): string | undefined {
  const time = members.findLast(({ key, valueStart }) => key === "time" && isObjectAt(bytes, valueStart))
  const modified = time && membersOf(bytes, time.valueStart).members.findLast(({ key }) => key === "modified")
  const value = modified && valueOf(bytes, modified.valueStart, modified.valueEnd)
  return typeof value === "string" ? value : undefined
}

/** Hands out the document's members, if it is one about the package; turns what the scanner cannot read into a typed error. */
function readable<T>(bytes: Buffer, name: string, use: (members: readonly Member[]) => T): T {
  if (bytes.length > PACKUMENT_BYTES_MAX) throw malformed(name, `has ${bytes.length} bytes, expected at most ${PACKUMENT_BYTES_MAX}`)
  const start = skipSpace(bytes, 0)
  if (!isObjectAt(bytes, start)) throw malformed(name, "is not a JSON object")
  try {
    const { members, end } = membersOf(bytes, start)
    if (skipSpace(bytes, end) !== bytes.length) throw malformed(name, "goes on after its end")
    for (const { key, valueStart, valueEnd } of members) {
      if (key !== "name") continue
      const found = valueOf(bytes, valueStart, valueEnd)
      if (found !== name) throw malformed(name, `names ${JSON.stringify(found).slice(0, 80)}, expected ${JSON.stringify(name)}`)
    }
    return use(members)
  } catch (cause) {
    if (cause instanceof SyntaxError) throw malformed(name, "is not JSON", cause)
    throw cause
  }
}

function malformed(name: string, what: string, cause?: unknown): VouchsafeError {
  return new VouchsafeError("PACKUMENT_MALFORMED", `packument of ${name} ${what}`, { cause, hint: "the upstream registry sent it" })
}
