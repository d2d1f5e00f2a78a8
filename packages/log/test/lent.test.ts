import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { createLender } from "../src/storage/lent.ts"

let folder: string
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), "vouchsafe-lent-")) })
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test("a file's bytes are lent, the next file's in the same memory", async () => {
  const lend = createLender()
  writeFileSync(join(folder, "a"), "aaaa")
  writeFileSync(join(folder, "b"), "bb")
  let kept: Uint8Array | undefined
  await lend(join(folder, "a"), (bytes) => { kept = bytes })
  expect(await lend(join(folder, "b"), (bytes) => Buffer.from(bytes).toString())).toEqual({ used: "bb" })
  expect(Buffer.from(kept as Uint8Array).toString()).toBe("bbaa")
})

test("files read at once have memory of their own each", async () => {
  const lend = createLender()
  const names = Array.from({ length: 40 }, (_, i) => String(i))
  for (const name of names) writeFileSync(join(folder, name), name.repeat(1_000))
  const texts = await Promise.all(names.map((name) => lend(join(folder, name), (bytes) => Buffer.from(bytes).toString())))
  expect(texts).toEqual(names.map((name) => ({ used: name.repeat(1_000) })))
})

test("an empty file is lent empty; a large one is left to whoever reads it whole", async () => {
  const lend = createLender()
  writeFileSync(join(folder, "empty"), "")
  writeFileSync(join(folder, "large"), Buffer.alloc(1024 * 1024))
  expect(await lend(join(folder, "empty"), (bytes) => bytes.length)).toEqual({ used: 0 })
  expect(await lend(join(folder, "large"), () => "used")).toBe("large")
})

test("what is not there, cannot be read, or is refused by its user rejects, and the memory is lent again", async () => {
  const lend = createLender()
  writeFileSync(join(folder, "a"), "a")
  await expect(lend(join(folder, "none"), () => 1)).rejects.toMatchObject({ code: "ENOENT" })
  await expect(lend(folder, () => 1)).rejects.toMatchObject({ code: "EISDIR" })
  await expect(lend(join(folder, "a"), () => { throw new RangeError("no") })).rejects.toThrow("no")
  expect(await lend(join(folder, "a"), (bytes) => bytes.length)).toEqual({ used: 1 })
})
