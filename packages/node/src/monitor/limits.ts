/** How often heads are judged, and this node's own logs read, in ms. */
export const MONITOR_MS = 60_000
/** Log lines about findings of one kind and log; the counter goes on. */
export const FINDING_LINES_MAX = 20
/** The monitor's memory, in the data folder. */
export const MONITOR_FILE = "monitor.sqlite"
