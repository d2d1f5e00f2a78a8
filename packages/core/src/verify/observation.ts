import { type History, historyMember } from "./history.ts"
import { countMember, nullable, sha256Member, textMember, timeMember, wholeMember } from "./members.ts"
import { HEX_SHA1, shapeReader } from "./shape.ts"
import {
  formatStatementText, h1Member, logMember, NAME_LENGTH_MAX, OBSERVATION_TYPE, type OwnStatement, parseOwnStatement, plain, registryMember,
} from "./statement-text.ts"
import { type Upstream, upstreamMember } from "./upstream.ts"

const DEPENDENCIES_MAX = 10_000
const PATHS_MAX = 10_000
const TEXT_LENGTH_MAX = 4_096
const SCRIPT_LENGTH_MAX = 65_536

/** One attester's word about one artifact (packages/spec/observation.md). */
export interface Observation {
  readonly purl: string
  readonly sha512: string
  /** Origin of the log that this statement is bound to (THREATS A1). */
  readonly log: string
  readonly registry: string
  /** Unix seconds, the attester's own clock. */
  readonly observedAt: number
  readonly tarball: { readonly size: number; readonly sha1: string; readonly commitment: string }
  readonly contents: {
    readonly tarSha256: string
    readonly h1: string
    readonly files: number
    readonly unpackedSize: number
    /** Hex SHA-256 of the manifest document. */
    readonly manifest: string
    readonly executables: { readonly count: number; readonly sha256: string }
  }
  readonly package: {
    readonly name: string
    readonly version: string
    readonly scripts: ReadonlyMap<string, string>
    readonly gyp: readonly string[]
    readonly dependencies: ReadonlyMap<string, string>
    readonly optionalDependencies: ReadonlyMap<string, string>
    readonly peerDependencies: ReadonlyMap<string, string>
    readonly bundled: readonly string[]
  }
  readonly packument: {
    readonly publishedAt: number | null
    readonly publisher: string | null
    readonly repository: string | null
    /** Members in which the packument differs from the tarball; empty for honest packages. */
    readonly mismatch: readonly string[]
  }
  /** What the registry and its signers attest, verified (packages/spec/upstream.md). */
  readonly upstream: Upstream
  /** What is new against the versions before it, as this attester sees it. */
  readonly history: History
}

const read = shapeReader("STATEMENT_MALFORMED", "statement")
const timeOrNull = /* @__PURE__ */ nullable(timeMember)
const nameOrNull = /* @__PURE__ */ nullable(textMember(NAME_LENGTH_MAX))
const textOrNull = /* @__PURE__ */ nullable(textMember(TEXT_LENGTH_MAX))

/**
 * Reads an attester's own observation. Strict: canonical JSON, every member, no other.
 * Does not check that the statement stands in the log it names; verify does (THREATS A1).
 *
 * @throws VouchsafeError STATEMENT_MALFORMED, JSON_NOT_CANONICAL, PURL_MALFORMED.
 */
export function parseObservation(text: string): Observation {
  return observationOf(parseOwnStatement(text, read))
}

/** Reads the predicate of a statement whose frame is read already. */
export function observationOf({ purl, sha512, predicateType, predicate: value }: OwnStatement): Observation {
  read.oneOf(predicateType, "predicateType", [OBSERVATION_TYPE])
  const predicate = read.object(value, "predicate", ["kind", "log", "registry", "observedAt", "tarball", "contents", "package", "packument", "upstream", "history"])
  read.oneOf(predicate["kind"], "predicate.kind", ["own"])
  return {
    purl, sha512,
    log: logMember(predicate["log"], "predicate.log", read),
    registry: registryMember(predicate["registry"], "predicate.registry", read),
    observedAt: timeMember(predicate["observedAt"], "predicate.observedAt", read),
    tarball: parseTarball(predicate["tarball"]),
    contents: parseContents(predicate["contents"]),
    package: parsePackage(predicate["package"]),
    packument: parsePackument(predicate["packument"]),
    upstream: upstreamMember(predicate["upstream"], "predicate.upstream", read),
    history: historyMember(predicate["history"], "predicate.history", read),
  }
}

function parseTarball(value: unknown): Observation["tarball"] {
  const tarball = read.object(value, "predicate.tarball", ["size", "sha1", "commitment"])
  return {
    size: countMember(tarball["size"], "predicate.tarball.size", read),
    sha1: read.pattern(tarball["sha1"], "predicate.tarball.sha1", HEX_SHA1, "40 lower-case hex digits"),
    commitment: sha256Member(tarball["commitment"], "predicate.tarball.commitment", read),
  }
}

function parseContents(value: unknown): Observation["contents"] {
  const at = "predicate.contents"
  const contents = read.object(value, at, ["tarSha256", "h1", "files", "unpackedSize", "manifest", "executables"])
  const executables = read.object(contents["executables"], `${at}.executables`, ["count", "sha256"])
  return {
    tarSha256: sha256Member(contents["tarSha256"], `${at}.tarSha256`, read),
    h1: h1Member(contents["h1"], `${at}.h1`, read),
    files: countMember(contents["files"], `${at}.files`, read),
    unpackedSize: wholeMember(contents["unpackedSize"], `${at}.unpackedSize`, read),
    manifest: sha256Member(contents["manifest"], `${at}.manifest`, read),
    executables: {
      count: wholeMember(executables["count"], `${at}.executables.count`, read),
      sha256: sha256Member(executables["sha256"], `${at}.executables.sha256`, read),
    },
  }
}

function parsePackage(value: unknown): Observation["package"] {
  const at = "predicate.package"
  const facts = read.object(value, at, ["name", "version", "scripts", "gyp", "dependencies", "optionalDependencies", "peerDependencies", "bundled"])
  const map = (key: string, length: number) => read.stringMap(facts[key], `${at}.${key}`, DEPENDENCIES_MAX, length)
  const paths = (key: string) => read.array(facts[key], `${at}.${key}`, PATHS_MAX).map((path, i) => read.string(path, `${at}.${key}[${i}]`, TEXT_LENGTH_MAX))
  return {
    name: read.string(facts["name"], `${at}.name`, NAME_LENGTH_MAX),
    version: read.string(facts["version"], `${at}.version`, NAME_LENGTH_MAX),
    scripts: map("scripts", SCRIPT_LENGTH_MAX),
    gyp: paths("gyp"),
    dependencies: map("dependencies", TEXT_LENGTH_MAX),
    optionalDependencies: map("optionalDependencies", TEXT_LENGTH_MAX),
    peerDependencies: map("peerDependencies", TEXT_LENGTH_MAX),
    bundled: paths("bundled"),
  }
}

function parsePackument(value: unknown): Observation["packument"] {
  const at = "predicate.packument"
  const packument = read.object(value, at, ["publishedAt", "publisher", "repository", "mismatch"])
  return {
    publishedAt: timeOrNull(packument["publishedAt"], `${at}.publishedAt`, read),
    publisher: nameOrNull(packument["publisher"], `${at}.publisher`, read),
    repository: textOrNull(packument["repository"], `${at}.repository`, read),
    mismatch: read.array(packument["mismatch"], `${at}.mismatch`, PATHS_MAX).map((name, i) => read.string(name, `${at}.mismatch[${i}]`, NAME_LENGTH_MAX)),
  }
}

/** Writes an observation as the canonical statement that goes into the log. `parseObservation` gives it back. */
export function formatObservation(observation: Observation): string {
  const { purl, sha512, package: facts, contents, tarball, packument, upstream, history, ...common } = observation
  const { scripts, dependencies, optionalDependencies, peerDependencies, ...lists } = facts
  const text = formatStatementText(purl, sha512, OBSERVATION_TYPE, {
    kind: "own", ...common, tarball, contents: { ...contents },
    package: {
      ...lists, scripts: plain(scripts), dependencies: plain(dependencies),
      optionalDependencies: plain(optionalDependencies), peerDependencies: plain(peerDependencies),
    },
    packument, upstream, history,
  })
  parseObservation(text)
  return text
}

