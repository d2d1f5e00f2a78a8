import { createHash } from "node:crypto"
import { gzipSync } from "node:zlib"
import { nobleCrypto } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { bundledFolder, describeContents, hashTgz, MANIFEST_FORMAT, readTarball } from "../src/index.ts"
import { archive, directory, entry, packageJson, packageTar, packageTgz, pax, symlink, tgz } from "@vouchsafe/testkit/tar"

const ORIGIN = "alpha.example/log"
const read = (source: Uint8Array | AsyncIterable<Uint8Array>) => readTarball(source, { crypto: nobleCrypto, origin: ORIGIN })
const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex")

async function* inPieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

test("digests are those of the bytes as served and as inflated", async () => {
  const tar = packageTar(entry("package/a.js", "a"))
  const bytes = tgz(tar)
  expect(await read(bytes)).toMatchObject({
    size: bytes.length, tarSha256: sha256(tar),
    sha512: createHash("sha512").update(bytes).digest("hex"), sha1: createHash("sha1").update(bytes).digest("hex"),
    commitment: sha256(Buffer.concat([Buffer.from(`${ORIGIN}\n`), bytes])),
  })
  expect(await hashTgz(bytes, { origin: ORIGIN })).toEqual({
    size: bytes.length, sha512: expect.any(String), sha1: expect.any(String), commitment: (await read(bytes)).commitment,
  })
})

test("the content hash is Go's h1 over unpacked paths", async () => {
  // Worked value of the dirhash vectors, whose paths carry the folder that a .tgz has stripped: wrapped once more.
  const bytes = tgz(archive(entry("wrap/package/index.js", "module.exports = 1\n"), entry("wrap/package/package.json", "{\"name\":\"x\",\"version\":\"1.0.0\"}\n"), entry("wrap/package.json", "{}")))
  const { contents } = await read(bytes)
  const files = (JSON.parse(contents.manifestText) as { files: [string, number, number, string][] }).files
  const inner = files.filter(([path]) => path.startsWith("package/")).map(([path, size, , digest]) => ({ path, size, executable: false, sha256: digest }))
  expect(describeContents(nobleCrypto, inner).h1).toBe("h1:Z4TZT1iLz4CRyD7h+1U+0qRaAyK8vr4e/+GWRALKB00=")
})

test("how the network cuts the stream changes nothing", async () => {
  const long = `package/${"\u00e9".repeat(70)}.js`
  const bytes = packageTgz(pax({ path: long }), entry("package/x", "long"), entry("package/big.bin", Buffer.alloc(200_000, 7)), entry("package/a.js", "a"))
  const whole = await read(bytes)
  for (const length of [1, 2, 3, 7, 512, 513, 65_536]) expect(await read(inPieces(bytes, length)), `pieces of ${length}`).toEqual(whole)
  expect(whole.paths).toContain(`${"\u00e9".repeat(70)}.js`)
})

test("how well it is compressed changes the .tgz only", async () => {
  const tar = packageTar(entry("package/a.js", "a".repeat(5000)))
  const [loose, tight] = await Promise.all([0, 9].map((level) => read(gzipSync(tar, { level }))))
  expect(loose?.sha512).not.toBe(tight?.sha512)
  expect([loose?.tarSha256, loose?.contents]).toEqual([tight?.tarSha256, tight?.contents])
})

test("a gzip header with all its optional fields", async () => {
  const plain = gzipSync(packageTar(entry("package/a.js", "a")))
  const { crc32 } = await import("node:zlib")
  const fields = Buffer.concat([plain.subarray(0, 3), Buffer.from([2 + 4 + 8 + 16]), plain.subarray(4, 10), Buffer.from([3, 0, 1, 2, 3]), Buffer.from("name\0comment\0")])
  const checksum = Buffer.alloc(2)
  checksum.writeUInt16LE(crc32(fields) % 65_536)
  const bytes = Buffer.concat([fields, checksum, plain.subarray(10)])
  for (const length of [1, 5, bytes.length]) expect((await read(inPieces(bytes, length))).paths).toEqual(["package.json", "a.js"])
  const damaged = Buffer.from(bytes)
  damaged[fields.length] = (damaged[fields.length] as number) ^ 1
  await expect(read(damaged)).rejects.toThrow(expect.objectContaining({ code: "TARBALL_HOSTILE" }))
})

describe("modes, as npm leaves them", () => {
  const modeOf = async (mode: number, bin?: unknown): Promise<number | undefined> => {
    const { contents } = await read(tgz(archive(packageJson({ name: "fixture", version: "1.0.0", ...(bin === undefined ? {} : { bin }) }), entry("package/cli/x.js", "#!", { mode }))))
    return (JSON.parse(contents.manifestText) as { files: [string, number, number, string][] }).files.find(([path]) => path === "cli/x.js")?.[2]
  }
  test.each([
    [0o644, 0o644], [0o755, 0o755], [0o600, 0o644], [0o000, 0o644], [0o666, 0o644], [0o777, 0o755], [0o744, 0o755], [0o645, 0o755], [0o4755, 0o755],
  ])("%o becomes %o", async (mode, expected) => {
    expect(await modeOf(mode)).toBe(expected)
  })
  test.each(["cli/x.js", "./cli/x.js", "/cli/x.js", { x: "cli/x.js" }, { x: "../cli/x.js" }, ["cli/x.js"]])("a target of bin %j is executable", async (bin) => {
    expect(await modeOf(0o644, bin)).toBe(0o755)
  })
  test("the list of executables is hashed path by path", async () => {
    const { contents } = await read(packageTgz(entry("package/b", "", { mode: 0o755 }), entry("package/a", "", { mode: 0o755 }), entry("package/c", "")))
    expect(contents.executables).toEqual({ count: 2, sha256: sha256("a\nb\n") })
  })
})

test("the manifest lists files in the order of their UTF-8 bytes", async () => {
  const names = ["\u{1f600}", "\uff5e", "z", "B", "a/b", "a.b"]
  const bytes = packageTgz(...names.flatMap((name) => [pax({ path: `package/${name}` }), entry("package/x", name)]))
  const { contents } = await read(bytes)
  const manifest = JSON.parse(contents.manifestText) as { format: string, files: [string, number, number, string][] }
  expect(manifest.format).toBe(MANIFEST_FORMAT)
  expect(manifest.files.map(([path]) => path)).toEqual(["B", "a.b", "a/b", "package.json", "z", "\uff5e", "\u{1f600}"])
  expect(manifest.files.find(([path]) => path === "z")).toEqual(["z", 1, 0o644, sha256("z")])
  expect(contents).toMatchObject({ files: 7, manifest: sha256(contents.manifestText) })
})

describe("facts", () => {
  test("of bundled packages, wherever they are nested", async () => {
    const scripts = (postinstall: string): string => JSON.stringify({ scripts: { postinstall, test: "x" } })
    const { facts } = await read(packageTgz(
      entry("package/node_modules/a/package.json", scripts("a")), entry("package/node_modules/@s/b/package.json", scripts("b")), entry("package/node_modules/a/node_modules/c/package.json", scripts("c")),
      entry("package/node_modules/a/lib/node_modules/d/package.json", scripts("d")), entry("package/test/node_modules/e/package.json", scripts("e")),
      entry("package/node_modules/.bin/f", "x"), entry("package/node_modules/g/index.js", "x"), entry("package/node_modules/a/binding.gyp", "{}"), entry("package/binding.gyp", "{}"), entry("package/common.gypi", "{}"),
    ))
    expect(facts.bundled).toEqual(["node_modules/@s/b", "node_modules/a", "node_modules/a/node_modules/c", "node_modules/g"])
    expect([...facts.scripts]).toEqual([["node_modules/a#postinstall", "a"], ["node_modules/@s/b#postinstall", "b"], ["node_modules/a/node_modules/c#postinstall", "c"]])
    expect(facts.gyp).toEqual(["binding.gyp", "common.gypi", "node_modules/a/binding.gyp"])
  })

  test.each([
    ["node_modules/a/index.js", "node_modules/a"], ["node_modules/@s/a/x/y", "node_modules/@s/a"], ["node_modules/a", undefined], ["node_modules/@s/a", undefined],
    ["node_modules/.bin/x", undefined], ["lib/node_modules/a/x", undefined], ["node_modules/a/node_modules/b/x", "node_modules/a/node_modules/b"],
  ])("%s lies in %s", (path, folder) => {
    expect(bundledFolder(path)).toBe(folder)
  })

  test("scripts that an install may run, and dependencies as npm counts them", async () => {
    const { facts } = await read(tgz(archive(packageJson({
      name: " fixture ", version: "v1.0.0", scripts: { preinstall: "a", install: "b", postinstall: "c", prepare: "d", prepublish: "e", test: "f", start: 7 },
      dependencies: { a: "1", both: "1", broken: 7 }, optionalDependencies: { both: "2" }, peerDependencies: { p: "*" }, devDependencies: { dev: "1" },
    }))))
    expect(facts.manifest).toMatchObject({ name: "fixture", version: "1.0.0" })
    expect([...facts.scripts.keys()]).toEqual(["preinstall", "install", "postinstall", "prepare"])
    expect([facts.manifest.dependencies, facts.manifest.optionalDependencies, facts.manifest.peerDependencies].map((map) => [...map])).toEqual([[["a", "1"]], [["both", "2"]], [["p", "*"]]])
  })
})

test("links are counted and left out", async () => {
  const { links, contents } = await read(packageTgz(directory("package/lib/"), symlink("package/lib/a", "../package.json")))
  expect([links, contents.files]).toEqual([1, 1])
})

describe("bytes that the registry did not promise", () => {
  const expected = { sha512: "ab".repeat(64), sha1: undefined }
  test.each([
    { name: "a good tarball", bytes: packageTgz() },
    { name: "a hostile one", bytes: packageTgz(entry("/etc/passwd", "x")) },
    { name: "no tarball", bytes: Buffer.from("<html>") },
  ])("$name is the registry's failure", async ({ bytes }) => {
    await expect(readTarball(bytes, { crypto: nobleCrypto, origin: ORIGIN, expected })).rejects.toThrow(expect.objectContaining({ code: "UPSTREAM_FAILED" }))
  })
  test("as promised, but hostile, is the package's", async () => {
    const bytes = packageTgz(entry("/etc/passwd", "x"))
    const sha512 = createHash("sha512").update(bytes).digest("hex")
    await expect(readTarball(inPieces(bytes, 50), { crypto: nobleCrypto, origin: ORIGIN, expected: { sha512, sha1: undefined } })).rejects.toThrow(expect.objectContaining({ code: "TARBALL_HOSTILE" }))
  })
})

test("ends when its signal is given, and when the source fails", async () => {
  const controller = new AbortController()
  const source = (async function* () {
    yield packageTgz().subarray(0, 20)
    controller.abort()
    yield packageTgz().subarray(20)
  })()
  await expect(readTarball(source, { crypto: nobleCrypto, origin: ORIGIN, signal: controller.signal })).rejects.toThrow(expect.objectContaining({ code: "TIMEOUT" }))
  const failing = (async function* () { yield Buffer.from([0x1f]); throw new RangeError("cut") })()
  await expect(read(failing)).rejects.toThrow(RangeError)
})
