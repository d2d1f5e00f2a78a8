import { hash } from "node:crypto"
import { nodeCrypto } from "@vouchsafe/client/node"
import { h1 } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { type Attested, compareFiles, compareHashes, type DiskFile, hashesOf, type Held, type Manifest } from "../src/index.ts"

const file = (path: string, content = path, executable = false): DiskFile => ({ path, size: content.length, executable, sha256: hash("sha256", content, "hex") })
const RELEASE = [file("package.json"), file("index.js"), file("bin.js", "bin", true), file(".gitignore", "ignore")]
const executables = (files: readonly DiskFile[]): NonNullable<Attested["executables"]> => {
  const paths = files.filter((one) => one.executable).map(({ path }) => path).sort()
  return { count: paths.length, sha256: hash("sha256", paths.map((path) => `${path}\n`).join(""), "hex") }
}
const attested = (files: readonly DiskFile[] = RELEASE, more: Partial<Attested> = {}): Attested => ({ h1: h1(nodeCrypto, files), executables: executables(files), manifest: "00".repeat(32), bundled: [], runsScripts: false, ...more })
const held = (files: readonly DiskFile[], more: Partial<Held> = {}): Held => ({ files, hashes: hashesOf(files), specials: [], taken: [], isYarn: false, ...more })
const manifest = (files: readonly DiskFile[] = RELEASE): Manifest => new Map(files.map((one) => [one.path, one]))
const without = (path: string): DiskFile[] => RELEASE.filter((one) => one.path !== path)
const other = (path: string, content: string, executable = false): DiskFile[] => [...without(path), file(path, content, executable)]

describe("by the content hash alone", () => {
  test.each([
    { name: "the same files in another order", files: [...RELEASE].reverse(), is: "equal" },
    { name: "npm's name for a .gitignore", files: [...without(".gitignore"), file(".npmignore", "ignore")], is: "explained" },
    { name: "one byte", files: other("index.js", "X"), is: undefined },
    { name: "one more", files: [...RELEASE, file("x")], is: undefined },
    { name: "one less", files: without("index.js"), is: undefined },
    { name: "one more that may be executed", files: other("index.js", "index.js", true), is: undefined },
    { name: "a name with a newline, which no content hash has", files: [...RELEASE, file("a\nb")], is: undefined },
    { name: "a .npmignore with other bytes", files: [...without(".gitignore"), file(".npmignore", "evil")], is: undefined },
  ])("$name: $is", ({ files, is }) => {
    expect(compareHashes(held(files), attested())?.equality).toBe(is)
  })

  test("a link is nothing that a tarball brings", () => {
    expect(compareHashes(held(RELEASE, { specials: ["link"] }), attested())).toBeUndefined()
  })

  test("a lock says nothing about who may execute", () => {
    const { executables: _, ...locked } = attested()
    expect(compareHashes(held(other("index.js", "index.js", true)), locked)?.equality).toBe("equal")
  })

  test("what a patch did is taken back, and proven so", () => {
    const taken = [{ path: "index.js", by: "patches/x.patch", before: { sha256: file("index.js").sha256, size: 8 } }]
    expect(compareHashes(held(other("index.js", "patched"), { taken }), attested())).toEqual({ equality: "explained", known: [{ path: "index.js", reason: "patch", by: "patches/x.patch" }] })
    expect(compareHashes(held([...other("index.js", "patched"), file("evil.js")], { taken }), attested())).toBeUndefined()
  })
})

describe("file by file", () => {
  const compare = (files: readonly DiskFile[], more: { readonly held?: Partial<Held>; readonly attested?: Partial<Attested>; readonly manifest?: readonly DiskFile[]; readonly copies?: ReadonlyMap<string, string> } = {}) =>
    compareFiles(held(files, more.held), attested(RELEASE, more.attested), manifest(more.manifest), more.copies ?? new Map())
  const differences = (part: object): object => ({ equality: "differs", differences: { changed: [], added: [], missing: [], mode: [], ...part } })

  test.each([
    { name: "one byte", files: other("index.js", "X"), is: { changed: ["index.js"] } },
    { name: "one more", files: [...RELEASE, file("x")], is: { added: ["x"] } },
    { name: "one less", files: without("index.js"), is: { missing: ["index.js"] } },
    { name: "one more that may be executed", files: other("index.js", "index.js", true), is: { mode: ["index.js"] } },
    { name: "a file that got another name", files: [...without("index.js"), file("main.js", "index.js")], is: { added: ["main.js"], missing: ["index.js"] } },
    { name: "a .npmignore with other bytes than the .gitignore", files: [...without(".gitignore"), file(".npmignore", "evil")], is: { added: [".npmignore"], missing: [".gitignore"] } },
    { name: "a .gitignore in another folder", files: [...without(".gitignore"), file("sub/.npmignore", "ignore")], is: { added: ["sub/.npmignore"], missing: [".gitignore"] } },
  ])("$name is named", ({ files, is }) => {
    expect(compare(files)).toMatchObject(differences(is))
  })

  test("a link is named as added", () => {
    expect(compare(RELEASE, { held: { specials: ["link"] } })).toMatchObject(differences({ added: ["link"] }))
  })

  test("a package that runs scripts may add, and may put attested bytes of another package in place of its own; it may change nothing else", () => {
    const scripts = { attested: { runsScripts: true } }
    expect(compare([...RELEASE, file("build/x.node")], scripts)).toEqual({ equality: "explained", known: [{ path: "build/x.node", reason: "script" }] })
    expect(compare(other("index.js", "native"), { ...scripts, copies: new Map([[file("x", "native").sha256, "@x/linux@1.0.0"]]) })).toEqual({ equality: "explained", known: [{ path: "index.js", reason: "copy", by: "@x/linux@1.0.0" }] })
    expect(compare(other("index.js", "native"), scripts)).toMatchObject(differences({ changed: ["index.js"] }))
    expect(compare(without("index.js"), scripts)).toMatchObject(differences({ missing: ["index.js"] }))
    expect(compare(other("index.js", "native"), { copies: new Map([[file("x", "native").sha256, "@x/linux@1.0.0"]]) })).toMatchObject(differences({ changed: ["index.js"] }))
  })

  test("a file that may not be executed where it was meant to is known, and no alarm", () => {
    expect(compare(other("bin.js", "bin"))).toEqual({ equality: "explained", known: [{ path: "bin.js", reason: "mode" }] })
  })

  test("beside a patched file, another one that differs is named", () => {
    const taken = [{ path: "index.js", by: "p", before: { sha256: file("index.js").sha256, size: 8 } }, { path: "new.js", by: "p", before: null }]
    expect(compare([...other("index.js", "patched"), file("new.js"), file("evil.js")], { held: { taken } })).toMatchObject(differences({ added: ["evil.js"] }))
    expect(compare([...other("index.js", "patched"), file("new.js")], { held: { taken: [{ path: "index.js", by: "p", before: { sha256: "00".repeat(32), size: 1 } }] } })).toMatchObject(differences({ changed: ["index.js"], added: ["new.js"] }))
  })

  test("Yarn leaves bundled packages out; another manager does not", () => {
    const bundling = [...RELEASE, file("node_modules/a/index.js")]
    expect(compare(RELEASE, { manifest: bundling, held: { isYarn: true } })).toEqual({ equality: "explained", known: [{ path: "node_modules/a/index.js", reason: "bundled" }] })
    expect(compare(RELEASE, { manifest: bundling })).toMatchObject(differences({ missing: ["node_modules/a/index.js"] }))
  })

  test("what Yarn patches itself is said, and not compared; other files of the package are", () => {
    expect(compare(other("index.js", "X"), { held: { isYarn: true, patchedByYarn: /^index\.js$/ } })).toEqual({ equality: "explained", known: [{ path: "index.js", reason: "yarn" }] })
    expect(compare(other("index.js", "X"), { held: { isYarn: true, patchedByYarn: /^lib\/index\.js$/ } })).toMatchObject({ equality: "differs", differences: { changed: ["index.js"] } })
  })
})
