import { readFileSync } from "node:fs"
import { gzipSync, gunzipSync } from "node:zlib"
import { archive, entry, packageJson, symlink, tgz } from "@vouchsafe/testkit/tar"
import { Ajv2020 } from "ajv/dist/2020.js"
import { describe, expect, test } from "vitest"
import { compareTarballs } from "../../src/compare/compare.ts"
import { describeDifference } from "../../src/compare/document.ts"

const MANIFEST = { name: "fixture", version: "1.0.0", main: "./start.js" }
const pack = (manifest: object, ...entries: Buffer[]): Buffer => tgz(archive(packageJson({ ...MANIFEST, ...manifest }), ...entries))
const compare = (published: Uint8Array, rebuilt: Uint8Array) => compareTarballs(() => published, () => rebuilt)
const filesOf = (document: string): { path: string, class: string, keys?: unknown }[] => (JSON.parse(document) as { files: { path: string, class: string, keys?: unknown }[] }).files
const A = entry("package/a.js", "a\n")
const B = entry("package/b.js", "b\n")

describe("the four levels", () => {
  const plain = pack({}, A, B)
  test.each([
    { name: "the same .tgz", rebuilt: plain, match: "tgz" },
    { name: "the same tar, compressed in another way", rebuilt: gzipSync(gunzipSync(plain), { level: 1 }), match: "tar" },
    { name: "the same files in another order", rebuilt: pack({}, B, A), match: "contents" },
    { name: "the same files with other headers", rebuilt: pack({}, A, entry("package/b.js", "b\n", { uid: "000000 \0" })), match: "contents" },
    { name: "another file", rebuilt: pack({}, A, entry("package/b.js", "c\n")), match: "none" },
    { name: "an executable bit", rebuilt: pack({}, A, entry("package/b.js", "b\n", { mode: 0o755 })), match: "none" },
    { name: "a file more", rebuilt: pack({}, A, B, entry("package/c.js", "")), match: "none" },
    { name: "a file less", rebuilt: pack({}, A), match: "none" },
    { name: "another case of a name", rebuilt: pack({}, A, entry("package/B.js", "b\n")), match: "none" },
  ])("$name: $match", async ({ rebuilt, match }) => {
    const found = await compare(plain, rebuilt)
    expect(found.match).toBe(match)
    expect(found.count > 0).toBe(match === "none")
    expect(found.published.h1 === found.rebuilt.h1 || match === "none").toBe(true)
  })
})

describe("what differs is named and classified", () => {
  test.each<{ name: string, published: Buffer, rebuilt: Buffer, expected: Record<string, string> }>([
    { name: "a build that was not run", published: pack({}, entry("package/dist/x.js", "x")), rebuilt: pack({}), expected: { "dist/x.js": "missing-build-output" } },
    { name: "declarations that were not made", published: pack({}, entry("package/x.d.ts", "x")), rebuilt: pack({}), expected: { "x.d.ts": "missing-build-output" } },
    { name: "the entry itself is made by the build", published: pack({}, entry("package/start.js", "x")), rebuilt: pack({}), expected: { "start.js": "missing-build-output" } },
    { name: "the entry by exports", published: pack({ exports: { ".": { import: "./x.js" } } }, entry("package/x.js", "x")), rebuilt: pack({ exports: { ".": { import: "./x.js" } } }), expected: { "x.js": "missing-build-output" } },
    { name: "a file nobody has the source of", published: pack({}, entry("package/evil.js", "x")), rebuilt: pack({}), expected: { "evil.js": "only-in-published" } },
    { name: "a file that was not published", published: pack({}), rebuilt: pack({}, entry("package/test.js", "x")), expected: { "test.js": "only-in-source" } },
    { name: "line endings", published: pack({}, entry("package/x.js", "a\r\nb\r\n")), rebuilt: pack({}, entry("package/x.js", "a\nb\n")), expected: { "x.js": "line-endings" } },
    { name: "line endings of package.json", published: tgz(archive(entry("package/package.json", "{\r\n\"name\":\"x\"}"))), rebuilt: tgz(archive(entry("package/package.json", "{\n\"name\":\"x\"}"))), expected: { "package.json": "line-endings" } },
    { name: "a lone carriage return is content", published: pack({}, entry("package/x.js", "a\rb")), rebuilt: pack({}, entry("package/x.js", "a\nb")), expected: { "x.js": "changed" } },
    { name: "package.json", published: pack({ scripts: { postinstall: "x" } }), rebuilt: pack({}), expected: { "package.json": "package-json" } },
    { name: "an executable bit", published: pack({}, entry("package/x", "x", { mode: 0o755 })), rebuilt: pack({}, entry("package/x", "x")), expected: { x: "executable-bit" } },
    { name: "content", published: pack({}, entry("package/x.js", "evil()")), rebuilt: pack({}, entry("package/x.js", "good()")), expected: { "x.js": "changed" } },
  ])("$name", async ({ published, rebuilt, expected }) => {
    const { count, classes, document } = await compare(published, rebuilt)
    expect(Object.fromEntries(filesOf(document).map((file) => [file.path, file.class]))).toEqual(expected)
    expect(count).toBe(1)
    expect(classes).toEqual({ [Object.values(expected)[0] as string]: 1 })
  })

  test("a target of bin is executable on both sides, whatever the archive says", async () => {
    const bin = { bin: "cli.js" }
    expect((await compare(pack(bin, entry("package/cli.js", "", { mode: 0o755 })), pack(bin, entry("package/cli.js", "")))).match).toBe("contents")
  })

  test("members of package.json are listed, those of objects one by one", async () => {
    const { document } = await compare(pack({ scripts: { a: "1", b: "2" }, type: "module", x: 1 }), pack({ scripts: { a: "9", c: "3" }, type: "module", devDependencies: {} }))
    const [file] = filesOf(document)
    expect(file?.keys).toEqual({ onlyPublished: ["scripts.b", "x"], onlyRebuilt: ["devDependencies", "scripts.c"], changed: ["scripts.a"] })
    expect(describeDifference(file as never)).toBe("package.json: rewritten (published against source: +scripts.b +x -devDependencies -scripts.c ~scripts.a)")
  })

  test("a package.json that only looks different says so", async () => {
    const { document } = await compare(tgz(archive(entry("package/package.json", "{\"name\": \"x\"}"))), tgz(archive(entry("package/package.json", "{\"name\":\"x\"}"))))
    expect(describeDifference(filesOf(document)[0] as never)).toBe("package.json: rewritten (only its formatting)")
  })
})

test("the document fits its published schema", async () => {
  const validate = new Ajv2020({ strict: false }).compile(JSON.parse(readFileSync(new URL("../../../spec/schemas/differences.schema.json", import.meta.url), "utf8")) as object)
  const pairs = [[pack({}, A), pack({}, A)], [pack({ scripts: { a: "1" } }, A, entry("package/x", "1", { mode: 0o755 })), pack({}, B, entry("package/x", "1"))]] as const
  for (const [published, rebuilt] of pairs) {
    expect(validate(JSON.parse((await compare(published, rebuilt)).document)), JSON.stringify(validate.errors)).toBe(true)
  }
  expect(validate({ format: "vouchsafe-differences/v1" })).toBe(false)
})

describe("the readable difference", () => {
  test("goes from published to rebuilt", async () => {
    const { diff } = await compare(pack({}, entry("package/x.js", "one\nevil\nthree\n")), pack({}, entry("package/x.js", "one\ntwo\nthree\n")))
    expect(diff).toContain("--- published/x.js")
    expect(diff).toContain("+++ rebuilt/x.js")
    expect(diff).toContain("-evil\n+two\n")
  })

  test.each([
    { name: "binary files", one: Buffer.from([0, 1]), two: Buffer.from([0, 2]), says: "x: binary, not shown" },
    { name: "bytes that are not UTF-8", one: Buffer.from([0xff]), two: Buffer.from("a"), says: "x: binary, not shown" },
    { name: "large files", one: Buffer.alloc(600_000, "a"), two: Buffer.from("a"), says: "x: too large, not shown" },
    { name: "files with nothing in common", one: Buffer.from("a\n".repeat(9000)), two: Buffer.from("b\n".repeat(9000)), says: "x: more than 1000 lines differ, not shown" },
  ])("names and does not print: $name", async ({ one, two, says }) => {
    const { diff, count } = await compare(pack({}, entry("package/x", one)), pack({}, entry("package/x", two)))
    expect(diff.trim()).toBe(says)
    expect(count).toBe(1)
  })

  test.each([
    ["escape sequences", "\u001b[2J\u001b]0;x\u0007", "\\u{1b}[2J\\u{1b}]0;x\\u{7}"],
    ["text turned around", "\u202egnp.js", "\\u{202e}gnp.js"],
    ["a carriage return that hides", "evil()\rgood()", "evil()\\u{d}good()"],
    ["line separators", "a\u2028b", "a\\u{2028}b"],
  ])("spells out %s", async (_, text, expected) => {
    const { diff } = await compare(pack({}, entry("package/x", `${text}\n`)), pack({}, entry("package/x", "\n")))
    expect(diff).toContain(`-${expected}`)
    expect(diff).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u202e\u2028]/)
  })

  test("is bounded for a line, a file and in all", async () => {
    const long = (letter: string): Buffer[] => Array.from({ length: 60 }, (_, n) => entry(`package/f${n}.js`, Array.from({ length: 300 }, (__, line) => `${letter}${line} ${"x".repeat(500)}\n`).join("")))
    const { diff, count, document } = await compare(pack({}, ...long("a")), pack({}, ...long("b")))
    expect(count).toBe(60)
    expect(diff.length).toBeLessThan(129 * 1024)
    expect(diff).toContain("more)")
    expect(diff).toContain("f0.js: the rest is not shown")
    expect(diff).toContain("further files are not shown")
    expect(Buffer.byteLength(document)).toBeLessThan(512 * 1024)
  })

  test("lists a thousand paths and counts all", async () => {
    const many = Array.from({ length: 1200 }, (_, n) => entry(`package/f${n}`, ""))
    const { document, count, classes } = await compare(pack({}), pack({}, ...many))
    expect([filesOf(document).length, count, classes]).toEqual([1000, 1200, { "only-in-source": 1200 }])
  })
})

describe("THREATS A11: a hostile tarball on either side is no match", () => {
  const good = pack({}, A)
  test.each([
    { name: "a path upwards", bad: pack({}, entry("package/../../x", "x")), code: "TARBALL_HOSTILE" },
    { name: "an absolute path", bad: pack({}, entry("/etc/x", "x")), code: "TARBALL_HOSTILE" },
    { name: "a file twice", bad: pack({}, entry("package/x", "1"), entry("package/x", "2")), code: "TARBALL_AMBIGUOUS" },
    { name: "two spellings of one place", bad: pack({}, entry("package/x", "1"), entry("package/X", "2")), code: "TARBALL_AMBIGUOUS" },
    { name: "a link out of the package", bad: pack({}, symlink("package/x", "../../../etc/passwd")), code: "TARBALL_HOSTILE" },
    { name: "data after the end", bad: Buffer.concat([good, Buffer.from("x")]), code: "TARBALL_AMBIGUOUS" },
    { name: "no gzip", bad: Buffer.from("<html>"), code: "TARBALL_HOSTILE" },
    { name: "no package.json", bad: tgz(archive(A)), code: "TARBALL_HOSTILE" },
    { name: "an inflation bomb", bad: gzipSync(Buffer.alloc(64 * 1024 * 1024)), code: "TARBALL_HOSTILE" },
  ])("$name", async ({ bad, code }) => {
    await expect(compare(bad, good)).rejects.toMatchObject({ side: "published", cause: { code } })
    await expect(compare(good, bad)).rejects.toMatchObject({ side: "rebuilt", cause: { code } })
  })

  test("keys of the prototype are names like others", async () => {
    const raw = (text: string): Buffer => tgz(archive(entry("package/package.json", text)))
    const { document, classes } = await compare(raw("{\"name\":\"x\",\"__proto__\":{\"a\":1}}"), raw("{\"name\":\"x\",\"constructor\":1}"))
    expect(filesOf(document)[0]?.keys).toEqual({ onlyPublished: ["__proto__"], onlyRebuilt: ["constructor"], changed: [] })
    expect(classes).toEqual({ "package-json": 1 })
  })
})
