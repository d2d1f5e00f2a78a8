/**
 * The one error class of the project and the closed list of its codes.
 *
 * Codes are never renamed and never reused: programs branch on them.
 *
 * @packageDocumentation
 */

/** What went wrong, as far as the caller's next step is concerned. */
export type ErrorKind = "input" | "operational" | "misbehavior"

/** Somebody's bytes do not parse. */
const INPUT = [
  "BASE64_MALFORMED",
  "DECIMAL_MALFORMED",
  "UTF8_MALFORMED",
  "HEX_MALFORMED",
  "JSON_NOT_CANONICAL",
  "NOTE_MALFORMED",
  "NOTE_UNVERIFIED",
  "NOTE_KEY_AMBIGUOUS",
  "VKEY_MALFORMED",
  "CHECKPOINT_MALFORMED",
  "COSIGNATURE_MALFORMED",
  "TILE_MALFORMED",
  "TILE_PATH_MALFORMED",
  "PROOF_MALFORMED",
  "POLICY_TEXT_MALFORMED",
  "DSSE_MALFORMED",
  "STATEMENT_MALFORMED",
  "PURL_MALFORMED",
  "SRI_MALFORMED",
  "DIRHASH_MALFORMED",
  "ROSTER_MALFORMED",
  "CONFIG_MALFORMED",
  "EVIDENCE_MALFORMED",
  "NOTICE_MALFORMED",
  "LOCKFILE_MALFORMED",
  "LOCK_MALFORMED",
  "TARBALL_AMBIGUOUS",
  "TARBALL_HOSTILE",
  "TARBALL_TOO_LARGE",
  "PACKUMENT_MALFORMED",
  "REQUEST_MALFORMED",
  "MISBEHAVIOR_MALFORMED",
  "ATTESTATIONS_MALFORMED",
  "TRUST_ROOT_MALFORMED",
  "REGISTRY_KEYS_MALFORMED",
  "LIST_MALFORMED",
  "NAMES_MALFORMED",
  "USAGE",
] as const

/** The world failed, retrying may help. */
const OPERATIONAL = [
  "UNREACHABLE",
  "TIMEOUT",
  "DISK",
  "UPSTREAM_FAILED",
  "SOURCE_PENDING",
  "ADDRESS_REFUSED",
  "NOT_FOUND",
  "LOG_BROKEN",
  "STATE_UNSAFE",
  "RUNTIME_TOO_OLD",
  "CLOCK_BEHIND",
  "TRUST_ROOT_EXPIRED",
  "TRUST_ROOT_REFUSED",
  "ROSTER_EXPIRED",
  "ROSTER_REFUSED",
] as const

/** Signed evidence that a log lied; `details` hold what is needed to show it. */
const MISBEHAVIOR = [
  "LOG_FORKED",
  "LOG_ROLLED_BACK",
  "LOG_EQUIVOCATED_STATEMENT",
] as const

/** One of the codes. */
export type ErrorCode = (typeof INPUT | typeof OPERATIONAL | typeof MISBEHAVIOR)[number]

/** Every code with its kind. */
export const KIND_BY_CODE = /* @__PURE__ */ kindByCode({ input: INPUT, operational: OPERATIONAL, misbehavior: MISBEHAVIOR })

function kindByCode(codes: Readonly<Record<ErrorKind, readonly ErrorCode[]>>): Readonly<Record<ErrorCode, ErrorKind>> {
  const kinds = Object.entries(codes) as [ErrorKind, readonly ErrorCode[]][]
  return Object.fromEntries(kinds.flatMap(([kind, list]) => list.map((code) => [code, kind]))) as Record<ErrorCode, ErrorKind>
}

/** What may accompany a {@link VouchsafeError} besides its message. */
export interface ErrorMore {
  /** The facts, for programs. */
  readonly details?: Readonly<Record<string, string | number>>
  /** The next step for a person. */
  readonly hint?: string | undefined
  /** The error that this one replaces. */
  readonly cause?: unknown
}

/** The only error this project throws on purpose. Branch on `code` or `kind`, never on `message`. */
export class VouchsafeError extends Error {
  override readonly name = "VouchsafeError"
  readonly code: ErrorCode
  readonly kind: ErrorKind
  readonly hint: string | undefined
  readonly details: Readonly<Record<string, string | number>>

  constructor(code: ErrorCode, message: string, more: ErrorMore = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.code = code
    this.kind = KIND_BY_CODE[code]
    this.hint = more.hint
    this.details = Object.freeze({ ...more.details })
  }
}

/** Makes the errors of one module: one code, and messages that begin alike. */
export function refusals(code: ErrorCode, start: string): (why: string, cause?: unknown) => VouchsafeError {
  return (why, cause) => new VouchsafeError(code, start + why, { cause })
}

/** What `read` reads, or undefined for bytes that it refuses with a {@link VouchsafeError}. */
export function unlessRefused<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (isVouchsafeError(error)) return undefined
    throw error
  }
}

/** The same where only bad bytes are nothing: a world that failed, or a log that lied, is still thrown. */
export function unlessMalformed<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (isVouchsafeError(error) && error.kind === "input") return undefined
    throw error
  }
}

/**
 * Tells whether `error` is a {@link VouchsafeError}, also one made by another installed copy of this package.
 * With `code`, also that it carries this code.
 */
export function isVouchsafeError(error: unknown, code?: ErrorCode): error is VouchsafeError {
  if (typeof error !== "object" || error === null) return false
  const candidate = error as { readonly name?: unknown; readonly code?: unknown }
  if (candidate.name !== "VouchsafeError" || typeof candidate.code !== "string") return false
  return code === undefined ? Object.hasOwn(KIND_BY_CODE, candidate.code) : candidate.code === code
}

/** Longest piece of foreign text that a message repeats, in UTF-16 units. */
const SHOWN_LENGTH_MAX = 80

/**
 * Quotes foreign text for a message: one line, printable, bounded.
 * Control and format characters (among them the ones that turn text around) become `?`.
 */
export function shown(text: string): string {
  const cut = text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text
  return `"${cut.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "?")}"`
}
