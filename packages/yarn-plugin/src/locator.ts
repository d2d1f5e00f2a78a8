/** A version of a registry. */
export interface NpmSource {
  readonly kind: "npm"
  /** With its scope. */
  readonly name: string
  readonly version: string
  /** Where the lockfile says that the tarball lies, if not in the usual place. */
  readonly archiveUrl?: string
}

/** Made on this machine from something that is itself guarded, or from the project's own files. */
export interface DerivedSource {
  readonly kind: "derived"
  /** Locator of the package that a patch applies to. */
  readonly patchedFrom?: string
}

/** Where a package comes from, as its locator says. */
export type Source =
  | NpmSource
  | DerivedSource
  /** The project's own files, used in place. */
  | { readonly kind: "own" }
  /** Something that no node observes. */
  | { readonly kind: "exotic", readonly why: string, readonly found: string }

/** A locator's words: `name` with its scope, `reference` as the lockfile has it. */
export interface LocatorWords {
  readonly name: string
  readonly reference: string
}

/** What tells whether a path is the project's own. */
export interface SourceContext {
  /** Absolute path that a `file:`, `link:` or `portal:` locator names; null for a path inside another package. */
  readonly localPath: () => string | null
  /** Tells whether an absolute path lies inside the project. */
  readonly isInside: (path: string) => boolean
}

const VERSION = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/
const LOCAL = /^(file|link|portal):/
const NPM = "npm:"
const PATCH = "patch:"
/** Binds parameters to a reference: `npm:1.0.0::__archiveUrl=…`. */
const PARAMETERS = "::"

/** Sorts a locator. Whatever is not known is exotic. */
export function sourceOf({ name, reference }: LocatorWords, context: SourceContext): Source {
  if (reference.startsWith(NPM)) return npmSource(name, reference.slice(NPM.length))
  if (reference.startsWith(PATCH)) return patchSource(reference.slice(PATCH.length))
  const local = LOCAL.exec(reference)?.[1]
  if (local === undefined) return { kind: "exotic", why: "a URL, repository or script instead of a version of a registry", found: reference }
  const path = context.localPath()
  if (path !== null && !context.isInside(path)) return { kind: "exotic", why: "a folder or file outside the project", found: path }
  return { kind: local === "file" ? "derived" : "own" }
}

function npmSource(name: string, rest: string): Source {
  const [version = "", parameters, ...more] = rest.split(PARAMETERS)
  if (!VERSION.test(version) || more.length > 0) return { kind: "exotic", why: "no exact version", found: `${NPM}${rest}` }
  if (parameters === undefined) return { kind: "npm", name, version }
  const archives = new URLSearchParams(parameters).getAll("__archiveUrl")
  const [archiveUrl] = archives
  if (archives.length > 1) return { kind: "exotic", why: "more than one archive URL", found: `${NPM}${rest}` }
  return { kind: "npm", name, version, ...(archiveUrl === undefined ? {} : { archiveUrl }) }
}

/** `patch:<source, percent-encoded>#<patch files>`: the source is fetched, and so guarded, on its own. */
function patchSource(rest: string): Source {
  const hash = rest.indexOf("#")
  const source = hash < 0 ? "" : rest.slice(0, hash)
  try {
    return source === "" ? { kind: "exotic", why: "a patch of nothing", found: `${PATCH}${rest}` } : { kind: "derived", patchedFrom: decodeURIComponent(source) }
  } catch (error) {
    if (!(error instanceof URIError)) throw error
    return { kind: "exotic", why: "a patch whose source cannot be read", found: `${PATCH}${rest}` }
  }
}

/** Tells whether a recorded archive URL lies on the host of the registry (THREATS A6). */
export function isOnHost(archiveUrl: string, registry: string): boolean {
  if (!URL.canParse(archiveUrl)) return false
  const url = new URL(archiveUrl)
  return (url.protocol === "https:" || url.protocol === "http:") && url.host === new URL(registry).host
}
