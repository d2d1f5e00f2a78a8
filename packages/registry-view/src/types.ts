/** What is known against one version: a code and a line for people. */
export interface Denial { readonly code: string; readonly reason: string }

/** Where upstream keeps a version, and what it says its bytes are. */
export interface DistEntry {
  /** Absolute URL as upstream wrote it; undefined where it wrote none. */
  readonly tarball?: string
  /** As upstream wrote it. */
  readonly integrity?: string
}

export interface RewriteOptions {
  /** Name that was asked for; a document about another package is refused. */
  readonly name: string
  /** Base URL of the server that answers, with a trailing slash. */
  readonly base: string
  /** Versions known to be denied. */
  readonly denied?: ReadonlyMap<string, Denial>
  /** Versions to leave out; tags that point to one move to the newest version that stays. */
  readonly omit?: (version: string) => boolean
  /** Code that dependencies from git, URLs and files are denied with; absent: they stay as written. */
  readonly exoticCode?: string
}
