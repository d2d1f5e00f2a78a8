/**
 * A control group for one run, where this process may make one: the kernel's own wall for memory and processes. Where it may
 * not (an ordinary user, most containers), the watchdog holds the limits alone.
 *
 * Groups are made below the one that this process is in, so that limits set on the node hold for its builds as well.
 *
 * @packageDocumentation
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { readOrGone } from "./processes.ts"

const REMOVE_TRIES = 50
const REMOVE_PAUSE_MS = 10
const PREFIX = "vouchsafe-sandbox-"
let made = 0

export interface CgroupLimits { readonly memoryBytes: number; readonly processes: number }

export interface Cgroup {
  /** Puts a process in, with all that it will start. False: the kernel said no. */
  join(pid: number): boolean
  /** The limit at which the kernel has stepped in, if it has. */
  exceeded(): "memory" | "processes" | undefined
  /** Resolves when the groups are gone, or will not go for now; the next run tries again. */
  remove(): Promise<void>
}

export interface CgroupPlaces {
  /** Where the hierarchies are mounted; default /sys/fs/cgroup. */
  readonly root?: string
  /** Which groups this process is in; default /proc/self/cgroup. */
  readonly self?: string
}

/** Makes a group; undefined where neither limit can be had that way. */
export function createCgroup(limits: CgroupLimits, places: CgroupPlaces = {}): Cgroup | undefined {
  const root = places.root ?? "/sys/fs/cgroup"
  const own = ownGroups(places.self ?? "/proc/self/cgroup")
  const name = `${PREFIX}${process.pid}-${made++}`
  const folders = parentsOf(root, own).flatMap((parent) => {
    removeLeftBehind(parent)
    const folder = join(parent, name)
    return attempt(() => mkdirSync(folder)) ? [folder] : []
  })
  const limited = folders.filter((folder) => limit(folder, limits))
  for (const folder of folders) if (!limited.includes(folder)) attempt(() => rmdirSync(folder))
  if (limited.length === 0) return undefined
  return {
    join: (pid) => limited.every((folder) => attempt(() => writeFileSync(join(folder, "cgroup.procs"), `${pid}\n`))),
    exceeded: () => limited.map(exceededIn).find((found) => found !== undefined),
    async remove() {
      for (let tries = 0; tries < REMOVE_TRIES; tries++) {
        if (limited.filter((folder) => existsSync(folder) && !attempt(() => rmdirSync(folder))).length === 0) return
        await wait(REMOVE_PAUSE_MS)
      }
    },
  }
}

/** Group of this process by controller; the one hierarchy of version 2 has the name "". */
function ownGroups(file: string): ReadonlyMap<string, string> {
  const text = readOrGone(() => readFileSync(file, "utf8")) ?? ""
  return new Map(text.split("\n").flatMap((line): [string, string][] => {
    const [, names, path] = /^[0-9]+:([^:]*):(\/.*)$/.exec(line) ?? []
    return names === undefined || path === undefined || path.includes("..") ? [] : names.split(",").map((name) => [name, path])
  }))
}

/** Folders in which to make a group: one for version 2, one a controller for version 1. */
function parentsOf(root: string, own: ReadonlyMap<string, string>): string[] {
  const unified = own.get("")
  if (unified !== undefined && existsSync(join(root, "cgroup.controllers"))) {
    const parent = join(root, unified)
    // refused where processes are in the group itself, as nearly everywhere but at the top
    attempt(() => writeFileSync(join(parent, "cgroup.subtree_control"), "+memory +pids"))
    return /\bmemory\b/.test(readOrGone(() => readFileSync(join(parent, "cgroup.subtree_control"), "utf8")) ?? "") ? [parent] : []
  }
  return ["memory", "pids"].flatMap((name) => {
    const path = own.get(name)
    const parent = path === undefined ? undefined : join(root, name, path)
    return parent !== undefined && existsSync(join(parent, "cgroup.procs")) ? [parent] : []
  })
}

/** Sets what the group knows of. A group that took no limit is of no use. */
function limit(folder: string, { memoryBytes, processes }: CgroupLimits): boolean {
  const set = (name: string, value: string): boolean => existsSync(join(folder, name)) && attempt(() => writeFileSync(join(folder, name), value))
  const memory = set("memory.max", String(memoryBytes)) || set("memory.limit_in_bytes", String(memoryBytes))
  if (memory) set("memory.swap.max", "0") || set("memory.memsw.limit_in_bytes", String(memoryBytes))
  return set("pids.max", String(processes)) || memory
}

function exceededIn(folder: string): "memory" | "processes" | undefined {
  const count = (name: string, key: string): number => {
    const text = readOrGone(() => readFileSync(join(folder, name), "utf8")) ?? ""
    return Number(new RegExp(`^${key} ([0-9]+)$`, "m").exec(text)?.[1] ?? 0)
  }
  if (count("memory.events", "oom_kill") > 0 || count("memory.oom_control", "oom_kill") > 0) return "memory"
  return count("pids.events", "max") > 0 ? "processes" : undefined
}

/** Groups of runs whose process was killed before it could remove them. Those still in use do not go. */
function removeLeftBehind(parent: string): void {
  for (const name of readOrGone(() => readdirSync(parent)) ?? []) {
    const pid = new RegExp(`^${PREFIX}([0-9]+)-`).exec(name)?.[1]
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) attempt(() => rmdirSync(join(parent, name)))
  }
}

/** Tells whether the kernel agreed. */
function attempt(act: () => void): boolean {
  try {
    act()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error
    return false
  }
}
