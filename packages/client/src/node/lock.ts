/**
 * A lock between processes of one user, for the few milliseconds that a compare-and-swap of the state takes.
 *
 * Removing a dead owner's lock file and making one's own are two steps, between which a third process may do the same: deleting then hits
 * the wrong file. So a lock is never deleted by others. Files are numbered, the highest number is the lock, and taking it means making the
 * next number, which the file system lets only one process do:
 *
 * 1. List the folder. The highest `lock.<n>` is held unless it says `released` or its owner is gone.
 * 2. Make `lock.<n+1>` with its content in one step (a link to a finished file). If it exists, somebody was faster: from the start.
 * 3. List again. If there is a higher number, numbers had moved on between 1 and 2: remove the own file, from the start.
 * 4. Remove the lower numbers. The highest file is never removed, so 3 always sees what it must.
 * 5. To release, rewrite the own file as `released`.
 *
 * @packageDocumentation
 */
import { randomBytes } from "node:crypto"
import { linkSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { VouchsafeError } from "@vouchsafe/core"
import { diskError, systemCode, writeFileAtomic } from "./files.ts"

/** Longest time that a process tries to get the lock, in ms; longer than it takes a lock to become stale. */
const WAIT_MS_MAX = 15_000
/** Pause between attempts, in ms; a random part keeps processes from marching in step. */
const PAUSE_MS = 5
const PAUSE_SPREAD_MS = 10
/** Attempts within that time, where the clock moves as it should; where it is set back they end the waiting. */
const ATTEMPTS_MAX = WAIT_MS_MAX / PAUSE_MS
/** A lock older than this, or made so long after now that the clock must have been set back since, is broken even if its owner seems to live (other host, process number used again), in ms. */
const STALE_MS = 10_000

const NAME = /^lock\.([1-9][0-9]{0,14})$/

/** What a lock needs to know of the world; tests replace it. */
export interface LockWorld {
  nowMs(): number
  pause(ms: number): Promise<void>
  /** True while the process exists, or when that cannot be told. */
  isAlive(pid: number): boolean
}

export const systemLockWorld: LockWorld = {
  nowMs: () => Date.now(),
  pause: (ms) => new Promise((resolve) => void setTimeout(resolve, ms)),
  isAlive(pid) {
    try {
      process.kill(pid, 0)
      return true
    } catch (error) {
      return systemCode(error) !== "ESRCH"
    }
  },
}

/** Tells this process from an earlier one with the same number, as containers have it again and again. */
const INSTANCE = randomBytes(8).toString("hex")

interface Owner {
  readonly pid: number
  readonly host: string
  readonly instance: string
  readonly released: boolean
}

function highestNumber(directory: string): number {
  let highest = 0
  for (const name of readdirSync(directory)) {
    const match = NAME.exec(name)
    if (match !== null) highest = Math.max(highest, Number(match[1]))
  }
  return highest
}

/** undefined for a file that vanished, or that says nothing readable: then only its age tells. */
function readOwner(path: string): Owner | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"))
    if (typeof value !== "object" || value === null) return undefined
    const { pid, host, instance, released } = value as Readonly<Record<string, unknown>>
    if (typeof pid !== "number" || typeof host !== "string" || typeof instance !== "string" || typeof released !== "boolean") return undefined
    return { pid, host, instance, released }
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === "ENOENT") return undefined
    throw error
  }
}

function ageMs(path: string, nowMs: number): number {
  try {
    return nowMs - statSync(path).mtimeMs
  } catch (error) {
    if (systemCode(error) === "ENOENT") return 0
    throw error
  }
}

function isHeld(path: string, world: LockWorld): boolean {
  const owner = readOwner(path)
  if (owner?.released === true) return false
  if (Math.abs(ageMs(path, world.nowMs())) > STALE_MS) return false
  if (owner === undefined || owner.host !== hostname()) return true
  return owner.pid === process.pid ? owner.instance === INSTANCE : world.isAlive(owner.pid)
}

const contentOf = (released: boolean): string => JSON.stringify({ pid: process.pid, host: hostname(), instance: INSTANCE, released })

/** Steps 1 to 4, once. The number held, or undefined when the lock is somebody else's for now. */
function tryTake(directory: string, world: LockWorld): number | undefined {
  const highest = highestNumber(directory)
  if (highest > 0 && isHeld(join(directory, `lock.${highest}`), world)) return undefined
  const number = highest + 1
  const path = join(directory, `lock.${number}`)
  if (!makeWhole(path, contentOf(false))) return undefined
  if (highestNumber(directory) !== number) {
    rmSync(path, { force: true })
    return undefined
  }
  for (const name of readdirSync(directory)) {
    const match = NAME.exec(name)
    if (match !== null && Number(match[1]) < number) rmSync(join(directory, name), { force: true })
  }
  return number
}

/** Makes a file that appears with its content, unless it exists. */
function makeWhole(path: string, content: string): boolean {
  const draft = `${path}.${process.pid}.${randomBytes(4).toString("hex")}.draft`
  writeFileAtomic(draft, content, { durable: false })
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

/**
 * Runs `action` while holding the folder's lock. `action` is synchronous: what is held for milliseconds needs no heartbeat.
 * It gets a function that tells whether the lock is still its own, for the moment before it writes: the machine may have slept meanwhile.
 * @throws VouchsafeError DISK when the lock cannot be had in time; what `action` throws.
 */
export async function withLock<T>(directory: string, action: (isStillHeld: () => boolean) => T, world: LockWorld = systemLockWorld): Promise<T> {
  const until = world.nowMs() + WAIT_MS_MAX
  for (let attempts = 1; ; attempts++) {
    const number = attempt(directory, world)
    if (number !== undefined) {
      try {
        return action(() => highestNumber(directory) === number)
      } finally {
        release(directory, number)
      }
    }
    if (world.nowMs() > until || attempts >= ATTEMPTS_MAX) {
      throw new VouchsafeError("DISK", `lock in ${directory} is held by another process for more than ${WAIT_MS_MAX} ms`, {
        hint: "another install may hang; end it and try again",
      })
    }
    await world.pause(PAUSE_MS + Math.random() * PAUSE_SPREAD_MS)
  }
}

function attempt(directory: string, world: LockWorld): number | undefined {
  try {
    return tryTake(directory, world)
  } catch (error) {
    if (error instanceof VouchsafeError) throw error
    throw diskError(`locking ${directory}`, error)
  }
}

/** A file that is no longer the highest was taken over as stale; the new owner removes it. */
function release(directory: string, number: number): void {
  const path = join(directory, `lock.${number}`)
  if (highestNumber(directory) === number) writeFileAtomic(path, contentOf(true), { durable: false })
}
