/**
 * Which processes a sandbox has, and what they use: read from the host's /proc, whose numbers nobody inside can forge.
 *
 * @packageDocumentation
 */
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs"

const PAGE_BYTES = 4096
const KIB = 1024
const BLOCK_BYTES = 512

export interface ProcessFacts {
  readonly pid: number
  readonly parent: number
  /** One letter of proc(5): Z and X are dead. */
  readonly state: string
  readonly threads: number
  /** Clock ticks after boot at which it started: tells two processes of one number apart. */
  readonly startTicks: string
  readonly residentBytes: number
}

/** Facts of one process; undefined when there is none of that number. */
export function readProcess(pid: number): ProcessFacts | undefined {
  const text = readOrGone(() => readFileSync(`/proc/${pid}/stat`, "latin1"))
  if (text === undefined) return undefined
  // the name stands in parentheses and may hold anything, parentheses too
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
  const field = (number: number): string => fields[number - 3] ?? ""
  return { pid, state: field(3), parent: Number(field(4)), threads: Number(field(20)), startTicks: field(22), residentBytes: Number(field(24)) * PAGE_BYTES }
}

/**
 * A process and all that descend from it. In a PID namespace orphans fall to its first process, so below that one none is missed.
 */
export function processTree(root: number): ProcessFacts[] {
  const children = new Map<number, ProcessFacts[]>()
  let top: ProcessFacts | undefined
  for (const name of readdirSync("/proc")) {
    if (!/^[0-9]+$/.test(name)) continue
    const facts = readProcess(Number(name))
    if (facts === undefined) continue
    if (facts.pid === root) top = facts
    const siblings = children.get(facts.parent)
    if (siblings === undefined) children.set(facts.parent, [facts])
    else siblings.push(facts)
  }
  const found = top === undefined ? [] : [top]
  for (let index = 0; index < found.length; index++) found.push(...children.get((found[index] as ProcessFacts).pid) ?? [])
  return found
}

/** Bytes of memory of a process, shared pages divided among those that share them; its resident bytes where the kernel will not say. */
export function proportionalBytes({ pid, residentBytes }: ProcessFacts): number {
  const text = readOrGone(() => readFileSync(`/proc/${pid}/smaps_rollup`, "latin1"))
  const kib = text === undefined ? undefined : /^Pss:\s+([0-9]+) kB$/m.exec(text)?.[1]
  return kib === undefined ? residentBytes : Number(kib) * KIB
}

/** Bytes of files that processes hold open and nobody can see any more, each file once. `devices`: where they count. */
export function unlinkedBytes(processes: readonly ProcessFacts[], devices: ReadonlySet<number>): number {
  const seen = new Set<string>()
  let bytes = 0
  for (const { pid } of processes) {
    for (const name of readOrGone(() => readdirSync(`/proc/${pid}/fd`)) ?? []) {
      const link = readOrGone(() => readlinkSync(`/proc/${pid}/fd/${name}`))
      if (link === undefined || !link.endsWith(" (deleted)")) continue
      const stats = readOrGone(() => statSync(`/proc/${pid}/fd/${name}`))
      if (stats === undefined || !stats.isFile() || !devices.has(stats.dev)) continue
      const key = `${stats.dev}:${stats.ino}`
      if (!seen.has(key)) bytes += stats.blocks * BLOCK_BYTES
      seen.add(key)
    }
  }
  return bytes
}

/** What `read` gives; undefined where the process ended meanwhile, or is not ours to look into. */
export function readOrGone<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === "ENOENT" || code === "ESRCH" || code === "EACCES" || code === "EPERM" || code === "ENOTDIR") return undefined
    throw error
  }
}
