import { createHash } from "node:crypto"
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isVouchsafeError, nobleCrypto } from "@vouchsafe/core"
import fc from "fast-check"
import { x } from "tar"
import { expect, test } from "vitest"
import { readTarball } from "../src/index.ts"
import { HONEST_TARS, HOSTILE_TARS } from "./support/corpus.ts"
import { viewsOf } from "./support/readers.ts"
import { sign, tgz } from "@vouchsafe/testkit/tar"

const RUNS = process.env["SLOW"] === "1" ? 20_000 : 600
const SEED = 20_261_122
const read = (bytes: Uint8Array) => readTarball(bytes, { crypto: nobleCrypto, origin: "alpha.example/log" })

const ARCHIVES = [...HONEST_TARS, ...HOSTILE_TARS].filter(({ tar }) => tar.length < 20_000)

/** A change to a header block, or anywhere, perhaps with the checksum set right again. */
const change = fc.record({ block: fc.nat(12), at: fc.nat(511), value: fc.oneof(fc.nat(255), fc.constantFrom(0, 0x20, 0x0a, 0x2f, 0x2e, 0x30, 0x31, 0x37, 0x80, 0xff)), signed: fc.boolean() })

function changed(tar: Buffer, changes: readonly { block: number, at: number, value: number, signed: boolean }[]): Buffer {
  const copy = Buffer.from(tar)
  for (const { block, at, value, signed } of changes) {
    const from = (block % Math.floor(copy.length / 512)) * 512
    copy[from + at] = value
    if (signed) sign(copy.subarray(from, from + 512))
  }
  return copy
}

test("THREATS A11: whatever is changed in an archive, it is refused, or three parsers read it alike", async () => {
  let accepted = 0
  await fc.assert(fc.asyncProperty(fc.nat(ARCHIVES.length - 1), fc.array(change, { maxLength: 3 }), async (which, changes) => {
    const archive = changed(ARCHIVES[which]?.tar as Buffer, changes)
    try {
      await read(tgz(archive))
    } catch (error) {
      if (isVouchsafeError(error) && error.code.startsWith("TARBALL_")) return
      throw error
    }
    accepted += 1
    const { strict, npm, modern } = await viewsOf(archive)
    expect(npm).toEqual(strict)
    expect(modern).toEqual(strict)
  }), { numRuns: RUNS, seed: SEED })
  // The property must not hold because nothing is accepted.
  expect(accepted).toBeGreaterThan(RUNS / 50)
}, 120_000)

test("every byte of a .tgz changed: refused, or the archive inside is the same", async () => {
  const tar = HONEST_TARS[0]?.tar as Buffer
  const good = tgz(tar)
  const { tarSha256 } = await read(good)
  const survivors: number[] = []
  for (let at = 0; at < good.length; at++) {
    const copy = Buffer.from(good)
    copy[at] = (copy[at] as number) ^ 0xff
    try {
      expect((await read(copy)).tarSha256).toBe(tarSha256)
      survivors.push(at)
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^TARBALL_/) })
    }
  }
  // Time, compression level and operating system of the gzip header say nothing about the content.
  expect(survivors).toEqual([4, 5, 6, 7, 8, 9])
})

test("every truncation of a .tgz is refused", async () => {
  const good = tgz(HONEST_TARS[0]?.tar as Buffer)
  for (let length = 0; length < good.length; length++) {
    await expect(read(good.subarray(0, length)), `${length} bytes`).rejects.toThrow(expect.objectContaining({ code: "TARBALL_HOSTILE" }))
  }
})

function filesBelow(folder: string, prefix = ""): string[] {
  return readdirSync(join(folder, prefix), { withFileTypes: true }).flatMap((found) => {
    const path = prefix === "" ? found.name : `${prefix}/${found.name}`
    return found.isDirectory() ? filesBelow(folder, path) : [path]
  }).sort()
}

test.each(HONEST_TARS)("the manifest is what npm leaves on disk: $name", async ({ tar }) => {
  const folder = mkdtempSync(join(tmpdir(), "vouchsafe-"))
  try {
    const bytes = tgz(tar)
    // The options with which npm's fetcher unpacks: links filtered out, modes widened and cut by the umask.
    await new Promise<void>((resolve, reject) => {
      const unpack = x({
        cwd: folder, strip: 1, noChmod: true, noMtime: true, preserveOwner: false, umask: 0o022,
        filter: (_path, entry) => {
          if (!("type" in entry) || /Link$/.test(entry.type)) return false
          entry.mode = (((entry.mode ?? 0) | 0o666) & ~0o022) | 0o600
          return /File$/.test(entry.type)
        },
      })
      unpack.on("end", () => resolve())
      unpack.on("error", reject)
      unpack.end(bytes)
    })
    const { contents } = await read(bytes)
    const listed = (JSON.parse(contents.manifestText) as { files: [string, number, number, string][] }).files
    const onDisk = filesBelow(folder).map((path) => {
      const content = readFileSync(join(folder, path))
      return [path, content.length, statSync(join(folder, path)).mode & 0o777, createHash("sha256").update(content).digest("hex")]
    })
    expect([...listed].sort((a, b) => (a[0] < b[0] ? -1 : 1))).toEqual(onDisk)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
