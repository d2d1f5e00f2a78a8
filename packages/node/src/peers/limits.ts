/** Largest status document of another node: most of it is who is connected. */
export const STATUS_BYTES_MAX = 512 * 1024
export const STATUS_TIMEOUT_MS = 5_000
/** Addresses that are taken from one status document. */
export const STATUS_ADDRESSES_MAX = 16
/** Nodes asked at the same time. */
export const STATUS_PARALLEL_MAX = 8
/** Largest file of known peers; what it may hold is p2p's to say. */
export const KNOWN_FILE_BYTES_MAX = 4 * 1024 * 1024
