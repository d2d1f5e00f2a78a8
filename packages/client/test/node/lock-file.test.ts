import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { formatLock, type Lock, parseLock, parsePolicy } from "@vouchsafe/core"
import { beforeEach, describe, expect, test } from "vitest"
import { nodeCrypto } from "../../src/node/crypto.ts"
import { findLockFile, LOCK_NAME, readLockFile, writeLockFile } from "../../src/node/lock-file.ts"
import { graceOf, refuseUncovered, requireSameNetwork } from "../../src/node/lock-floor.ts"
import { openProject, type Project } from "../../src/node/project.ts"
import type { CheckResult } from "../../src/types.ts"
import { lockOf } from "../support/lock.ts"
import { temporaryDirectory } from "../support/temp.ts"
import { makeWorld, policyOf, type World } from "../support/world.ts"

let dir: string
let path: string
let world: World
let lock: Lock
let text: string

beforeEach(async () => {
  dir = temporaryDirectory()
  path = join(dir, LOCK_NAME)
  world = makeWorld()
  lock = await lockOf(world, ["a", "b", "c"].map((name) => world.publish(name)))
  text = formatLock(lock)
})

const refusal = (message: string, code = "LOCK_MALFORMED"): unknown => expect.objectContaining({ name: "VouchsafeError", code, message: expect.stringContaining(message) })

describe("where a lock is", () => {
  test("the nearest upwards, no further than the policy's folder", () => {
    const inner = join(dir, "packages/x")
    mkdirSync(inner, { recursive: true })
    expect(findLockFile(inner, dir)).toBeUndefined()
    writeFileSync(path, text)
    expect([findLockFile(inner, dir), findLockFile(dir, dir), findLockFile(inner, join(dir, "packages"))]).toEqual([path, path, undefined])
    writeFileSync(join(inner, LOCK_NAME), text)
    expect(findLockFile(inner, dir)).toBe(join(inner, LOCK_NAME))
  })

  test("a policy from elsewhere: the folder's own", () => {
    const inner = join(dir, "x")
    mkdirSync(inner)
    writeFileSync(path, text)
    expect([findLockFile(inner, temporaryDirectory()), findLockFile(dir, temporaryDirectory())]).toEqual([undefined, path])
  })
})

describe("a lock that is not one is refused with its line, and stays", () => {
  const lines = (): string[] => text.split("\n")
  test.each<{ name: string; make: () => string; says: string }>([
    { name: "a merge conflict", make: () => lines().toSpliced(4, 0, "<<<<<<< HEAD").join("\n"), says: "line 5: is the mark of a merge conflict" },
    { name: "the middle of one", make: () => lines().toSpliced(5, 0, "=======").join("\n"), says: "line 6: is the mark of a merge conflict" },
    { name: "a line edited by hand", make: () => text.replace("pkg:npm/b@1.0.0", "pkg:npm/b@1.0.1"), says: "line 5: was edited by hand" },
    { name: "a key that nobody knows", make: () => text.replace(/^(pkg:npm\/b@.*) #/m, "$1 x=1 #"), says: "line 5" },
    { name: "lines in another order", make: () => { const all = lines(); return [...all.slice(0, 3), all[4], all[3], ...all.slice(5)].join("\n") }, says: "line 5" },
    { name: "a line twice", make: () => lines().toSpliced(4, 0, lines()[4] as string).join("\n"), says: "line 6" },
    { name: "cut off", make: () => text.slice(0, -10), says: "does not end in a newline" },
    { name: "something else", make: () => "{}\n", says: "line 1" },
    { name: "nothing", make: () => "", says: "line" },
    { name: "carriage returns", make: () => text.replaceAll("\n", "\r\n"), says: "carriage return" },
  ])("$name", ({ make, says }) => {
    const broken = make()
    writeFileSync(path, broken)
    expect(() => readLockFile(path)).toThrow(refusal(says) as Error)
    expect(() => readLockFile(path)).toThrow(refusal(path) as Error)
    expect(() => writeLockFile(path, text, undefined)).toThrow(refusal(says) as Error)
    expect(() => writeLockFile(path, text, broken)).toThrow(refusal(says) as Error)
    expect([readFileSync(path, "utf8"), readdirSync(dir)]).toEqual([broken, [LOCK_NAME]])
  })

  test("larger than any lock", () => {
    writeFileSync(path, "")
    execFileSync("truncate", ["-s", "40M", path])
    expect(() => readLockFile(path)).toThrow(refusal("bytes, expected at most") as Error)
  })
})

describe("writing", () => {
  test("the first, and the next; nothing else is left", () => {
    writeLockFile(path, text, undefined)
    expect(readLockFile(path)).toEqual({ path, text, lock: parseLock(nodeCrypto, text) })
    const next = formatLock({ ...lock, locksets: lock.locksets.slice(1) })
    writeLockFile(path, next, text)
    expect([readFileSync(path, "utf8"), readdirSync(dir)]).toEqual([next, [LOCK_NAME]])
  })

  test("keeps who may read it", () => {
    writeFileSync(path, text, { mode: 0o640 })
    writeLockFile(path, formatLock({ ...lock, locksets: [] }), text)
    expect(statSync(path).mode & 0o777).toBe(0o640)
  })

  test("what was changed meanwhile stays", () => {
    const other = formatLock({ ...lock, locksets: [] })
    writeFileSync(path, other)
    expect(() => writeLockFile(path, text, text)).toThrow(refusal("changed while", "DISK") as Error)
    expect(() => writeLockFile(path, text, undefined)).toThrow(refusal("changed while", "DISK") as Error)
    expect(readFileSync(path, "utf8")).toBe(other)
  })

  test("a lock that was removed meanwhile is not made again from what it held", () => {
    expect(() => writeLockFile(path, text, text)).toThrow(refusal("changed while", "DISK") as Error)
    expect(existsSync(path)).toBe(false)
  })

  test("a place that cannot be written", () => {
    expect(() => writeLockFile(join(dir, "gone", LOCK_NAME), text, undefined)).toThrow(refusal("writing", "DISK") as Error)
  })
})

describe("the floor", () => {
  test("a lock of another network is refused at its line", () => {
    expect(() => { requireSameNetwork({ path, text, lock }, "0".repeat(64), world.network.roster) }).toThrow(refusal("line 2: names the network") as Error)
    expect(() => { requireSameNetwork({ path, text, lock }, lock.network, world.network.roster) }).not.toThrow()
  })

  test("a roster older than the one that it was made under is refused", () => {
    expect(() => { requireSameNetwork({ path, text, lock: { ...lock, roster: 2 } }, lock.network, world.network.roster) }).toThrow(refusal("roster has version 1, expected 2", "ROSTER_REFUSED") as Error)
  })

  test.each([["recommended", {}, 29, 30], ["recommended", {}, 31, 0], ["strict", { preset: "strict" }, 6, 7], ["strict", { preset: "strict" }, 8, 0]] as const)("%s %j: a lock of %i days carries a roster that is over for %i days", (_, more, days, grace) => {
    world.time.advance(days * 86_400_000)
    expect(graceOf(lock, policyOf(more), world.time.clock)).toBe(grace * 86_400)
  })

  test("without locksets for none", () => {
    expect(graceOf({ ...lock, locksets: [] }, policyOf(), world.time.clock)).toBe(0)
  })

  test("under a roster that is over, only what the lock has is judged", async () => {
    world.client = world.clientWith({ lock: { lock, as: "evidence" } })
    const [a, other] = [world.publish("a"), world.publish("other")]
    const result = await world.check(a, other, { ...a, sha512: other.sha512 as string })
    const outcomes = ({ verdicts }: CheckResult): string[] => verdicts.map((verdict) => (verdict.ok ? "allowed" : verdict.code))
    expect(outcomes(refuseUncovered(result, policyOf()))).toEqual(["allowed", "CONFIG_INVALID", "CONFIG_INVALID"])
    const observed = refuseUncovered(result, parsePolicy(JSON.stringify({ format: "vouchsafe-policy/v1", roster: "x", preset: "observe" })))
    expect([outcomes(observed), observed.verdicts[1]?.findings[0]]).toEqual([["allowed", "allowed", "allowed"], expect.objectContaining({ code: "CONFIG_INVALID", severity: "warn" })])
  })
})

describe("a governed roster that is over", () => {
  const GENESIS = "ab".repeat(32)
  const registries = { default: "", scopes: {}, userConfigPath: "", registryFor: () => "", credentialsFor: () => undefined, raw: () => undefined }

  /** A project whose verified roster ends one day from now. */
  async function governed(): Promise<() => Promise<Project>> {
    const own = await lockOf(world, ["a", "b"].map((name) => world.publish(name)), { network: GENESIS })
    const expires = Math.floor(world.time.clock.nowMs() / 1_000) + 86_400
    mkdirSync(join(dir, "home/rosters", GENESIS), { recursive: true, mode: 0o700 })
    writeFileSync(join(dir, "home/rosters", GENESIS, "current.json"), JSON.stringify({ genesis: GENESIS, expires, roster: world.network.rosterText }))
    writeFileSync(join(dir, "vouchsafe.roster.json"), world.network.rosterText)
    writeFileSync(join(dir, "vouchsafe.json"), JSON.stringify({ format: "vouchsafe-policy/v1", roster: "./vouchsafe.roster.json", governance: { genesis: GENESIS, sources: ["https://roster.example/"] } }))
    writeFileSync(path, formatLock(own))
    return () => openProject({ dir, env: { VOUCHSAFE_HOME: join(dir, "home") }, registries, transport: world.network.transport, clock: world.time.clock })
  }
  const judged = async (project: Project): Promise<string[]> => (await project.check([world.publish("a"), world.publish("other")])).verdicts.map((verdict) => (verdict.ok ? "allowed" : verdict.code))

  test("serves what the lock holds, asks nobody, and refuses the rest", async () => {
    const open = await governed()
    world.time.advance(2 * 86_400_000)
    world.network.sent.length = 0
    expect(await judged(await open())).toEqual(["allowed", "CONFIG_INVALID"])
    expect(world.network.sent).toEqual([])
  })

  test("in time it serves everything", async () => {
    expect(await judged(await (await governed())())).toEqual(["allowed", "allowed"])
  })

  test.each<{ name: string; days: number; change: () => void }>([
    { name: "without a lock", days: 2, change: () => { rmSync(path) } },
    { name: "longer than maxLockAge", days: 32, change: () => undefined },
    { name: "with a lock older than maxLockAge", days: 31, change: () => undefined },
  ])("$name it serves nothing", async ({ change, days }) => {
    const open = await governed()
    change()
    world.time.advance(days * 86_400_000)
    await expect(open()).rejects.toThrow(refusal("verified roster is over", "ROSTER_EXPIRED") as Error)
  })

  test("nor with a lock of another network", async () => {
    const open = await governed()
    writeFileSync(path, text)
    world.time.advance(2 * 86_400_000)
    await expect(open()).rejects.toThrow(refusal("line 2: names the network") as Error)
  })
})
