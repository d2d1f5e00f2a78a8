/**
 * The one error class of the project and the closed list of its codes.
 *
 * Codes are never renamed and never reused: programs branch on them.
 *
 * @packageDocumentation
 */

/** What went wrong, as far as the caller's next step is concerned. */
export type ErrorKind = "input" | "operational" | "misbehavior"

/**
 * Every code with its kind.
 * `input`: somebody's bytes do not parse. `operational`: the world failed, retrying may help.
 * `misbehavior`: signed evidence that a log lied; `details` hold what is needed to show it.
 */
export const KIND_BY_CODE = {
  BASE64_MALFORMED: "input",
  DECIMAL_MALFORMED: "input",
  UTF8_MALFORMED: "input",
  HEX_MALFORMED: "input",
  JSON_NOT_CANONICAL: "input",
  NOTE_MALFORMED: "input",
  NOTE_UNVERIFIED: "input",
  NOTE_KEY_AMBIGUOUS: "input",
  VKEY_MALFORMED: "input",
  CHECKPOINT_MALFORMED: "input",
  COSIGNATURE_MALFORMED: "input",
  TILE_MALFORMED: "input",
  TILE_PATH_MALFORMED: "input",
  PROOF_MALFORMED: "input",
  POLICY_TEXT_MALFORMED: "input",
  DSSE_MALFORMED: "input",
  STATEMENT_MALFORMED: "input",
  PURL_MALFORMED: "input",
  SRI_MALFORMED: "input",
  DIRHASH_MALFORMED: "input",
  ROSTER_MALFORMED: "input",
  CONFIG_MALFORMED: "input",
  EVIDENCE_MALFORMED: "input",
  NOTICE_MALFORMED: "input",
  LOCKFILE_MALFORMED: "input",
  TARBALL_AMBIGUOUS: "input",
  TARBALL_HOSTILE: "input",
  TARBALL_TOO_LARGE: "input",
  PACKUMENT_MALFORMED: "input",
  REQUEST_MALFORMED: "input",
  MISBEHAVIOR_MALFORMED: "input",
  ATTESTATIONS_MALFORMED: "input",
  TRUST_ROOT_MALFORMED: "input",
  REGISTRY_KEYS_MALFORMED: "input",
  USAGE: "input",
  UNREACHABLE: "operational",
  TIMEOUT: "operational",
  DISK: "operational",
  UPSTREAM_FAILED: "operational",
  ADDRESS_REFUSED: "operational",
  NOT_FOUND: "operational",
  LOG_BROKEN: "operational",
  STATE_UNSAFE: "operational",
  RUNTIME_TOO_OLD: "operational",
  CLOCK_BEHIND: "operational",
  TRUST_ROOT_EXPIRED: "operational",
  TRUST_ROOT_REFUSED: "operational",
  LOG_FORKED: "misbehavior",
  LOG_ROLLED_BACK: "misbehavior",
  LOG_EQUIVOCATED_STATEMENT: "misbehavior",
} as const satisfies Record<string, ErrorKind>

/** One of the codes of {@link KIND_BY_CODE}. */
export type ErrorCode = keyof typeof KIND_BY_CODE

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
