/** Most entries of folders that are looked at in one audit. */
export const ENTRIES_MAX = 4_000_000
/** Deepest folder below the audited one. */
export const DEPTH_MAX = 256
/** Largest file that is hashed, in bytes; a tarball inflates to 1 GiB at most (packages/spec/observation.md). */
export const FILE_BYTES_MAX = 1_073_741_824
/** Largest package.json that is read for its name, in bytes: as attesters. */
export const PACKAGE_JSON_BYTES_MAX = 4_194_304
/** Most files of one package: as attesters. */
export const PACKAGE_FILES_MAX = 200_000
/** Most entries of one of Yarn's archives, and the bytes that all of them inflate to. */
export const ARCHIVE_ENTRIES_MAX = 200_000
export const ARCHIVE_BYTES_MAX = 2_147_483_648
/** Largest file manifest, in bytes: 100,000 files with paths of 1,024 bytes. */
export const MANIFEST_BYTES_MAX = 134_217_728
/** Largest patch of a project, in bytes, and most of them. */
export const PATCH_BYTES_MAX = 16_777_216
export const PATCHES_MAX = 10_000
/** Packages that a thread takes at a time. */
export const BATCH_PLACES = 16
/** Fewer packages are hashed where they were found: starting threads would take longer. */
export const INLINE_PLACES_MAX = 48
export const WORKERS_MAX = 8
