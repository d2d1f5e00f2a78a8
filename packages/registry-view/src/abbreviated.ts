/** Content type of the abbreviated form, as clients ask for it and registries answer it. */
export const ABBREVIATED_TYPE = "application/vnd.npm.install-v1+json"

/** Top-level fields of the abbreviated form besides `versions`. */
export const ABBREVIATED_TOP_FIELDS = ["name", "modified", "dist-tags"]

const VERSION_FIELDS = ["name", "version", "deprecated", "dependencies", "acceptDependencies", "optionalDependencies", "devDependencies",
  "bundleDependencies", "bundledDependencies", "peerDependencies", "peerDependenciesMeta", "bin", "directories", "dist", "engines",
  "devEngines", "cpu", "os", "libc", "funding", "_hasShrinkwrap", "hasInstallScript"]
const INSTALL_SCRIPTS = ["preinstall", "install", "postinstall"]

/** One version in the abbreviated form: what a client needs to resolve and install, without texts for people. */
export function abbreviateManifest(manifest: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const short: Record<string, unknown> = {}
  for (const field of VERSION_FIELDS) if (manifest[field] !== undefined) short[field] = manifest[field]
  const scripts = manifest["scripts"]
  if (typeof scripts === "object" && scripts !== null && INSTALL_SCRIPTS.some((script) => Object.hasOwn(scripts, script))) short["hasInstallScript"] = true
  return short
}

/** Tells whether an Accept header asks for the abbreviated form. */
export function acceptsAbbreviated(accept: string | undefined): boolean {
  return accept?.includes(ABBREVIATED_TYPE) === true
}
