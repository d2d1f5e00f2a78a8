/**
 * Copies end where a node's own logs would find no room: whoever runs another log decides how fast it grows, and with it all that copy it.
 *
 * @packageDocumentation
 */
import { statfs } from "node:fs/promises"
import { VouchsafeError } from "@vouchsafe/core"
import type { LogFiles } from "@vouchsafe/ports"
import { DISK_RESERVE_BYTES } from "./limits.ts"
import type { MirrorOptions } from "./types.ts"

/** Files that are written for as long as enough is left free. @throws VouchsafeError DISK, from `putFiles`, with nothing of that group stored. */
export function withRoom(files: Pick<LogFiles, "putFiles" | "readFile">, { directory, key, freeBytes = freeBytesOf }: Pick<MirrorOptions, "directory" | "key" | "freeBytes">): Pick<LogFiles, "putFiles" | "readFile"> {
  return {
    readFile: files.readFile,
    async putFiles(group) {
      const free = await freeBytes(directory)
      if (free < DISK_RESERVE_BYTES) {
        throw new VouchsafeError("DISK", `${directory} has ${free} bytes left, and ${DISK_RESERVE_BYTES} are kept free for this node's own logs: ${key.name} is not copied further`, {
          details: { free, origin: key.name },
          hint: "make room, or copy fewer logs (--mirror)",
        })
      }
      await files.putFiles(group)
    },
  }
}

async function freeBytesOf(directory: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(directory)
    return bavail * bsize
  } catch (cause) {
    throw new VouchsafeError("DISK", `${directory}: cannot be asked for its room (${(cause as NodeJS.ErrnoException).code ?? "unknown"})`, { cause })
  }
}
