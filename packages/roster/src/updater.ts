/**
 * The updater of `tuf-js`, with what has to be known of it beyond its interface: its clock, its snapshot and its errors.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, VouchsafeError } from "@vouchsafe/core"
import { Updater } from "tuf-js"
import { DownloadHTTPError } from "tuf-js/dist/error.js"
import { ROOT_BYTES_MAX, ROOT_ROTATIONS_MAX, SNAPSHOT_BYTES_MAX, TARGETS_BYTES_MAX, TIMESTAMP_BYTES_MAX } from "./limits.ts"
import { DELEGATED, PATH_BY_ROLE, type Role } from "./profile.ts"

/** What an updater works with. */
export interface UpdaterOptions {
  /** Folder in which the library finds what is known and keeps what it verifies. */
  readonly scratch: string
  readonly nowMs: number
  readonly rotationsMax?: number | undefined
  /** Gives a file of metadata by its name. Rejects with {@link noNewerRoot} where the roots end. */
  readonly download: (name: string, bytesMax: number) => Promise<Buffer>
}

/** `tuf-js` takes URLs; files are told by what stands after this. */
const BASE = "http://repository.invalid"
const STATUS_ABSENT = 404
const CONFIG = {
  maxDelegations: DELEGATED.length + 1, fetchRetries: 0,
  rootMaxLength: ROOT_BYTES_MAX, timestampMaxLength: TIMESTAMP_BYTES_MAX, snapshotMaxLength: SNAPSHOT_BYTES_MAX, targetsMaxLength: TARGETS_BYTES_MAX,
}

/** Makes an updater whose time is `nowMs`. Targets are not fetched by it. */
export function createUpdater({ scratch, nowMs, rotationsMax, download }: UpdaterOptions): Updater {
  const updater = new Updater({
    metadataDir: scratch, metadataBaseUrl: BASE, config: { ...CONFIG, maxRootRotations: rotationsMax ?? ROOT_ROTATIONS_MAX },
    fetcher: {
      downloadBytes: (url, bytesMax) => download(url.slice(BASE.length + 1), bytesMax),
      downloadFile: () => Promise.reject(new TypeError("targets are not fetched by the library")),
    },
  })
  setClock(updater, nowMs)
  return updater
}

/** By this the library knows that it has the newest root. */
export function noNewerRoot(): Error {
  return new DownloadHTTPError("no newer root", STATUS_ABSENT)
}

/** Length and hex SHA-256 of a target; undefined where there is none. Rejects with the library's errors. */
export async function targetInfo(updater: Updater, path: string): Promise<{ readonly length: number; readonly sha256: string } | undefined> {
  const role = DELEGATED.find((known) => PATH_BY_ROLE[known] === path)
  if (role !== "roster" && !isInSnapshot(updater, role as Role)) return undefined
  const info = await updater.getTargetInfo(path)
  return info === undefined ? undefined : { length: info.length, sha256: info.hashes["sha256"] ?? "" }
}

/** `tuf-js` fails on a delegated role that the snapshot does not name: one that has never had a target. */
function isInSnapshot(updater: Updater, role: Role): boolean {
  return Object.hasOwn(storeOf(updater).snapshot?.signed.meta ?? {}, `${role}.json`)
}

interface Store {
  referenceTime: Date
  readonly snapshot?: { readonly signed: { readonly meta: Readonly<Record<string, unknown>> } } | undefined
}

function storeOf(updater: Updater): Store {
  const store = (updater as unknown as { readonly trustedSet?: Store }).trustedSet
  if (!(store?.referenceTime instanceof Date)) throw new TypeError("tuf-js keeps its time elsewhere than version 4.1.0 does")
  return store
}

/** The library asks the machine's clock and takes no other; its one field is set, so that one clock judges everything. */
function setClock(updater: Updater, nowMs: number): void {
  storeOf(updater).referenceTime = new Date(nowMs)
}

/** The library's errors are told apart by the names of their classes. */
export function refusalFrom(error: unknown): VouchsafeError {
  if (isVouchsafeError(error)) return error
  const { name, message, constructor } = error instanceof Error ? error : new Error(String(error))
  const syscall = (error as NodeJS.ErrnoException).syscall
  if (syscall !== undefined) return new VouchsafeError("DISK", `${syscall} failed: ${message}`, { cause: error })
  const isOver = [name, constructor.name].includes("ExpiredMetadataError") || /\bis expired$/.test(message)
  if (isOver) return new VouchsafeError("ROSTER_EXPIRED", `roster: ${message}`, { cause: error, hint: "check the clock; if it is right, the source is frozen or nobody renewed the roster" })
  return new VouchsafeError("ROSTER_REFUSED", `roster: ${message}`, { cause: error, hint: "the source shows what the keyholders did not sign, or older metadata than was seen; nothing was taken from it" })
}
