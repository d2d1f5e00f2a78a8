import { readFolder } from "./folder.ts"
import type { Contents } from "./types.ts"

/** Reads one place. The reader of archives is loaded for the first one. Never rejects. */
export async function readPlace(root: string, path: string, isArchive: boolean): Promise<Contents> {
  const absolute = `${root}/${path}`
  return isArchive ? (await import("./archive.ts")).readArchive(absolute) : readFolder(absolute)
}
