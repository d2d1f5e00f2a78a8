/**
 * What may be asked for (spec/builds.md, schemas/build-request.schema.json).
 *
 * @packageDocumentation
 */
import { artifactPurl, HEX_COMMIT, isPlaceholder, isRegistryId, parseJson, shapeReader } from "@vouchsafe/core"

/** Where to build from, when the requester says so. */
export interface BuildSource {
  readonly repository: string
  /** 40 or 64 lower-case hex digits. */
  readonly commit: string
  /** Of the package within the repository; empty for the root, or for the rebuilder to find. */
  readonly directory: string
}

/** One request for a build. */
export interface BuildRequest {
  readonly purl: string
  readonly registry: string
  readonly source: BuildSource | null
}

const REPOSITORY_LENGTH_MAX = 512
const DIRECTORY_LENGTH_MAX = 1_024
/** No credentials, no query, no port but a decimal one, and never a scheme that reads this machine's own disk. */
const REPOSITORY = /^(https?):\/\/((?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?)((?:\/[A-Za-z0-9._~+-]+)+)$/

const read = shapeReader("REQUEST_MALFORMED", "build request")

/** What this node clones from. */
export interface SourceRules {
  /** Hosts, perhaps with a port. */
  readonly gitHosts: readonly string[]
  readonly allowHttp: boolean
}

/** Reads a request. @throws VouchsafeError REQUEST_MALFORMED, PURL_MALFORMED. */
export function parseBuildRequest(text: string, rules: SourceRules): BuildRequest {
  const document = read.object(parseJson("REQUEST_MALFORMED", "build request", text), "document", ["purl", "registry"], ["source"])
  const registry = read.string(document["registry"], "registry", REPOSITORY_LENGTH_MAX)
  if (!isRegistryId(registry)) read.fail("registry", "a registry URL in its one spelling", registry)
  const purl = artifactPurl(document["purl"], "purl", read)
  return { purl, registry, source: document["source"] === undefined ? null : sourceIn(document["source"], rules) }
}

function sourceIn(value: unknown, rules: SourceRules): BuildSource {
  const source = read.object(value, "source", ["repository", "commit"], ["directory"])
  const repository = read.string(source["repository"], "source.repository", REPOSITORY_LENGTH_MAX)
  requireCloneable(repository, rules)
  const commit = read.pattern(source["commit"], "source.commit", HEX_COMMIT, "40 or 64 lower-case hex digits")
  if (isPlaceholder(commit) || /^(.)\1*$/.test(commit)) read.fail("source.commit", "a commit, no placeholder", commit)
  const directory = source["directory"] === undefined ? "" : read.string(source["directory"], "source.directory", DIRECTORY_LENGTH_MAX)
  if (directory !== "" && directory.split(/[/\\]/).some((part) => part === "" || part === "." || part === "..")) read.fail("source.directory", "a path inside the repository", directory)
  return { repository, commit, directory }
}

function requireCloneable(repository: string, { gitHosts, allowHttp }: SourceRules): void {
  const [, scheme, host = "", path = ""] = REPOSITORY.exec(repository) ?? []
  if (scheme === undefined || path.split("/").some((part) => part === "." || part === "..")) {
    read.fail("source.repository", "https://host/path without credentials, query or fragment", repository)
  }
  if (scheme === "http" && !allowHttp) read.fail("source.repository", "https", repository)
  if (!gitHosts.includes(host)) read.fail("source.repository", `a host that this node clones from (${gitHosts.join(", ")})`, repository)
}
