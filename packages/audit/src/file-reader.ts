import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs"
import { PATCH_BYTES_MAX } from "./limits.ts"
import type { Place } from "./types.ts"

/** Some files of a package, one character a byte. Those that are too large to be patched are left out. */
export async function readTexts(root: string, { path: place, layout }: Place, files: ReadonlySet<string>): Promise<ReadonlyMap<string, string>> {
  if (layout === "archive") return (await import("./archive.ts")).readArchiveTexts(`${root}/${place}`, files, PATCH_BYTES_MAX)
  const texts = new Map<string, string>()
  for (const path of files) {
    const fd = openSync(`${root}/${place}/${path}`, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
    try {
      if (fstatSync(fd).size <= PATCH_BYTES_MAX) texts.set(path, readFileSync(fd, "latin1"))
    } finally {
      closeSync(fd)
    }
  }
  return texts
}
