import { wiredTo, type Wiring } from "@vouchsafe/client/lockfile"
import type { Place } from "./types.ts"

/** From this length on pnpm cuts the name of a folder, the shortest limit that it sets by itself being that for Windows. */
const CUT_LENGTH_MIN = 58
const PNPM_FOLDER = /(?:^|\/)\.pnpm\/([^/]+)\/node_modules\/(?:@[^/]+\/)?[^/]+$/
/** Yarn's unplugged packages, and those of its own isolated layout. */
const YARN_FOLDER = /(?:^|\/)(?:\.yarn\/unplugged\/([^/]+)\/node_modules\/(?:@[^/]+\/)?[^/]+$|node_modules\/\.store\/([^/]+)\/package$)/
/** Those of npm's: `name@1.0.0-<hash>`, below the scope. */
const NPM_FOLDER = /(?:^|\/)node_modules\/\.store\/((?:@[^/]+\/)?[^/]+)\/node_modules\/(?:@[^/]+\/)?[^/]+$/
const ARCHIVE = /(?:^|\/)([^/]+)\.zip$/

/** Tells whether something in the project asks for a package by this name. */
export function isKnownAs(wiring: Wiring, alias: string, { name, version }: { readonly name: string; readonly version: string }): boolean {
  return alias === name || wiring.aliases.get(alias)?.has(wiredTo({ name, version })) === true
}

/**
 * True where the path says, as its manager writes such paths, that another package or version lies there.
 * @param isRelease - whether a lockfile has `name@version` as a release; folders of what comes from elsewhere have other names
 */
export function isNamedAnother({ path, layout, alias }: Place, name: string, version: string, isRelease: boolean): boolean {
  const pnpm = PNPM_FOLDER.exec(path)?.[1]
  if (pnpm !== undefined) return isAnotherForPnpm(pnpm, { alias, name, version, isRelease })
  const npm = NPM_FOLDER.exec(path)?.[1]
  if (npm !== undefined) return isRelease && npm.replace(/-[\w-]{22}$/, "") !== `${name}@${version}`
  const [, ...slugs] = (layout === "archive" ? ARCHIVE : YARN_FOLDER).exec(path) ?? []
  const slug = slugs.find((found) => found !== undefined)
  return slug !== undefined && isAnotherForYarn(slug, name, version, isRelease)
}

/** `name@version`, `@scope+name@version_peers`, cut with a hash behind it where that is long; no alias ever. */
function isAnotherForPnpm(folder: string, { alias, name, version, isRelease }: { readonly alias: string; readonly name: string; readonly version: string; readonly isRelease: boolean }): boolean {
  const start = `${alias.replace("/", "+")}@`
  const rest = folder.startsWith(start) ? folder.slice(start.length) : ""
  if (!/^\d/.test(rest)) return isRelease && !isCut(folder, `${name.replace("/", "+")}@${version}`)
  return name !== alias || !(rest === version || /^[_(]/.test(rest.startsWith(version) ? rest.slice(version.length) : "") || isCut(folder, `${start}${version}`))
}

function isCut(folder: string, whole: string): boolean {
  const cut = folder.replace(/_[0-9a-z]{26,32}$/, "")
  return folder.length >= CUT_LENGTH_MIN && cut !== folder && whole.startsWith(cut)
}

/** `name-npm-1.0.0-hash`, `@scope-name-virtual-hash`, `name-patch-hash`. Build metadata is left out. */
function isAnotherForYarn(slug: string, name: string, version: string, isRelease: boolean): boolean {
  const start = `${name.replace("/", "-")}-`
  if (!slug.startsWith(start)) return isRelease
  const rest = slug.slice(start.length)
  const released = /^npm-(.*?)-[0-9a-f]{10}(?:-|$)/.exec(rest)?.[1]
  return released !== undefined ? released !== version.replace(/\+.*$/, "") : isRelease && !/^(?:patch|virtual)-/.test(rest)
}
