/** Longest lockfile in UTF-16 code units. */
export const LOCKFILE_LENGTH_MAX = 134_217_728
/** Most entries of a lockfile. */
export const LOCKFILE_ENTRIES_MAX = 100_000
/** Deepest nesting of packages inside of packages in a package-lock. */
export const LOCKFILE_DEPTH_MAX = 64
