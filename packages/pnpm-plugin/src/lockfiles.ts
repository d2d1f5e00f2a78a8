import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parseLockfile, type LockfileEntry } from "@vouchsafe/client/lockfile"
import { VouchsafeError } from "@vouchsafe/core"
import type { LockedPackage } from "./types.ts"

const NAME = "pnpm-lock.yaml"
/** Folders looked into for lockfiles of a workspace's members. */
const FOLDERS_MAX = 50_000

/** A lockfile as `preResolution` would hand it out. */
export interface ReadLockfile {
  readonly dir: string
  readonly packages: Readonly<Record<string, LockedPackage>>
}

/** Reads the lockfile of a folder, if it has one. @throws VouchsafeError LOCKFILE_MALFORMED, DISK. */
export function readLockfile(dir: string): ReadLockfile | undefined {
  const text = textOf(join(dir, NAME))
  if (text === undefined) return undefined
  return { dir, packages: Object.fromEntries(parseLockfile(NAME, text).entries.map(packageOf)) }
}

/** Folders of all lockfiles below a workspace's root, for members with lockfiles of their own. */
export function lockfileDirs(root: string): readonly string[] {
  const found: string[] = []
  const folders = [root]
  for (let i = 0; i < folders.length; i++) {
    const folder = folders[i] as string
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isFile() && entry.name === NAME) found.push(folder)
      if (entry.isDirectory() && entry.name !== "node_modules" && !entry.name.startsWith(".")) folders.push(join(folder, entry.name))
    }
    if (folders.length > FOLDERS_MAX) throw new VouchsafeError("CONFIG_MALFORMED", `${root} has more than ${FOLDERS_MAX} folders to look for lockfiles in`)
  }
  return found
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8")
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined
    throw new VouchsafeError("DISK", `${path} cannot be read`, { cause })
  }
}

function packageOf({ kind, name, version, where, integrity, resolved }: LockfileEntry): [string, LockedPackage] {
  const common = { ...(integrity === undefined ? {} : { integrity }) }
  if (kind === "registry") return [`${name}@${version}`, { resolution: { ...common, ...(resolved === undefined ? {} : { tarball: resolved }) } }]
  if (kind === "link") return [where, { resolution: { type: "directory", directory: resolved?.replace(/^file:/, "") } }]
  if (kind === "file") return [where, { resolution: { ...common, tarball: resolved } }]
  return [where, { resolution: { type: kind } }]
}
