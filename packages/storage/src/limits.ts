/**
 * Limits of storage on other machines.
 *
 * @packageDocumentation
 */

/** Milliseconds to reach PostgreSQL, and for one statement there. */
export const POSTGRES_CONNECT_MS_MAX = 10_000
export const POSTGRES_STATEMENT_MS_MAX = 30_000
/** Milliseconds to wait for somebody else's transaction on the same rows. */
export const POSTGRES_LOCK_MS_MAX = 5000
/** Milliseconds for which a sequencer that is not heard of keeps its log: one that hangs is replaced after that, one that died at once. */
export const LEASE_MS = 15_000
/** Renewals within that time. */
export const RENEWALS_PER_LEASE = 3
/** Milliseconds between two tries of a standby. */
export const TAKE_OVER_POLL_MS = 500
/** Connections of one reader. */
export const READER_CONNECTIONS_MAX = 4

/** Milliseconds for one request to object storage, and how often one is made before it counts as failed. */
export const OBJECT_REQUEST_MS_MAX = 30_000
export const OBJECT_ATTEMPTS_MAX = 4
/** Milliseconds before the second attempt; doubled before each further one. */
export const OBJECT_RETRY_MS = 100
/** Requests of one call to object storage that run at once. */
export const OBJECT_PARALLEL_MAX = 16
/** Bytes of the largest full entry bundle: 256 entries with their lengths. */
export const LOG_FILE_BYTES_MAX = 256 * (65_535 + 2)
/** Bytes of one document. */
export const BLOB_BYTES_MAX = 64 * 1024 * 1024
/** Bytes of one page of a listing, and pages of one. 1,000 names a page. */
export const LISTING_BYTES_MAX = 4 * 1024 * 1024
export const LISTING_PAGES_MAX = 100_000
/** Bytes of an answer that says why a request was refused. */
export const REFUSAL_BYTES_MAX = 64 * 1024
/** Bytes of a file with credentials or certificates. */
export const SECRET_FILE_BYTES_MAX = 256 * 1024
/** Bytes of a checkpoint object. */
export const CHECKPOINT_BYTES_MAX = 65_536
/** Seconds for which a cache may keep it. */
export const CHECKPOINT_FRESH_SECONDS = 5
