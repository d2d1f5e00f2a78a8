/**
 * What is read of a packument's bytes: one version, or what an overview of all versions needs. Never the whole document: popular packages
 * have packuments of many megabytes.
 *
 * @packageDocumentation
 */
import type { PackumentOverview, PackumentVersion } from "@vouchsafe/ports"
import { eachMember, findMember, isKey, isObjectAt, parseAt, parseSlice, type Slice } from "./json-members.ts"

/** The version's part of a packument's bytes. @throws VouchsafeError PACKUMENT_MALFORMED. */
export function versionIn(body: Buffer, version: string): PackumentVersion | undefined {
  const versions = findMember(body, 0, "versions")
  if (versions === undefined) return undefined
  const manifest = findMember(body, versions.start, version)
  if (manifest === undefined) return undefined
  const times = findMember(body, 0, "time")
  const time = times !== undefined && isObjectAt(body, times.start) ? findMember(body, times.start, version) : undefined
  return { manifest: parseSlice(body, manifest), time: time === undefined ? undefined : parseSlice(body, time) }
}

/**
 * What a packument says of all its versions, in one pass over its bytes.
 * @param readAt - Unix seconds
 * @throws VouchsafeError PACKUMENT_MALFORMED.
 */
export function overviewIn(body: Buffer, readAt: number): PackumentOverview {
  const publishers = new Map<string, unknown>()
  const times = new Map<string, unknown>()
  const own: { maintainers?: unknown; repository?: unknown } = {}
  eachMember(body, 0, (key, start) => {
    if (isKey(body, key, "versions")) {
      publishers.clear()
      return eachMember(body, start, (version, at) => readPublisher(body, version, at, publishers))
    }
    if (isKey(body, key, "time") && isObjectAt(body, start)) {
      times.clear()
      return eachMember(body, start, (name, at) => {
        const { value, end } = parseAt(body, at)
        times.set(nameOf(body, name), value)
        return end
      })
    }
    const member = (["maintainers", "repository"] as const).find((name) => isKey(body, key, name))
    if (member === undefined) return undefined
    const { value, end } = parseAt(body, start)
    own[member] = value
    return end
  })
  return { readAt, publishers, times, maintainers: own.maintainers, repository: own.repository }
}

/** Reads a version's `_npmUser`, and walks over the rest of it. */
function readPublisher(body: Buffer, version: Slice, at: number, publishers: Map<string, unknown>): number | undefined {
  const name = nameOf(body, version)
  publishers.set(name, undefined)
  if (!isObjectAt(body, at)) return undefined
  return eachMember(body, at, (key, start) => {
    if (!isKey(body, key, "_npmUser")) return undefined
    const { value, end } = parseAt(body, start)
    publishers.set(name, value)
    return end
  })
}

function nameOf(body: Buffer, key: Slice): string {
  return parseSlice(body, key) as string
}
