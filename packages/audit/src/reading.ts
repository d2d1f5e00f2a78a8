import { discover } from "./discover.ts"
import { readPlaces } from "./pool.ts"
import type { Contents, Discovery } from "./types.ts"

/** A folder whose packages are being read. */
export interface FolderReading {
  /** Absolute path. */
  readonly root: string
  readonly discovery: Discovery
  /** Contents in the order of the places found. @throws what a thread that failed threw. */
  contents(): Promise<readonly Contents[]>
  /** Ends the threads, if they still read. To be called whatever comes of the audit. */
  stop(): void
}

/**
 * Finds the packages of a folder and begins to read them.
 * @param threads - see `readPlaces`
 * @throws VouchsafeError DISK for a folder that cannot be listed.
 */
export function readAudited(root: string, threads?: number): FolderReading {
  const discovery = discover(root)
  const stopped = new AbortController()
  const reading = readPlaces(root, discovery.places, { threads, signal: stopped.signal }).then((contents) => () => contents, (cause: unknown) => () => { throw cause })
  return { root, discovery, contents: async () => (await reading)(), stop: () => stopped.abort() }
}
