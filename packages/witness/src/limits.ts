/**
 * Limits of a witness.
 *
 * @packageDocumentation
 */

/** Bytes of an add-checkpoint request; public witnesses have the same limit. */
export const ADD_CHECKPOINT_BYTES_MAX = 128 * 1024
/** Hashes of a consistency proof (STANDARDS §6). */
export const PROOF_HASHES_MAX = 63
/** Pieces of evidence kept for one log: the first ones prove as much as all. */
export const MISBEHAVIOR_PER_LOG_MAX = 16
/** Seconds that the clock may step back without the witness naming an earlier time than it named before. */
export const CLOCK_STEP_BACK_SECONDS_MAX = 300
/** Times that a request is judged anew because another one moved the head meanwhile. */
export const RACES_MAX = 8
/** Seconds within which a head that is asked for again is cosigned with the time of before, and nothing is written. */
export const REFRESH_SECONDS_MIN = 10
