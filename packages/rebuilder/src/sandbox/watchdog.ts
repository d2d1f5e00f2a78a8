import { SHARED_MEMORY_BYTES } from "./arguments.ts"
import type { SandboxLimits, SandboxSpec } from "./executor.ts"
import type { Cgroup } from "./cgroup.ts"
import { createDiskMeter, memoryDiskUse } from "./disk.ts"
import { processTree, proportionalBytes } from "./processes.ts"
import { HOME_INSIDE } from "./spec.ts"

/** How often a run is looked at, in milliseconds. What it can do between two looks is bounded by the walls in the kernel. */
export const WATCH_INTERVAL_MS = 100
/** What the sandbox's own processes use inside: the first process, a shell, the forwards. Not held against the command. */
export const OWN_PROCESSES = 24
export const OWN_MEMORY_BYTES = 96 * 1024 * 1024
/** A disk in memory with less room than this is full. */
const FULL_BYTES = 64 * 1024
const SCRATCH = [HOME_INSIDE, "/tmp"]

/** A limit that a run went over. */
export interface Excess { readonly status: "memory" | "disk" | "processes"; readonly detail: string }

export interface Watchdog {
  /** Looks once. */
  look(firstPid: number, nowMs: number): Excess | undefined
}

/**
 * Watches what no limit of the kernel counts, or not for everybody: memory and processes of a whole run, and its disk.
 *
 * @param scratchBytes - size of HOME, and of /tmp
 */
export function createWatchdog(spec: SandboxSpec, scratchBytes: number, cgroup: Cgroup | undefined): Watchdog {
  const { limits } = spec
  const disk = createDiskMeter(spec.mounts.filter(({ writable }) => writable).map(({ host }) => host), limits.diskBytes)
  return {
    look(firstPid, nowMs) {
      const stepped = excessIn(cgroup, limits)
      if (stepped !== undefined) return stepped
      const processes = processTree(firstPid)
      const tasks = processes.reduce((sum, { threads }) => sum + threads, 0)
      if (tasks > limits.processes + OWN_PROCESSES) return { status: "processes", detail: `${tasks} processes and threads, expected at most ${limits.processes}` }
      const scratch = SCRATCH.map((place) => ({ place, usedBytes: memoryDiskUse(firstPid, place, scratchBytes) ?? 0 }))
      const full = scratch.find(({ usedBytes }) => scratchBytes - usedBytes < FULL_BYTES)
      if (full !== undefined) return { status: "disk", detail: `${full.place} is full, expected at most ${scratchBytes} bytes` }
      const inMemoryBytes = scratch.reduce((sum, { usedBytes }) => sum + usedBytes, memoryDiskUse(firstPid, "/dev/shm", SHARED_MEMORY_BYTES) ?? 0)
      const memoryMax = limits.memoryBytes + OWN_MEMORY_BYTES
      const total = (each: readonly number[]): number => each.reduce((sum, bytes) => sum + bytes, inMemoryBytes)
      // pages that processes share count for each of them here; only near the limit is it worth the time to divide them
      if (total(processes.map(({ residentBytes }) => residentBytes)) > memoryMax) {
        const bytes = total(processes.map(proportionalBytes))
        if (bytes > memoryMax) return { status: "memory", detail: `${bytes} bytes of memory, expected at most ${limits.memoryBytes}` }
      }
      const wrong = disk.check(processes, nowMs)
      return wrong === undefined ? undefined : { status: "disk", detail: wrong }
    },
  }
}

/** What the kernel's own wall says; asked once more when a run has ended, since a process that it killed may have been the last. */
export function excessIn(cgroup: Cgroup | undefined, limits: SandboxLimits): Excess | undefined {
  const status = cgroup?.exceeded()
  if (status === undefined) return undefined
  return { status, detail: status === "memory" ? `more memory was wanted than ${limits.memoryBytes} bytes` : `more processes were wanted than ${limits.processes}` }
}
