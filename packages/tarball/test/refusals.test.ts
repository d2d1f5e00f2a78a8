import { createHash } from "node:crypto"
import { createGzip, gunzipSync } from "node:zlib"
import { nobleCrypto } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { readTarball } from "../src/index.ts"
import { TARBALL_LIMITS } from "../src/limits.ts"
import { HOSTILE_TARS, HOSTILE_TGZS, HONEST_TARS } from "./support/corpus.ts"
import { archive, entry, header, packageJson, packageTar, padded, tgz } from "@vouchsafe/testkit/tar"
import { viewsOf } from "./support/readers.ts"

const ORIGIN = "alpha.vouchsafe.example/log"
const read = (bytes: Uint8Array | AsyncIterable<Uint8Array>, limits = TARBALL_LIMITS) => readTarball(bytes, { crypto: nobleCrypto, origin: ORIGIN, limits })
const refusal = (code: string, says: string): object => expect.objectContaining({ code, message: expect.stringContaining(says) })

describe("THREATS A11: a tarball that two readers could unpack differently, or that leaves its folder, gets no statement", () => {
  test.each(HOSTILE_TARS)("refuses $name", async ({ tar, code, says }) => {
    await expect(read(tgz(tar))).rejects.toThrow(refusal(code, says))
  })

  test.each(HOSTILE_TGZS)("refuses $name", async ({ tgz: bytes, code, says }) => {
    await expect(read(bytes)).rejects.toThrow(refusal(code, says))
  })

  test.each(HONEST_TARS)("reads $name", async ({ tar, files }) => {
    const { paths } = await read(tgz(tar))
    expect(paths).toEqual(files)
  })
})

describe("THREATS A11: three parsers agree on the corpus, or the tarball is refused", () => {
  test("hostile archives: the corpus is hostile enough to divide the readers", async () => {
    const divided: string[] = []
    for (const { name, tar } of HOSTILE_TARS) {
      const { npm, modern } = await viewsOf(tar)
      if (JSON.stringify(npm) !== JSON.stringify(modern)) divided.push(name)
    }
    expect(HOSTILE_TARS.length).toBeGreaterThanOrEqual(25)
    // All of these are refused: the table above shows it.
    expect(divided).toEqual(expect.arrayContaining([
      "a pax path with a newline", "a pax record hidden in the value of another", "a name with a newline after its NUL", "a pax size other than the header's",
      "a size with junk", "a file with a link name", "a wrong checksum", "a global pax path", "an owner that npm's parser stumbles over",
    ]))
    expect(divided.length).toBeGreaterThanOrEqual(20)
  })

  test.each(HONEST_TARS)("honest archive, $name", async ({ tar }) => {
    const { strict, npm, modern } = await viewsOf(tar)
    expect(strict).not.toBe("refused")
    expect(npm).toEqual(strict)
    expect(modern).toEqual(strict)
  })
})

describe("limits", () => {
  const small = { ...TARBALL_LIMITS, tgzBytesMax: 2000, tarBytesMax: 1_000_000, entriesMax: 50, foldersMax: 20, listedPathsMax: 5 }
  const many = (count: number, path: (i: number) => string): Buffer[] => Array.from({ length: count }, (_, i) => header({ path: path(i) }))
  const noise = (bytes: number): Buffer => Buffer.concat(Array.from({ length: bytes / 32 }, (_, i) => createHash("sha256").update(String(i)).digest()))

  test.each([
    { name: "bytes of the tgz", tar: packageTar(entry("package/noise", noise(8000))), says: "more than 2000 bytes" },
    { name: "bytes of the tar", tar: packageTar(entry("package/zeros", Buffer.alloc(1_000_000))), says: "inflates to more than 1000000 bytes" },
    { name: "entries", tar: packageTar(...many(50, (i) => `package/${i}`)), says: "more than 50 entries" },
    { name: "folders", tar: packageTar(...many(21, (i) => `package/${i}/x`)), says: "more than 20 folders" },
    { name: "gyp files", tar: packageTar(...many(6, (i) => `package/${i}.gyp`)), says: "more than 5 bundled packages or gyp files" },
    { name: "bundled packages", tar: packageTar(...many(6, (i) => `package/node_modules/p${i}/x`)), says: "more than 5 bundled packages or gyp files" },
  ])("refuses too many $name", async ({ tar, says }) => {
    await expect(read(tgz(tar), small)).rejects.toThrow(refusal("TARBALL_TOO_LARGE", says))
  })

  test("refuses 100,001 entries, streamed", async () => {
    const names = (function* () {
      yield packageJson()
      for (let i = 0; i < 100_000; i++) yield header({ path: `package/${i}` })
    })()
    await expect(read(tgz(archive(...names)))).rejects.toThrow(refusal("TARBALL_TOO_LARGE", "more than 100000 entries"))
  })

  test("reads exactly 100,000 entries", async () => {
    const headers = Array.from({ length: 99_999 }, (_, i) => header({ path: `package/${i}` }))
    const tarball = await read(tgz(archive(packageJson(), ...headers)))
    expect(tarball.contents.files).toBe(100_000)
  })

  test("holds no more of a bomb than a piece: refuses before the gigabyte is inflated", async () => {
    // 256 times the same compressed megabyte of zeros, made while it is read.
    const zip = createGzip()
    let written = 0
    const source = (async function* () {
      zip.write(packageJson())
      zip.write(header({ path: "package/zeros", size: 2 ** 32 }))
      const megabyte = padded(Buffer.alloc(1024 * 1024))
      const pieces = zip[Symbol.asyncIterator]()
      for (let i = 0; i < 4096; i++) {
        written += megabyte.length
        await new Promise<void>((resolve) => { zip.write(megabyte, () => resolve()) })
        await new Promise<void>((resolve) => { zip.flush(() => resolve()) })
        const { value, done } = await pieces.next()
        if (done === true) return
        yield value as Uint8Array
      }
    })()
    await expect(read(source)).rejects.toThrow(refusal("TARBALL_HOSTILE", "inflates more than 200 times"))
    zip.destroy()
    expect(written).toBeLessThan(64 * 1024 * 1024)
  })
})

test("the corpus is what it says: its gzip files inflate as zlib does it", () => {
  const readable = HOSTILE_TGZS.filter(({ tgz: bytes }) => { try { return gunzipSync(bytes).length >= 0 } catch { return false } })
  expect(readable.map(({ name }) => name)).toEqual(expect.arrayContaining(["a second gzip member", "zeros after the gzip member", "zeros, then a gzip member"]))
})
