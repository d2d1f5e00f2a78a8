import { asDiskError } from "@vouchsafe/sqlite"

/** True for Node's error about a file that does not exist. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT"
}

/** What disk or database threw as a typed error; LOG_BROKEN for a damaged database. */
export function asLogDiskError(what: string, error: unknown): Error {
  return asDiskError(what, error, { damaged: "LOG_BROKEN" })
}
