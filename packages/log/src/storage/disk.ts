/**
 * The few operations on files that durability rests on, as an argument, so that tests can make each of them fail.
 *
 * @packageDocumentation
 */
import { mkdir, open, rename, rm } from "node:fs/promises"

/** Writes to a file system. Rejections are those of Node. */
export interface Disk {
  makeDirectory(path: string): Promise<void>
  /** Creates a file that must not exist, and makes its bytes durable. */
  writeNew(path: string, bytes: Uint8Array): Promise<void>
  /** Atomic on POSIX: whoever opens `to` sees the former file or the new one, whole. */
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** Makes the names inside a directory durable. */
  syncDirectory(path: string): Promise<void>
}

const DIRECTORY_MODE = 0o700
const FILE_MODE = 0o600

/** The file system of this machine. */
export const nodeDisk: Disk = {
  async makeDirectory(path) {
    await mkdir(path, { recursive: true, mode: DIRECTORY_MODE })
  },
  async writeNew(path, bytes) {
    const file = await open(path, "wx", FILE_MODE)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
  },
  rename,
  async remove(path) {
    await rm(path, { force: true })
  },
  async syncDirectory(path) {
    // Windows opens no directories; its file systems journal names.
    if (process.platform === "win32") return
    const directory = await open(path, "r")
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  },
}
