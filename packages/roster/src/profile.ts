/**
 * Which roles and targets a repository of rosters has (spec/roster.md, "Repository").
 *
 * @packageDocumentation
 */

/** Roles that the targets role hands paths to, in the order of the search. `roster` is the keyholders' own; the others may have other keys. */
export const DELEGATED = ["roster", "recipes", "releases", "sigstore", "names"] as const
export type DelegatedRole = (typeof DELEGATED)[number]

/** The one path of each delegated role. */
export const PATH_BY_ROLE: Readonly<Record<DelegatedRole, string>> = {
  roster: "roster.json", recipes: "recipes.json", releases: "releases.json", sigstore: "sigstore/trusted_root.json", names: "names.txt",
}

/** What the roster itself is found under. */
export const ROSTER_TARGET = PATH_BY_ROLE.roster

export const TOP_LEVEL = ["root", "timestamp", "snapshot", "targets"] as const
export type TopLevelRole = (typeof TOP_LEVEL)[number]
export type Role = TopLevelRole | DelegatedRole

/** Roles whose metadata people sign; the others are signed online. */
export const SIGNED_BY_PEOPLE = ["root", "targets", ...DELEGATED] as const
export type PeoplesRole = (typeof SIGNED_BY_PEOPLE)[number]

/** TUF's kind of a role. */
export function kindOf(role: Role): TopLevelRole {
  return (TOP_LEVEL as readonly string[]).includes(role) ? role as TopLevelRole : "targets"
}

/** The role that answers for a target, or undefined for a path that no repository has. */
export function roleOfTarget(path: string): DelegatedRole | undefined {
  return DELEGATED.find((role) => PATH_BY_ROLE[role] === path)
}

/** Where a target's bytes are, below the repository: TUF's consistent snapshots. */
export function targetFile(path: string, sha256: string): string {
  const slash = path.lastIndexOf("/") + 1
  return `targets/${path.slice(0, slash)}${sha256}.${path.slice(slash)}`
}

/** Where a role's metadata is. */
export function metadataFile(role: Role, version: number): string {
  return role === "timestamp" ? "timestamp.json" : `${version}.${role}.json`
}

const FILE = /^(?:timestamp\.json|[1-9][0-9]{0,15}\.(?:root|snapshot|targets|roster|recipes|releases|sigstore|names)\.json|targets\/(?:[0-9a-f]{64}\.(?:(?:roster|recipes|releases)\.json|names\.txt)|sigstore\/[0-9a-f]{64}\.trusted_root\.json))$/

/** Whether a repository can have a file of this name; no other name is ever read, written or served. */
export function isRepositoryFile(name: string): boolean {
  return FILE.test(name)
}
