/**
 * What PostgreSQL and the way to it report, as typed errors. No message repeats a statement's values, a password or a connection string.
 *
 * @packageDocumentation
 */
import { type ErrorCode, isVouchsafeError, shown, VouchsafeError } from "@vouchsafe/core"

/** Five characters: class and condition of SQL's error codes. */
const SQLSTATE = /^[0-9A-Z]{5}$/

/** Whole codes first, then classes (the first two characters). */
const CODE_BY_SQLSTATE: Readonly<Record<string, ErrorCode>> = {
  "57014": "TIMEOUT", // query_canceled: statement_timeout
  "55P03": "TIMEOUT", // lock_not_available
  "25P03": "TIMEOUT", // idle_in_transaction_session_timeout
  "57P01": "UNREACHABLE", // admin_shutdown, also pg_terminate_backend
  "57P02": "UNREACHABLE", // crash_shutdown
  "57P03": "UNREACHABLE", // cannot_connect_now
  "53300": "UNREACHABLE", // too_many_connections
  "3D000": "UNREACHABLE", // no such database
  "25006": "STATE_UNSAFE", // read_only_sql_transaction: a standby
  "08": "UNREACHABLE", // connection exceptions
  "28": "UNREACHABLE", // invalid authorization
  "XX": "LOG_BROKEN", // internal errors: data_corrupted, index_corrupted
}

const CODE_BY_SYSTEM_CODE: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: "UNREACHABLE", ECONNRESET: "UNREACHABLE", EPIPE: "UNREACHABLE", ENOTFOUND: "UNREACHABLE", EAI_AGAIN: "UNREACHABLE",
  EHOSTUNREACH: "UNREACHABLE", ENETUNREACH: "UNREACHABLE", ENOENT: "UNREACHABLE", EACCES: "UNREACHABLE", ETIMEDOUT: "TIMEOUT",
}

/** The server's code of an error, undefined where the error is not the server's answer. */
export function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined
  return SQLSTATE.test(error.code) && "severity" in error ? error.code : undefined
}

function codeOf(error: unknown): ErrorCode {
  const sqlState = sqlStateOf(error)
  if (sqlState !== undefined) return CODE_BY_SQLSTATE[sqlState] ?? CODE_BY_SQLSTATE[sqlState.slice(0, 2)] ?? "DISK"
  const systemCode = error instanceof Error && "code" in error ? String(error.code) : ""
  const known = CODE_BY_SYSTEM_CODE[systemCode]
  if (known !== undefined) return known
  const words = error instanceof Error ? error.message : ""
  if (/timeout/i.test(words)) return "TIMEOUT"
  // Whatever else is no answer of the server is about the way to it: a connection that ended, TLS that was refused.
  return "UNREACHABLE"
}

/** The server's words without the values that some of them repeat. */
function reasonOf(error: unknown): string {
  const words = error instanceof Error && error.message !== "" ? error.message : String(error)
  const sqlState = sqlStateOf(error)
  return sqlState === undefined ? shown(words) : `${shown(words)} (${sqlState})`
}

/** Turns what the client library threw into a typed error; typed errors and bugs pass through. */
export function asPostgresError(what: string, error: unknown): Error {
  if (isVouchsafeError(error) || error instanceof RangeError) return error
  return new VouchsafeError(codeOf(error), `${what}: ${reasonOf(error)}`, { cause: error })
}
