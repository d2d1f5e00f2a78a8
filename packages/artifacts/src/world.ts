/**
 * What the parts of a store share: where its files are, room for them, and how an artifact comes and goes.
 *
 * @packageDocumentation
 */
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { HEX_SHA512, VouchsafeError } from "@vouchsafe/core"
import type { Clock } from "@vouchsafe/ports"
import { type ChunkList, formatChunkList } from "./chunks.ts"
import { type Files, onDisk, privateFolder, writeWhole } from "./files.ts"
import type { Audience, Shelf } from "./shelf.ts"

/** One store, as its parts see it. */
export interface StoreWorld {
  readonly directory: string
  readonly files: Files
  readonly clock: Clock
  readonly shelf: Shelf
  /** A path of an artifact. @throws TypeError for what is no digest. */
  pathOf(sha512: string, audience: Audience, suffix: "tgz" | "chunks"): string
  /** A fresh path for a spool. */
  spoolPath(): string
  /** Makes room for further bytes, which count until {@link release}. @throws VouchsafeError DISK. */
  reserve(bytes: number): Promise<void>
  release(bytes: number): void
  /** Removes an artifact. */
  remove(sha512: string): Promise<void>
  /** Gives a whole, hashed file its name. */
  adopt(path: string, sha512: string, list: ChunkList, audience: Audience): Promise<void>
}

/** Nothing of the folder is read or made yet. */
export function createWorld({ directory, files, clock, shelf }: Pick<StoreWorld, "directory" | "files" | "clock" | "shelf">): StoreWorld {
  const world: StoreWorld = {
    directory, files, clock, shelf,
    pathOf(sha512, audience, suffix) {
      if (!HEX_SHA512.test(sha512)) throw new TypeError("an artifact is named by 128 lower-case hex digits")
      return join(directory, audience === "everybody" ? "shared" : "own", sha512.slice(0, 2), `${sha512}.${suffix}`)
    },
    spoolPath: () => join(directory, "spool", `${randomBytes(16).toString("hex")}.new`),
    async reserve(bytes) {
      const victims = shelf.reserve(bytes)
      if (victims === undefined) throw new VouchsafeError("DISK", `no room for ${bytes} bytes: ${shelf.counts().pinnedBytes} of ${shelf.quotaBytes} are pinned, the rest is being written`, { hint: "raise artifactQuota, or unpin something" })
      try {
        for (const sha512 of victims) await world.remove(sha512)
      } catch (error) {
        shelf.release(bytes)
        throw error
      }
    },
    release: (bytes) => shelf.release(bytes),
    async remove(sha512) {
      const entry = shelf.remove(sha512)
      if (entry === undefined) return
      for (const suffix of ["tgz", "chunks"] as const) await onDisk("remove an artifact", () => files.rm(world.pathOf(sha512, entry.audience, suffix), { force: true }))
    },
    async adopt(path, sha512, list, audience) {
      const held = shelf.find(sha512, "owner")
      if (held !== undefined && (held.audience === "everybody" || audience === "owner")) {
        await onDisk("remove a spool", () => files.rm(path, { force: true }))
        return
      }
      await privateFolder(files, join(world.pathOf(sha512, audience, "tgz"), ".."))
      await onDisk("keep an artifact", async () => {
        await writeWhole(files, world.pathOf(sha512, audience, "chunks"), formatChunkList(sha512, list), false)
        await files.rename(path, world.pathOf(sha512, audience, "tgz"))
      })
      // What only the node's user could have is now everybody's.
      if (held !== undefined) await world.remove(sha512)
      shelf.add(sha512, { size: list.size, audience, touchedMs: clock.nowMs() })
    },
  }
  return world
}
