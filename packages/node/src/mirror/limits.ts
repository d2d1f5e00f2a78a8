/** Entries of a notices log that is mirrored: clients take 50,000. */
export const NOTICES_ENTRIES_MAX = 1_000_000
/** Path below which copies are served, as C2SP tlog-mirror has it. */
export const MIRROR_PREFIX = "/mirror/"
/** Folder of all copies in the data folder. */
export const MIRROR_FOLDER = "mirrors"
/** How often this node's own witness is asked for what it cosigned, in ms: it sees a log's heads before anybody else. */
export const WITNESS_LOOK_MS = 5_000
