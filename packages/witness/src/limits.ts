/** Largest add-checkpoint body: 63 proof hashes and a checkpoint with many signatures fit (other witnesses use the same cap). */
export const BODY_BYTES_MAX = 131_072
/** Most hashes of a consistency proof (C2SP tlog-witness). */
export const PROOF_HASHES_MAX = 63
/** Pieces of evidence of misbehavior kept for one log: enough to convict, too few to fill a disk. */
export const MISBEHAVIOR_PER_LOG_MAX = 4
/** Times that a lost race for one log is tried anew. */
export const SWAP_ATTEMPTS_MAX = 3
