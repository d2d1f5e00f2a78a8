/**
 * One rebuilder's word about one artifact: what its source yields (packages/spec/rebuild.md).
 *
 * @packageDocumentation
 */
import { commitMember, factMember, factText, isPlaceholder, OPENPGP_FINGERPRINT, SSH_FINGERPRINT } from "./facts.ts"
import { booleanMember, countMember, type Members, nullable, objectMember, readMembers, sha256Member, sha512Member, timeMember, wholeMember, wordMember } from "./members.ts"
import { shapeReader } from "./shape.ts"
import {
  formatStatementText, h1Member, logMember, type OwnStatement, parseOwnStatement, plain, predicateMembers, REBUILD_TYPE, registryMember, URL_LENGTH_MAX,
} from "./statement-text.ts"

export const REBUILD_MATCHES = ["tgz", "tar", "contents", "none"] as const
/** How far the rebuilt package equals the published one: the same file, the same tar inside, the same files, or none of these. */
export type RebuildMatch = (typeof REBUILD_MATCHES)[number]

export const SOURCE_WAYS = ["given", "provenance", "gitHead", "tag", "history"] as const
/** How the commit was found. */
export type SourceWay = (typeof SOURCE_WAYS)[number]

export const SIGNATURE_STATES = ["valid", "unsigned", "unknown-signer", "bad", "unchecked"] as const
/** What came of checking the signature of the commit, or of the tag that names it. */
export interface CommitSignature {
  readonly state: (typeof SIGNATURE_STATES)[number]
  readonly kind: "ssh" | "openpgp" | null
  /** `SHA256:…` of an SSH key, or the upper-case hex fingerprint of an OpenPGP key. */
  readonly key: string | null
  /** Principal or user id; only of a valid signature. */
  readonly signer: string | null
}

/** A rebuild, as its statement says it. */
export interface Rebuild {
  /** The published artifact. */
  readonly purl: string
  readonly sha512: string
  /** Origin of the log that this statement is bound to (THREATS A1). */
  readonly log: string
  readonly registry: string
  /** Unix seconds, the rebuilder's own clock; startedAt ≤ rebuiltAt. */
  readonly startedAt: number
  readonly rebuiltAt: number
  readonly match: RebuildMatch
  readonly source: {
    /** URL that was cloned: https, or http and file in tests. No credentials. */
    readonly repository: string
    readonly commit: string
    /** `refs/tags/…` or `refs/heads/…` from which the commit is reachable. */
    readonly ref: string
    readonly foundBy: readonly SourceWay[]
    /** Of the package within the repository; empty for the root. */
    readonly directory: string
    readonly signature: CommitSignature
  }
  readonly recipe: {
    /** Hex SHA-256 of the recipe's document. */
    readonly sha256: string
    /** A reviewed recipe of its own, not the one that the rules choose. */
    readonly override: boolean
  }
  readonly environment: {
    /** Unix seconds: the registry view showed nothing later. */
    readonly frozenAt: number
    readonly node: string
    readonly manager: string
    readonly platform: string
    readonly sandbox: string
  }
  /** What came out of the build, described as the published artifact is in an observation. */
  readonly rebuilt: { readonly sha512: string; readonly tarSha256: string; readonly h1: string; readonly size: number; readonly files: number }
  readonly differences: {
    /** Paths that differ in contents or executable bit; 0 unless `match` is none. */
    readonly count: number
    readonly classes: ReadonlyMap<string, number>
    /** Hex SHA-256 of the vouchsafe-differences/v1 document, which nodes serve. */
    readonly document: string | null
  }
}

const CLASSES_MAX = 32
const CLASS = /^[A-Za-z][A-Za-z0-9._-]{0,62}$/
const DIRECTORY_LENGTH_MAX = 1_024
const REF_LENGTH_MAX = 400
const TEXT_LENGTH_MAX = 200
const SIGNER_LENGTH_MAX = 400
const NETWORK_REPOSITORY = /^https?:\/\/([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?((?:\/[A-Za-z0-9._~%+@-]+)+)\/?$/
const FILE_REPOSITORY = /^file:\/\/((?:\/[^/\s?#]+)+)\/?$/
const REF = /^refs\/(?:tags|heads)\/[^\s~^:?*[\\]+$/

const read = shapeReader("STATEMENT_MALFORMED", "statement")

/**
 * Reads a rebuild statement. Strict: canonical JSON, every member, no other; empty and placeholder source fields are refused.
 * @throws VouchsafeError STATEMENT_MALFORMED, JSON_NOT_CANONICAL, PURL_MALFORMED.
 */
export function parseRebuild(text: string): Rebuild {
  return rebuildOf(parseOwnStatement(text, read))
}

const PREDICATE: Members<Omit<Rebuild, "purl" | "sha512">> = {
  startedAt: timeMember,
  log: logMember,
  registry: registryMember,
  rebuiltAt: timeMember,
  match: /* @__PURE__ */ wordMember(REBUILD_MATCHES),
  source: /* @__PURE__ */ objectMember<Rebuild["source"]>({
    repository: repositoryMember,
    commit: commitMember,
    ref: refMember,
    foundBy: waysMember,
    directory: directoryMember,
    signature: signatureMember,
  }),
  recipe: /* @__PURE__ */ objectMember({ sha256: sha256Member, override: booleanMember }),
  environment: /* @__PURE__ */ objectMember<Rebuild["environment"]>({ frozenAt: timeMember, node: wordsMember, manager: wordsMember, platform: wordsMember, sandbox: wordsMember }),
  rebuilt: /* @__PURE__ */ objectMember({ sha512: sha512Member, tarSha256: sha256Member, h1: h1Member, size: countMember, files: countMember }),
  differences: differencesMember,
}

/** Reads the predicate of a statement whose frame is read already. */
export function rebuildOf({ purl, sha512, predicateType, predicate }: OwnStatement): Rebuild {
  read.oneOf(predicateType, "predicateType", [REBUILD_TYPE])
  const rebuild = { purl, sha512, ...predicateMembers(predicate, read, PREDICATE) }
  read.integer(rebuild.rebuiltAt, "predicate.rebuiltAt", rebuild.startedAt, Number.MAX_SAFE_INTEGER)
  checkAgreement(rebuild)
  return rebuild
}

/** The level must be the one that the other members show. */
function checkAgreement({ sha512, match, rebuilt, differences }: Rebuild): void {
  if ((match === "none") !== (differences.count > 0)) read.fail("predicate.match", differences.count > 0 ? "none, since files differ" : "a level, since no file differs", match)
  if ((match === "tgz") !== (rebuilt.sha512 === sha512)) read.fail("predicate.match", rebuilt.sha512 === sha512 ? "tgz, since the digests are equal" : "another level, since the digests differ", match)
}

function waysMember(value: unknown, at: string): readonly SourceWay[] {
  const ways = read.array(value, at, SOURCE_WAYS.length).map((way, i) => read.oneOf(way, `${at}[${i}]`, SOURCE_WAYS))
  if (ways.length === 0 || new Set(ways).size !== ways.length) read.fail(at, "at least one way, each once", ways.join(" "))
  return ways
}

function wordsMember(value: unknown, at: string): string {
  return factText(value, at, TEXT_LENGTH_MAX, read)
}

function repositoryMember(value: unknown, at: string): string {
  const url = factText(value, at, URL_LENGTH_MAX, read)
  const [, host, path] = NETWORK_REPOSITORY.exec(url) ?? []
  const isNamed = host !== undefined ? !isPlaceholder(host) && hasPlainPath(path ?? "") : hasPlainPath(FILE_REPOSITORY.exec(url)?.[1] ?? "/..")
  return isNamed ? url : read.fail(at, "a URL with scheme, host and path, without credentials", url)
}

function hasPlainPath(path: string): boolean {
  return !path.split("/").some((segment) => segment === "." || segment === "..")
}

/** A name as git allows it (git-check-ref-format), below refs/tags or refs/heads: never a pull request's (THREATS A10). */
function refMember(value: unknown, at: string): string {
  const ref = factText(value, at, REF_LENGTH_MAX, read)
  const isName = REF.test(ref) && !ref.includes("..") && !ref.includes("@{") && !ref.includes("//") && !/(?:\.|\/|\.lock)$/.test(ref) && !/\/\.|\.lock\//.test(ref)
  return isName ? ref : read.fail(at, "refs/tags/… or refs/heads/…", ref)
}

function directoryMember(value: unknown, at: string): string {
  if (value === "") return ""
  const path = factText(value, at, DIRECTORY_LENGTH_MAX, read)
  const isInside = !path.includes("\\") && path.split("/").every((segment) => segment !== "" && segment !== "." && segment !== "..")
  return isInside ? path : read.fail(at, "a path inside the repository, empty for its root", path)
}

function fingerprintMember(value: unknown, at: string, kind: CommitSignature["kind"]): string {
  return kind === "openpgp"
    ? read.pattern(value, at, OPENPGP_FINGERPRINT, "40 or 64 upper-case hex digits")
    : read.pattern(value, at, SSH_FINGERPRINT, "SHA256: and 43 characters of base64")
}

const SIGNATURE: Members<Omit<CommitSignature, "key"> & { readonly key: unknown }> = {
  state: /* @__PURE__ */ wordMember(SIGNATURE_STATES),
  kind: /* @__PURE__ */ nullable(wordMember(["ssh", "openpgp"])),
  // What a fingerprint looks like depends on the kind beside it.
  key: (value) => value,
  signer: /* @__PURE__ */ nullable(factMember(SIGNER_LENGTH_MAX)),
}

function signatureMember(value: unknown, at: string): CommitSignature {
  const { state, kind, key: fingerprint, signer } = readMembers(value, at, read, SIGNATURE)
  const key = fingerprint === null ? null : fingerprintMember(fingerprint, `${at}.key`, kind)
  const isSigned = kind !== null && key !== null
  if ((state === "valid" || state === "unknown-signer") && !isSigned) read.fail(at, `kind and key, for a signature that is ${state}`, "missing")
  if (state === "unsigned" && (kind !== null || key !== null)) read.fail(at, "neither kind nor key, where nothing is signed", "present")
  if (state !== "valid" && signer !== null) read.fail(`${at}.signer`, "null unless the signature is valid", signer)
  if (key !== null && kind === null) read.fail(`${at}.kind`, "the kind of the key", null)
  return { state, kind, key, signer }
}

function classesMember(value: unknown, at: string): ReadonlyMap<string, number> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return read.fail(at, "an object", value)
  const classes = new Map<string, number>()
  for (const [name, number] of Object.entries(value)) classes.set(read.pattern(name, at, CLASS, "names of classes"), countMember(number, `${at}.${name}`, read))
  if (classes.size > CLASSES_MAX) read.fail(at, `at most ${CLASSES_MAX} members`, `${classes.size} members`)
  return classes
}

const DIFFERENCES: Members<Rebuild["differences"]> = { count: wholeMember, classes: classesMember, document: /* @__PURE__ */ nullable(sha256Member) }

function differencesMember(value: unknown, at: string): Rebuild["differences"] {
  const differences = readMembers(value, at, read, DIFFERENCES)
  const { count, classes, document } = differences
  if (count === 0 && classes.size > 0) read.fail(`${at}.classes`, "no class, since no file differs", `${classes.size} members`)
  if (count > 0 && document === null) read.fail(`${at}.document`, "the document that names the differing files", null)
  return differences
}

/** Writes a rebuild as the canonical statement that goes into the log. `parseRebuild` gives it back. @throws as {@link parseRebuild}. */
export function formatRebuild(rebuild: Rebuild): string {
  const { purl, sha512, differences, ...rest } = rebuild
  const text = formatStatementText(purl, sha512, REBUILD_TYPE, { kind: "own", ...rest, differences: { ...differences, classes: plain(differences.classes) } })
  parseRebuild(text)
  return text
}
