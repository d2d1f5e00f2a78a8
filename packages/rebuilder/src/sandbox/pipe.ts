import { execFile } from "node:child_process"
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs"
import { Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

const MAKE_TIMEOUT_MS = 10_000

/** A pipe whose writing end is given to a run as its standard output and standard error. */
export interface OutputPipe {
  readonly writeFd: number
  /** Reading end; ends when no process holds the writing end. Handed out once the writing end is given away, which closes it here. */
  start(): Socket
}

/**
 * A pipe of the kernel. What Node gives to children as pipes are sockets, which programs cannot open by name: `> /dev/stderr` in
 * somebody's build would fail here and nowhere else. Its name is gone at once.
 */
export async function openPipe(): Promise<OutputPipe> {
  const folder = mkdtempSync(join(tmpdir(), "vouchsafe-pipe-"))
  try {
    const path = join(folder, "out")
    // whoever runs inside may be another user than this one
    await promisify(execFile)("mkfifo", ["-m", "622", path], { timeout: MAKE_TIMEOUT_MS })
    const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const writeFd = openSync(path, constants.O_WRONLY)
    return {
      writeFd,
      start() {
        closeSync(writeFd)
        return new Socket({ fd: readFd, readable: true, writable: false })
      },
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
