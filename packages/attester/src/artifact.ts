import { formatPurl, isRegistryId, isVouchsafeError, npmNameOf, parsePurl, shown, VouchsafeError } from "@vouchsafe/core"
import { NPM_NAME_LENGTH_MAX, NPM_VERSION_LENGTH_MAX } from "./limits.ts"

/** A version of a package of a registry. */
export interface Artifact {
  /** `pkg:npm/[%40scope/]name@version`, canonical, without qualifiers. */
  readonly purl: string
  /** Registry id: `scheme://host[:port]/path/`. */
  readonly registry: string
}

/** An artifact whose parts can be put into URLs and statements. */
export interface CheckedArtifact extends Artifact {
  readonly name: string
  readonly version: string
}

const SEMVER = /^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/

/**
 * Key of an artifact in the index of a log. Neither part has a space, and the log allows no control characters in keys.
 */
export function logKey(artifact: Artifact): string {
  return `${artifact.registry} ${artifact.purl}`
}

/** @throws VouchsafeError REQUEST_MALFORMED. */
export function checkArtifact(artifact: Artifact): CheckedArtifact {
  const { purl, registry } = artifact
  if (!isRegistryId(registry)) throw malformed(`the registry ${shown(registry)} is no registry id`)
  let name: string
  let version: string
  try {
    ;({ name, version } = npmNameOf(purl))
    if (formatPurl(parsePurl(purl)) !== purl) throw malformed(`the purl ${shown(purl)} is not in its canonical form`)
  } catch (cause) {
    if (!isVouchsafeError(cause)) throw cause
    throw cause.code === "REQUEST_MALFORMED" ? cause : malformed(cause.message, cause)
  }
  if (!isNpmName(name)) throw malformed(`${shown(name)} is no name of an npm package`)
  if (version.length > NPM_VERSION_LENGTH_MAX || !SEMVER.test(version)) throw malformed(`${shown(version)} is no version of an npm package`)
  return { purl, registry, name, version }
}

/** Names that npm has ever accepted; old ones have capitals and characters such as `!`. */
function isNpmName(name: string): boolean {
  const parts = name.startsWith("@") ? name.slice(1).split("/") : [name]
  return name.length <= NPM_NAME_LENGTH_MAX && parts.every((part) => part !== "" && !part.startsWith(".") && encodeURIComponent(part) === part)
}

function malformed(why: string, cause?: unknown): VouchsafeError {
  return new VouchsafeError("REQUEST_MALFORMED", `artifact: ${why}`, { cause })
}
