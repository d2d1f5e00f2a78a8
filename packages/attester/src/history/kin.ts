/**
 * Whose another package of the registry is: how old a new dependency is, and whether it or a name that this one resembles belongs to the same hands.
 *
 * @packageDocumentation
 */
import type { AddedDependency, Lookalike } from "@vouchsafe/core"
import { isVouchsafeError } from "@vouchsafe/core"
import type { AbortSignalLike, PackumentOverview, RegistrySource } from "@vouchsafe/ports"
import { asObject, member } from "@vouchsafe/tarball"
import type { WrittenDependency } from "./contents.ts"
import { REPOSITORY_LENGTH_MAX } from "../limits.ts"
import { DEPENDENCIES_LOOKED_UP_MAX } from "./limits.ts"
import { type Person, readMaintainers } from "./people.ts"
import { readReleases } from "./releases.ts"

/** To whom a package belonged before the version in question. */
export interface Belonging {
  readonly registry: string
  readonly name: string
  readonly repository: string | null
  readonly maintainers: readonly Person[]
}

/** Reads another package's packument; undefined where that fails or there is none. */
export type ReadOther = (name: string) => Promise<PackumentOverview | undefined>

/** @see ReadOther */
export function readerOfOthers(source: Pick<RegistrySource, "packument">, registry: string, signal: AbortSignalLike): ReadOther {
  return async (name) => {
    try {
      return await source.packument({ name, registry, signal })
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
      return undefined
    }
  }
}

/** Says of new dependencies how old they are and whose; those beyond the limit are of unknown age. */
export async function describeDependencies(added: readonly WrittenDependency[], belonging: Belonging, read: ReadOther): Promise<AddedDependency[]> {
  const lookedUp = added.filter(({ isExotic }) => !isExotic).slice(0, DEPENDENCIES_LOOKED_UP_MAX)
  const found = new Map(await Promise.all(lookedUp.map(async ({ target }) => [target, await read(target)] as const)))
  return added.map(({ name, target, isExotic }) => {
    const other = isExotic ? undefined : found.get(target)
    return {
      name, isExotic, createdAt: other === undefined ? null : readReleases(other).createdAt,
      isKin: !isExotic && (sameScope(target, belonging.name) || (other !== undefined && sameRepository(other.repository, belonging.repository) && haveCommon(other, belonging.maintainers))),
    }
  })
}

/** Says of a resembled name whether it has a maintainer in common; where nobody could look it has none. */
export async function describeLookalike(found: Pick<Lookalike, "target" | "kind">, maintainers: readonly Person[], read: ReadOther): Promise<Lookalike> {
  const other = await read(found.target)
  return { target: found.target, kind: found.kind, isKin: other !== undefined && haveCommon(other, maintainers) }
}

function haveCommon(other: PackumentOverview, maintainers: readonly Person[]): boolean {
  const names = new Set(readMaintainers(other.maintainers).map(({ name }) => name))
  return maintainers.some(({ name }) => names.has(name))
}

function sameScope(a: string, b: string): boolean {
  const scope = /^@[^/]+\//.exec(a)?.[0]
  return scope !== undefined && b.startsWith(scope)
}

function sameRepository(foreign: unknown, repository: string | null): boolean {
  const url = typeof foreign === "string" ? foreign : member(asObject(foreign) ?? {}, "url")
  return typeof url === "string" && url.length <= REPOSITORY_LENGTH_MAX && repository !== null && plain(url) === plain(repository)
}

/** Enough to see that two spellings mean one repository; neither is believed for anything else. Its time grows with the square of the length. */
function plain(url: string): string {
  return url.trim().toLowerCase().replace(/^git\+/, "").replace(/^github:/, "https://github.com/").replace(/^(?:git|ssh|https?):\/\/(?:[^@/]+@)?/, "").replace(/^git@([^:]+):/, "$1/").replace(/[#?].*$/, "").replace(/\/+$/, "").replace(/\.git$/, "")
}
