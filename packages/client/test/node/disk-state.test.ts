import { spawn } from "node:child_process"
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseCheckpoint, parseNote } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { diskState } from "../../src/node/disk-state.ts"
import { memoryState } from "../support/memory.ts"
import { headOf, STATE_LOG, stateSuite } from "../support/state-suite.ts"
import { temporaryDirectory } from "../support/temp.ts"

stateSuite("disk", () => {
  const directory = join(temporaryDirectory(), "state")
  return { reopen: () => diskState(directory) }
})
stateSuite("memory", () => {
  const state = memoryState()
  return { reopen: () => state }
})

async function filled(): Promise<string> {
  const directory = join(temporaryDirectory(), "state")
  const state = diskState(directory)
  await state.putHead(STATE_LOG, headOf(3), undefined)
  await state.putNotices(STATE_LOG, { checkpoint: headOf(1), entries: ["x"] }, undefined)
  await state.addMisbehavior(STATE_LOG, "proof")
  await state.putAsked(new Map([[STATE_LOG, 1]]))
  return directory
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

describe("belongs to one user", () => {
  test("folders are 0700, files 0600, and no temporary file is left", async () => {
    const directory = await filled()
    for (const folder of ["", "heads", "notices", "misbehavior"]) expect(statSync(join(directory, folder)).mode & 0o777).toBe(0o700)
    const files = filesBelow(directory)
    expect(files.map((path) => statSync(path).mode & 0o777)).toEqual(files.map(() => 0o600))
    expect(files.filter((path) => /\.(tmp|draft)$/.test(path))).toEqual([])
  })

  test.each([0o755, 0o701, 0o770, 0o707])("a folder with mode %o is refused", (mode) => {
    const directory = temporaryDirectory()
    chmodSync(directory, mode)
    expect(() => diskState(directory)).toThrow(expect.objectContaining({ code: "STATE_UNSAFE", message: expect.stringContaining(`has mode ${mode.toString(8)}, expected 700`) }))
  })

  test("so is a folder inside it", () => {
    const directory = temporaryDirectory()
    mkdirSync(join(directory, "heads"))
    chmodSync(join(directory, "heads"), 0o777)
    expect(() => diskState(directory)).toThrow(expect.objectContaining({ code: "STATE_UNSAFE" }))
  })

  test("so is another user's folder", () => {
    const real = process.getuid
    const directory = temporaryDirectory()
    process.getuid = () => 12_345
    try {
      expect(() => diskState(directory)).toThrow(expect.objectContaining({ code: "STATE_UNSAFE", message: expect.stringContaining("expected 12345") }))
    } finally {
      if (real !== undefined) process.getuid = real
    }
  })

  test("so is a link", () => {
    const parent = temporaryDirectory()
    mkdirSync(join(parent, "real"), { mode: 0o700 })
    symlinkSync(join(parent, "real"), join(parent, "link"))
    expect(() => diskState(join(parent, "link"))).toThrow(expect.objectContaining({ code: "STATE_UNSAFE", message: expect.stringContaining("is no folder") }))
  })

  test("a path that cannot be made is an error of the disk", () => {
    const parent = temporaryDirectory()
    writeFileSync(join(parent, "file"), "")
    expect(() => diskState(join(parent, "file", "state"))).toThrow(expect.objectContaining({ code: "DISK" }))
  })
})

describe("damaged files are no memory lost but an error", () => {
  const rows = [
    { name: "empty", text: () => "" },
    { name: "cut off", text: (text: string) => text.slice(0, -3) },
    { name: "no JSON", text: () => "hello" },
    { name: "null", text: () => "null" },
    { name: "an array", text: () => "[]" },
    { name: "another format", text: (text: string) => text.replace("/v1", "/v2") },
    { name: "another log's", text: (text: string) => text.replace("log.example/a", "log.example/b") },
    { name: "with an unknown member", text: (text: string) => text.replace("{", "{\"x\":1,") },
    { name: "with a number for text", text: (text: string) => text.replace(/"(checkpoint|document)":"(?:[^"\\]|\\.)*"/, "\"$1\":1") },
  ]
  test.each(rows)("$name", async ({ text }) => {
    const directory = await filled()
    for (const folder of ["heads", "notices", "misbehavior"]) {
      for (const path of filesBelow(join(directory, folder))) writeFileSync(path, text(readFileSync(path, "utf8")))
    }
    const state = diskState(directory)
    const unsafe = expect.objectContaining({ code: "STATE_UNSAFE", message: expect.stringContaining("is damaged"), hint: expect.stringContaining("rollback") })
    expect(() => state.head(STATE_LOG)).toThrow(unsafe)
    expect(() => state.notices(STATE_LOG)).toThrow(unsafe)
    await expect(state.putHead(STATE_LOG, headOf(4), headOf(3))).rejects.toThrow(unsafe)
  })

  test("a proof that cannot be read is an error, not a pardon", async () => {
    const directory = await filled()
    for (const path of filesBelow(join(directory, "misbehavior"))) writeFileSync(path, "{}")
    expect(() => diskState(directory).misbehavior()).toThrow(expect.objectContaining({ code: "STATE_UNSAFE" }))
  })

  test("a proof's own file is the proof, to hand on as it is", async () => {
    const directory = await filled()
    const [record] = diskState(directory).misbehavior()
    expect(record).toMatchObject({ log: STATE_LOG, document: "proof" })
    expect(readFileSync(record?.path ?? "", "utf8")).toBe("proof")
  })

  test.each([
    { name: "without its name", spoil: (path: string) => rmSync(path) },
    { name: "under another log's name", spoil: (path: string) => writeFileSync(path, readFileSync(path, "utf8").replace("log.example/a", "log.example/b")) },
  ])("a proof $name is an error", async ({ spoil }) => {
    const directory = await filled()
    for (const path of filesBelow(join(directory, "misbehavior"))) if (path.endsWith(".log")) spoil(path)
    expect(() => diskState(directory).misbehavior()).toThrow(expect.objectContaining({ code: "STATE_UNSAFE" }))
  })

  test("a folder full of proofs is an error", () => {
    const directory = temporaryDirectory()
    const state = diskState(directory)
    for (let i = 0; i <= 1_000; i++) writeFileSync(join(directory, "misbehavior", `${i}.json`), "{}")
    expect(() => state.misbehavior()).toThrow(expect.objectContaining({ code: "STATE_UNSAFE", message: expect.stringContaining("1001 proofs") }))
  })

  test.each(["", "[]", "null", "{\"x\":\"y\"}", "nonsense"])("times that cannot be read (%s) ask again", (text) => {
    const directory = temporaryDirectory()
    const state = diskState(directory)
    writeFileSync(join(directory, "asked.json"), text)
    expect(state.asked()).toEqual(new Map())
  })

  test("a folder in a file's place is an error of the disk", async () => {
    const directory = await filled()
    const [path] = filesBelow(join(directory, "heads")) as [string]
    const { rmSync } = await import("node:fs")
    rmSync(path)
    mkdirSync(path)
    expect(() => diskState(directory).head(STATE_LOG)).toThrow(expect.objectContaining({ code: "DISK" }))
  })
})

/** Runs a child that raises the head `count` times, each time by compare-and-swap from what it finds. */
function climber(directory: string, count: number, crash: boolean): Promise<{ code: number | null; stored: number[] }> {
  const script = fileURLToPath(new URL("../support/climber.ts", import.meta.url))
  const child = spawn(process.execPath, ["--conditions=source", script, directory, String(count), crash ? "crash" : "finish"], { stdio: ["ignore", "pipe", "inherit"] })
  let text = ""
  child.stdout.on("data", (chunk: Buffer) => { text += chunk.toString() })
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stored: text.split("\n").filter((line) => line !== "").map(Number) })))
}

describe("shared by processes", () => {
  test("two children and this process raise one head: nothing is lost, nothing is stored twice", async () => {
    const directory = join(temporaryDirectory(), "state")
    diskState(directory)
    const COUNT = 25
    const results = await Promise.all([climber(directory, COUNT, false), climber(directory, COUNT, false), (async () => {
      const state = diskState(directory)
      const stored: number[] = []
      while (stored.length < COUNT) {
        const current = state.head(STATE_LOG)
        const size = current === undefined ? 0 : parseCheckpoint(parseNote(current).text).size
        const swap = await state.putHead(STATE_LOG, headOf(size + 1), current)
        if (swap.stored) stored.push(size + 1)
      }
      return { code: 0, stored }
    })()])
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0])
    const all = results.flatMap(({ stored }) => stored).sort((a, b) => a - b)
    expect(all).toEqual(Array.from({ length: 3 * COUNT }, (_, i) => i + 1))
    expect(diskState(directory).head(STATE_LOG)).toBe(headOf(3 * COUNT))
    expect(readdirSync(directory).filter((name) => name.startsWith("lock.")).length).toBe(1)
  })

  test("a process that dies while it holds the lock stops nobody, and leaves the old head or the new", async () => {
    const directory = join(temporaryDirectory(), "state")
    diskState(directory)
    const dead = await climber(directory, 3, true)
    expect(dead.code).toBe(9)
    const alive = await climber(directory, 3, false)
    expect(alive.code).toBe(0)
    const state = diskState(directory)
    const size = parseCheckpoint(parseNote(state.head(STATE_LOG) ?? "").text).size
    expect(size).toBe(dead.stored.length + alive.stored.length)
  })
})
