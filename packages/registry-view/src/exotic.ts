/**
 * Dependencies that a client would fetch past the registry: git, URLs, tarballs, folders.
 *
 * @packageDocumentation
 */

/** Fields of a manifest whose packages are installed with it. */
export const DEPENDENCY_FIELDS: ReadonlySet<string> = new Set(["dependencies", "optionalDependencies", "peerDependencies"])
/** `npm:` aliases stay within the registry; `workspace:` and `catalog:` reach no network. */
const WITHIN = /^(?:npm|workspace|catalog):/i
/** Ranges and tags hold none of these; `user/repo`, `git@host:x`, `https://…`, `file:…` and paths all do. */
const REACHES_OUT = /[/\\:]|^\.|\.(?:tgz|tar\.gz|tar)$/i

/** Tells whether a dependency's spec makes clients fetch from elsewhere than a registry. */
export function isExoticSpec(spec: string): boolean {
  const text = spec.trim()
  return !WITHIN.test(text) && REACHES_OUT.test(text)
}

/**
 * The dependency fields of a manifest that hold exotic specs, with those replaced.
 * Empty when there are none, so that nearly all manifests stay as they are.
 */
export function exoticDependencies(manifest: Readonly<Record<string, unknown>>, replacement: (dependency: string) => string): Record<string, Record<string, unknown>> {
  const changed: Record<string, Record<string, unknown>> = {}
  for (const field of DEPENDENCY_FIELDS) {
    const specs = manifest[field]
    if (typeof specs !== "object" || specs === null) continue
    const entries = Object.entries(specs as Record<string, unknown>)
    if (!entries.some(([, spec]) => typeof spec === "string" && isExoticSpec(spec))) continue
    changed[field] = Object.fromEntries(entries.map(([name, spec]) => [name, typeof spec === "string" && isExoticSpec(spec) ? replacement(name) : spec]))
  }
  return changed
}
