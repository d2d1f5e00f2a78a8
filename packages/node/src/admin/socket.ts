/**
 * Where the person's own programs find the node: a Unix socket that nobody else can open (THREATS, row "another local user").
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import { chmodSync, closeSync, existsSync, lstatSync, mkdirSync, openSync, readlinkSync, rmSync, symlinkSync } from "node:fs"
import type { Server } from "node:http"
import { connect } from "node:net"
import { basename, dirname, join } from "node:path"
import type { Logger } from "../logger.ts"

/** The system's limit on the length of a socket's path, in bytes, less its final NUL. */
const SOCKET_PATH_BYTES_MAX = process.platform === "darwin" ? 103 : 107
const PROBE_TIMEOUT_MS = 1_000

/**
 * Starts `server` on `<data>/admin.sock`, 0600 in the 0700 data folder. The folder is held, so a socket found there is a dead one.
 * @throws VouchsafeError CONFIG_MALFORMED when the path is too long for this system.
 */
export async function listenAdmin(server: Server, path: string): Promise<void> {
  rmSync(path, { force: true })
  const short = shortPath(path)
  server.once("close", short.release)
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(short.path, () => {
      server.removeListener("error", reject)
      resolve()
    })
  })
  chmodSync(path, 0o600)
}

/** Another name of the same place, where the system cannot take a long one: Linux names open folders by number. */
function shortPath(path: string): { readonly path: string; readonly release: () => void } {
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return { path, release: () => undefined }
  if (process.platform !== "linux") {
    throw new VouchsafeError("CONFIG_MALFORMED", `admin socket ${path} has ${Buffer.byteLength(path)} bytes, expected at most ${SOCKET_PATH_BYTES_MAX}`, {
      hint: "give the node a data folder with a shorter path (--data)",
    })
  }
  const folder = openSync(dirname(path), "r")
  return { path: `/proc/self/fd/${folder}/${basename(path)}`, release: () => closeSync(folder) }
}

/** What became of the link that clients look for. */
export interface ClientLink {
  readonly path: string | undefined
  /** Removes the link if it is still this node's. */
  remove(): void
}

const NO_LINK: ClientLink = { path: undefined, remove: () => undefined }

/**
 * Links `$XDG_RUNTIME_DIR/vouchsafe/node.sock` to the admin socket. The first daemon of a user has the link; another one on
 * the same machine keeps its own socket and takes the link only when nobody answers behind it.
 * A runtime folder that is not the user's own, or open to others, is not used: a client would trust what lies there.
 */
export async function linkForClients(socket: string, runtimeDir: string | undefined, logger: Logger): Promise<ClientLink> {
  if (runtimeDir === undefined || runtimeDir === "") return NO_LINK
  const folder = join(runtimeDir, "vouchsafe")
  if (!isOwnFolder(runtimeDir)) {
    logger.warn({ folder: runtimeDir }, "the runtime folder is not this user's own with mode 0700: no link for clients")
    return NO_LINK
  }
  mkdirSync(folder, { mode: 0o700, recursive: true })
  if (!isOwnFolder(folder)) {
    logger.warn({ folder }, "the folder for sockets is not this user's own with mode 0700: no link for clients")
    return NO_LINK
  }
  const path = join(folder, "node.sock")
  if (linkTarget(path) !== undefined && linkTarget(path) !== socket && await answers(path)) {
    logger.info({ link: path }, "another node of this user has the clients' link; this one is reached at its own socket")
    return NO_LINK
  }
  rmSync(path, { force: true })
  try {
    symlinkSync(socket, path)
  } catch (error) {
    // Two nodes started at the same moment: the other one was faster.
    logger.info({ link: path, error: (error as NodeJS.ErrnoException).code ?? "unknown" }, "the clients' link was taken by another node")
    return NO_LINK
  }
  return {
    path,
    remove() {
      if (linkTarget(path) === socket) rmSync(path, { force: true })
    },
  }
}

function isOwnFolder(path: string): boolean {
  try {
    const found = lstatSync(path)
    return found.isDirectory() && (found.mode & 0o077) === 0 && found.uid === process.getuid?.()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false
    throw error
  }
}

/** Where a link points, `""` for something that is no link, undefined for nothing. */
function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : ""
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
}

/** Tells whether anybody listens behind a socket, whose path may be longer than the system takes. */
export async function isAnswered(path: string): Promise<boolean> {
  return existsSync(dirname(path)) && await withSocketPath(path, answers)
}

/** Uses a socket under a path that the system takes. */
export async function withSocketPath<T>(path: string, use: (path: string) => Promise<T>): Promise<T> {
  const short = shortPath(path)
  try {
    return await use(short.path)
  } finally {
    short.release()
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const done = (alive: boolean): void => {
      socket.destroy()
      resolve(alive)
    }
    socket.setTimeout(PROBE_TIMEOUT_MS, () => done(false))
    socket.once("connect", () => done(true))
    socket.once("error", () => done(false))
  })
}
