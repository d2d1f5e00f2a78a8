import { createHash } from "node:crypto"
import { readdirSync } from "node:fs"
import { basename, dirname, join, relative } from "node:path"
import { type Disk, nodeDisk } from "@vouchsafe/log"
import { describe, expect, test } from "vitest"
import { createBlobStore } from "../src/state/blobs.ts"
import { tempFolder } from "./support.ts"

const BYTES = Buffer.from("a document")
const DIGEST = createHash("sha256").update(BYTES).digest("hex")
const PREFIX = DIGEST.slice(0, 2)

/** This machine's disk, with what is done to it written down. */
function recorded(data: string, more: Partial<Disk> = {}) {
  const done: string[] = []
  const name = (path: string): string => relative(data, path).replace(/\.[0-9a-f]+\.new$/, ".new") || "."
  const disk: Disk = {
    makeDirectory: async (path) => { await nodeDisk.makeDirectory(path); done.push(`make ${name(path)}`) },
    writeNew: async (path, bytes) => { await nodeDisk.writeNew(path, bytes); done.push(`write ${name(path)}`) },
    rename: async (from, to) => { await nodeDisk.rename(from, to); done.push(`rename ${name(to)}`) },
    remove: async (path) => { await nodeDisk.remove(path); done.push(`remove ${name(path)}`) },
    syncDirectory: async (path) => { await nodeDisk.syncDirectory(path); done.push(`sync ${name(path)}`) },
    ...more,
  }
  return { disk, done }
}

describe("a document is durable when it is said to be stored: an entry of the log names it then", () => {
  test("with every folder on the way to it", async () => {
    const data = tempFolder()
    const { disk, done } = recorded(data)
    await createBlobStore(join(data, "blobs"), disk).put(DIGEST, BYTES)
    expect(done).toEqual([`make blobs/${PREFIX}`, "sync .", "sync blobs", `write blobs/${PREFIX}/${DIGEST}.new`, `rename blobs/${PREFIX}/${DIGEST}`, `sync blobs/${PREFIX}`])
  })

  test("also for whoever stores it while somebody else does", async () => {
    const data = tempFolder()
    let letGo = (): void => undefined
    const held = new Promise<void>((resolve) => { letGo = resolve })
    let isRenamed = (): void => undefined
    const renamed = new Promise<void>((resolve) => { isRenamed = resolve })
    const { disk } = recorded(data, {
      rename: async (from, to) => { await nodeDisk.rename(from, to); isRenamed() },
      syncDirectory: async (path) => { if (basename(path) === PREFIX) await held },
    })
    const blobs = createBlobStore(join(data, "blobs"), disk)
    const settled: string[] = []
    const first = blobs.put(DIGEST, BYTES).then(() => settled.push("first"))
    await renamed
    const second = blobs.put(DIGEST, BYTES).then(() => settled.push("second"))
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(settled).toEqual([])
    letGo()
    await Promise.all([first, second])
    expect(settled).toHaveLength(2)
  })

  test("also where a process that died left it under its name", async () => {
    const data = tempFolder()
    await createBlobStore(join(data, "blobs")).put(DIGEST, BYTES)
    const { disk, done } = recorded(data)
    await createBlobStore(join(data, "blobs"), disk).put(DIGEST, BYTES)
    expect(done.slice(-1)).toEqual([`sync blobs/${PREFIX}`])
    expect(done.filter((step) => step.startsWith("write"))).toEqual([])
  })

  test.each(["writeNew", "rename", "syncDirectory"] as const)("where %s fails nothing is said to be stored, no part stays, and the next try stores it", async (step) => {
    const data = tempFolder()
    let isBroken = true
    const { disk } = recorded(data)
    const blobs = createBlobStore(join(data, "blobs"), {
      ...disk,
      [step]: async (...args: [string, never]) => {
        if (isBroken && (step !== "syncDirectory" || basename(args[0]) === PREFIX)) {
          if (step === "writeNew") await nodeDisk.writeNew(args[0], BYTES.subarray(0, 3))
          throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" })
        }
        await (disk[step] as (...given: unknown[]) => Promise<void>)(...args)
      },
    })
    await expect(blobs.put(DIGEST, BYTES)).rejects.toMatchObject({ code: "DISK" })
    expect(readdirSync(dirname(join(data, "blobs", PREFIX, DIGEST))).filter((name) => name.endsWith(".new"))).toEqual([])
    isBroken = false
    await blobs.put(DIGEST, BYTES)
    expect(Buffer.from(await blobs.get(DIGEST) ?? []).equals(BYTES)).toBe(true)
  })
})
