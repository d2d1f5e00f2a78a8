/** Pause between rounds of following, in ms; each is varied by up to a tenth, so that nodes do not ask all at once. */
export const FOLLOW_MS = 600_000
export const FOLLOW_SPREAD = 0.1
/** For all sources of one round together, in ms. */
export const FOLLOW_BUDGET_MS = 60_000
/** How long the end of a node waits for a round in work, in ms. */
export const FOLLOW_STOP_WAIT_MS = 5_000
/** Folder of what was verified, in the data folder. */
export const GOVERNANCE_FOLDER = "governance"
/** Path below which the verified repository is served. */
export const REPOSITORY_PREFIX = "/tuf/"
/** Longest file of a first root, in bytes. */
export const GENESIS_BYTES_MAX = 131_072
