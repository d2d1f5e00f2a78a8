import { ABBREVIATED_VERSION_FIELDS, hasInstallScripts } from "./abbreviated.ts"
import { DEPENDENCY_FIELDS, exoticDependencies } from "./exotic.ts"
import { deniedPath } from "./path.ts"
import { isObjectAt, type Member, membersOf, valueOf } from "./scan.ts"
import { tarballPath } from "./tarball-name.ts"
import type { DistEntry, RewriteOptions } from "./types.ts"
import { separator, type Writer } from "./writer.ts"

/** A span of a version's bytes, and what stands there instead. */
interface Patch { readonly start: number; readonly end: number; readonly text: string }

/** One version, understood as far as it is changed. */
export interface ScannedManifest {
  readonly members: readonly Member[]
  readonly start: number
  readonly end: number
  readonly patches: readonly Patch[]
  readonly dist: DistEntry
}

/** Finds what has to change in the version object at `start`. @throws SyntaxError */
export function scanManifest(bytes: Buffer, start: number, version: string, options: RewriteOptions): ScannedManifest {
  const { name, base, denied, exoticCode } = options
  const { members, end } = membersOf(bytes, start)
  const denial = denied?.get(version)
  const address = JSON.stringify(`${base}${denial ? deniedPath(denial.code, name, version) : tarballPath(name, version)}`)
  const patches: Patch[] = []
  let dist: DistEntry = {}
  for (const member of members) {
    // of doubles a client takes the last, so every one is changed
    if (member.key === "dist") dist = patchDist(bytes, member, address, patches)
    else if (member.key === "deprecated" && denial) patches.push({ start: member.valueStart, end: member.valueEnd, text: JSON.stringify(denial.reason) })
    else if (exoticCode !== undefined && DEPENDENCY_FIELDS.has(member.key)) patchDependencies(bytes, member, (dependency) => `${base}${deniedPath(exoticCode, dependency)}`, patches)
  }
  const missing: string[] = []
  if (!members.some(({ key }) => key === "dist")) missing.push(`"dist":{"tarball":${address}}`)
  if (denial && !members.some(({ key }) => key === "deprecated")) missing.push(`"deprecated":${JSON.stringify(denial.reason)}`)
  if (missing.length > 0) patches.push({ start: end - 1, end: end - 1, text: `${members.length > 0 ? "," : ""}${missing.join(",")}` })
  return { members, start, end, patches, dist }
}

/** Writes the whole version. */
export function writeManifest(writer: Writer, bytes: Buffer, { start, end, patches }: ScannedManifest): void {
  writePatched(writer, bytes, start, end, patches)
}

/** Writes what the abbreviated form keeps of the version. */
export function writeAbbreviated(writer: Writer, bytes: Buffer, { members, end, patches }: ScannedManifest): void {
  const separate = separator(writer)
  writer.text("{")
  let installs = false
  for (const { key, keyStart, valueStart, valueEnd } of members) {
    if (key === "scripts") installs ||= hasInstallScripts(valueOf(bytes, valueStart, valueEnd))
    if (!ABBREVIATED_VERSION_FIELDS.has(key)) continue
    separate()
    writePatched(writer, bytes, keyStart, valueEnd, patches)
  }
  for (const { start, text } of patches) {
    if (start !== end - 1) continue
    separate()
    writer.text(text.replace(/^,/, ""))
  }
  if (installs && !members.some(({ key }) => key === "hasInstallScript")) {
    separate()
    writer.text('"hasInstallScript":true')
  }
  writer.text("}")
}

function writePatched(writer: Writer, bytes: Buffer, start: number, end: number, patches: readonly Patch[]): void {
  let at = start
  for (const patch of patches) {
    if (patch.start < start || patch.end > end) continue
    writer.copy(bytes, at, patch.start)
    writer.text(patch.text)
    at = patch.end
  }
  writer.copy(bytes, at, end)
}

/** Points `tarball` here; tells where upstream had it. */
function patchDist(bytes: Buffer, { valueStart, valueEnd }: Member, address: string, patches: Patch[]): DistEntry {
  if (!isObjectAt(bytes, valueStart)) {
    patches.push({ start: valueStart, end: valueEnd, text: `{"tarball":${address}}` })
    return {}
  }
  const { members } = membersOf(bytes, valueStart)
  const entry: { tarball?: string; integrity?: string } = {}
  for (const { key, valueStart: start, valueEnd: end } of members) {
    if (key !== "tarball" && key !== "integrity") continue
    const value = valueOf(bytes, start, end)
    if (typeof value === "string") entry[key] = value
    if (key === "tarball") patches.push({ start, end, text: address })
  }
  if (!members.some(({ key }) => key === "tarball")) patches.push({ start: valueEnd - 1, end: valueEnd - 1, text: `${members.length > 0 ? "," : ""}"tarball":${address}` })
  return entry
}

function patchDependencies(bytes: Buffer, { key, valueStart, valueEnd }: Member, replacement: (dependency: string) => string, patches: Patch[]): void {
  const specs = valueOf(bytes, valueStart, valueEnd)
  const changed = exoticDependencies({ [key]: specs }, replacement)[key]
  if (changed !== undefined) patches.push({ start: valueStart, end: valueEnd, text: JSON.stringify(changed) })
}
