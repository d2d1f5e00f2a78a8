/** Content type of the abbreviated form, as clients ask for it and registries answer it. */
export const ABBREVIATED_TYPE = "application/vnd.npm.install-v1+json"

/** Top-level fields of the abbreviated form besides `versions`. */
export const ABBREVIATED_TOP_FIELDS: ReadonlySet<string> = new Set(["name", "modified", "dist-tags"])

/** What a client needs of a version to resolve and install, without texts for people. */
export const ABBREVIATED_VERSION_FIELDS: ReadonlySet<string> = new Set(["name", "version", "deprecated", "dependencies", "acceptDependencies", "optionalDependencies", "devDependencies",
  "bundleDependencies", "bundledDependencies", "peerDependencies", "peerDependenciesMeta", "bin", "directories", "dist", "engines",
  "devEngines", "cpu", "os", "libc", "funding", "_hasShrinkwrap", "hasInstallScript"])

const INSTALL_SCRIPTS = ["preinstall", "install", "postinstall"]

/** Whether a manifest's `scripts` run at install; the abbreviated form tells that instead of the scripts. */
export function hasInstallScripts(scripts: unknown): boolean {
  return typeof scripts === "object" && scripts !== null && INSTALL_SCRIPTS.some((script) => Object.hasOwn(scripts, script))
}

/** Tells whether an Accept header asks for the abbreviated form. */
export function acceptsAbbreviated(accept: string | undefined): boolean {
  return accept?.includes(ABBREVIATED_TYPE) === true
}
