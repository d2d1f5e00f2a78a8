import { spawn } from "node:child_process"
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"

const BIN = fileURLToPath(new URL("../src/bin.ts", import.meta.url))
/** More than a pipe holds. */
const ENTRIES = 3_000
let dir: string
let lockfile: string

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "vouchsafe-output-"))
  lockfile = join(dir, "package-lock.json")
  const packages = Object.fromEntries(Array.from({ length: ENTRIES }, (_, i) => [`node_modules/p${i}`, { version: "1.0.0", resolved: `https://registry.example/p${i}/-/p${i}-1.0.0.tgz`, integrity: `sha512-${"A".repeat(86)}==` }]))
  writeFileSync(lockfile, JSON.stringify({ lockfileVersion: 3, packages: { "": {}, ...packages } }))
})
afterAll(() => rmSync(dir, { recursive: true }))

/** Runs the command line with `stdout` as its output; "gone": a pipe whose reader leaves after the first bytes. */
function run(stdout: number | "gone"): Promise<{ readonly status: number | null; readonly stderr: string; readonly read: number }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["--conditions=source", BIN, "lockfile", "list", "--json", lockfile], { stdio: ["ignore", stdout === "gone" ? "pipe" : stdout, "pipe"] })
    let [stderr, read] = ["", 0]
    child.stdout?.once("data", (chunk: Buffer) => {
      read = chunk.length
      child.stdout?.destroy()
    })
    child.stderr?.on("data", (chunk) => (stderr += String(chunk)))
    child.on("close", (status) => resolve({ status, stderr, read }))
  })
}

describe("output that cannot be written", () => {
  test("a reader that goes away changes nothing, and nothing is said of it", async () => {
    const { status, stderr, read } = await run("gone")
    expect(read).toBeGreaterThan(0)
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
  })

  test("a full disk is said, and is no success", async () => {
    const full = openSync("/dev/full", "w")
    try {
      expect(await run(full)).toMatchObject({ status: 3, stderr: expect.stringContaining("DISK: the output cannot be written: ENOSPC") })
    } finally {
      closeSync(full)
    }
  })
})
