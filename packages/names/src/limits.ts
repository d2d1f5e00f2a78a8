/** Bounds of what this package reads (spec/names.md, "Limits"). */

/** Longest text of a list, in UTF-16 units; all of them are ASCII. */
export const LIST_LENGTH_MAX = 524_288
/** Names of one list. Indexes refer to them with 16 bits. */
export const LIST_NAMES_MAX = 60_000
/** Longest name of a list, and longest name that is looked up: the registry's own bound. Longer ones resemble nothing. */
export const NAME_LENGTH_MAX = 214
/** Names in use that one look-up compares with besides the list. */
export const USED_NAMES_MAX = 20_000
