import { describe, expect, test } from "vitest"
import { parseLockfile } from "../../src/lockfile/index.ts"
import { LOCKFILE_ENTRIES_MAX } from "../../src/lockfile/limits.ts"
import { expectMalformed, fixture, sri, summary, tarball } from "./support.ts"

const lock = (packages: string, version = "'9.0'"): string => `lockfileVersion: ${version}\n\npackages:\n\n${packages}`
const one = (key: string, resolution: string, more = ""): string => lock(`  ${key}:\n    resolution: {${resolution}}\n${more}`)
const read = (text: string): string[] => summary(parseLockfile("pnpm-lock.yaml", text))
const integrity = `integrity: ${sri(1)}`

describe("what an entry is", () => {
  test.each([
    { name: "a registry package", text: one("x@1.0.0", integrity), is: "registry x@1.0.0" },
    { name: "a scoped one", text: one("'@scope/x@1.0.0'", integrity), is: "registry @scope/x@1.0.0" },
    { name: "with peers, and peers of peers", text: one("x@1.0.0(y@2.0.0(z@3.0.0))", integrity), is: "registry x@1.0.0" },
    { name: "of version 6, with a slash before it", text: lock(`  /@scope/x@1.0.0(y@2.0.0):\n    resolution: {${integrity}}\n`, "'6.1'"), is: "registry @scope/x@1.0.0" },
    { name: "of version 7", text: lock(`  x@1.0.0:\n    resolution: {${integrity}}\n`, "'7.0'"), is: "registry x@1.0.0" },
    { name: "with an address in its registry", text: one("x@1.0.0", `${integrity}, tarball: ${tarball("x")}`), is: "registry x@1.0.0" },
    { name: "with its own name and version beside it", text: one("x@1.0.0", integrity, "    name: x\n    version: 1.0.0\n"), is: "registry x@1.0.0" },
    { name: "with an address of another package", text: one("x@1.0.0", `${integrity}, tarball: ${tarball("evil")}`), is: "url x@1.0.0" },
    { name: "with an address elsewhere", text: one("x@1.0.0", `${integrity}, tarball: https://files.example/x.tgz`), is: "url x@1.0.0" },
    { name: "with an address on this disk", text: one("x@1.0.0", `${integrity}, tarball: file:vendor/x.tgz`), is: "file x@1.0.0" },
    { name: "without anything", text: one("x@1.0.0", ""), is: "registry x@1.0.0" },
    { name: "a tarball by URL", text: one("x@https://files.example/x.tgz", `${integrity}, tarball: https://files.example/x.tgz`, "    version: 1.0.0\n"), is: "url x@1.0.0" },
    { name: "a tarball of a forge", text: one("x@https://codeload.example/x/tar.gz/abc", "gitHosted: true, tarball: https://codeload.example/x/tar.gz/abc", "    version: 1.0.0\n"), is: "url x@1.0.0" },
    { name: "a forge's tarball under a registry's name", text: one("x@1.0.0", `${integrity}, gitHosted: true`), is: "url x@1.0.0" },
    { name: "git", text: one("x@git+https://git.example/x.git#abc", "commit: abc, repo: https://git.example/x.git, type: git"), is: "git x@" },
    { name: "git by its commit alone", text: one("x@1.0.0", `${integrity}, commit: abc, repo: https://git.example/x.git`), is: "git x@1.0.0" },
    { name: "a local tarball", text: one("x@file:vendor/x.tgz", `${integrity}, tarball: file:vendor/x.tgz`), is: "file x@" },
    { name: "a local tarball that is fetched from elsewhere", text: one("x@file:vendor/x.tgz", `${integrity}, tarball: https://files.example/x.tgz`), is: "url x@" },
    { name: "a local folder", text: one("x@file:packages/x", "directory: packages/x, type: directory"), is: "link x@" },
    { name: "a folder under a registry's name", text: one("x@1.0.0", "directory: ../x, type: directory"), is: "link x@1.0.0" },
    { name: "a runtime", text: one("node@runtime:22.0.0", "type: variations, variants: []"), is: "url node@" },
    { name: "a source that nobody knows", text: one("x@ipfs:abc", integrity), is: "url x@" },
    { name: "named like an object's prototype", text: one("__proto__@1.0.0", integrity), is: "registry __proto__@1.0.0" },
  ])("$name", ({ text, is }) => {
    expect(read(text)).toEqual([is])
  })

  test("optional is what no other set of peers needs", () => {
    const packages = `  a@1.0.0:\n    resolution: {${integrity}}\n\n  b@1.0.0:\n    resolution: {${integrity}}\n`
    const snapshots = "\nsnapshots:\n\n  a@1.0.0(x@1.0.0):\n    optional: true\n\n  b@1.0.0(x@1.0.0):\n    optional: true\n\n  b@1.0.0(x@2.0.0): {}\n"
    expect(read(lock(packages) + snapshots)).toEqual(["registry a@1.0.0 optional", "registry b@1.0.0"])
  })

  test("links of members are relative to the lockfile", () => {
    const text = "lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      a:\n        specifier: workspace:*\n        version: link:packages/a\n\n  packages/a:\n    devDependencies:\n      b:\n        specifier: link:../../../b\n        version: link:../../../b\n      c:\n        specifier: link:/c\n        version: link:/c\n"
    expect(parseLockfile("pnpm-lock.yaml", text).entries.map(({ where, resolved, kind }) => ({ where, resolved, kind }))).toEqual([
      { where: ".: a", resolved: "packages/a", kind: "link" }, { where: "packages/a: b", resolved: "../b", kind: "link" }, { where: "packages/a: c", resolved: "/c", kind: "link" },
    ])
  })

  test("version 6 without workspaces has links at its top", () => {
    expect(read("lockfileVersion: '6.0'\n\ndependencies:\n  a:\n    specifier: link:../a\n    version: link:../a\n")).toEqual(["link a@"])
  })
})

test("two documents are one lockfile, and either one can hold what is refused", () => {
  const { text } = fixture("pnpm-9-config")
  expect(text.match(/^---$/gm)).toHaveLength(2)
  expectMalformed("pnpm-lock.yaml", text.replace("lockfileVersion: '9.0'", "lockfileVersion: '5.2'"), "is 5.2, expected 5.3, 5.4 or 6 to 9")
  expectMalformed("pnpm-lock.yaml", text.replace(/lockfileVersion: '9.0'(?![\s\S]*lockfileVersion)/, "lockfileVersion: '10.0'"), "is 10.0, expected 5.3, 5.4 or 6 to 9")
})

describe("refuses", () => {
  const good = one("x@1.0.0", integrity)
  test.each([
    { name: "an empty file", text: "", says: "is empty" },
    { name: "a comment alone", text: "# nothing\n", says: "is empty" },
    { name: "a file cut off within a map", text: good.slice(0, good.indexOf("sha512-") + 10), says: "is not YAML" },
    { name: "a merge conflict", text: good.replace("packages:", "<<<<<<< ours\npackages:"), says: "has a merge conflict in line 3" },
    { name: "tabs", text: good.replace("    resolution", "\tresolution"), says: "is not YAML" },
    { name: "text", text: "lockfile", says: "is no map" },
    { name: "a list", text: "- a\n", says: "is no map" },
    { name: "no version", text: good.replace(/^lockfileVersion.*\n/, ""), says: "is missing, expected 5.3, 5.4 or 6 to 9" },
    { name: "version 5.2", text: good.replace("'9.0'", "5.2"), says: "is 5.2, expected 5.3, 5.4 or 6 to 9" },
    { name: "version 10", text: good.replace("'9.0'", "'10.0'"), says: "is 10.0, expected 5.3, 5.4 or 6 to 9" },
    { name: "a version that is a map", text: good.replace("'9.0'", "{a: 1}"), says: "expected 5.3, 5.4 or 6 to 9" },
    { name: "packages as a list", text: "lockfileVersion: '9.0'\npackages:\n  - x\n", says: "is no map" },
    { name: "an entry as text", text: lock("  x@1.0.0: yes\n"), says: "is no map" },
    { name: "an entry that is null", text: lock("  x@1.0.0:\n"), says: "is no map" },
    { name: "a resolution as text", text: lock("  x@1.0.0:\n    resolution: yes\n"), says: "is no map" },
    { name: "an integrity that is a number", text: one("x@1.0.0", "integrity: 5"), says: "integrity that is no text" },
    { name: "an address that is a list", text: one("x@1.0.0", "tarball: [a]"), says: "tarball that is no text" },
    { name: "another name than the key's", text: one("x@1.0.0", integrity, "    name: evil\n"), says: "names another package" },
    { name: "another version than the key's", text: one("x@1.0.0", integrity, "    version: 6.6.6\n"), says: "names another package" },
    { name: "a name that climbs", text: one("../x@1.0.0", integrity), says: "is no package version" },
    { name: "a registry's host in the key, as version 5 has it", text: one("registry.example/x@1.0.0", integrity), says: "is no package version" },
    { name: "a range", text: one("x@1.x", integrity), says: "is no package version" },
    { name: "one key twice", text: `${good}  x@1.0.0:\n    resolution: {integrity: ${sri(2)}}\n`, says: "stands twice" },
    { name: "one key twice, once quoted", text: `${good}  'x@1.0.0':\n    resolution: {integrity: ${sri(2)}}\n`, says: "stands twice" },
    { name: "one member twice", text: one("x@1.0.0", `${integrity}, integrity: ${sri(2)}`), says: "stands twice" },
    { name: "packages twice", text: `${good}packages: {}\n`, says: "stands twice" },
    { name: "a merge key, which pnpm's own reader takes for members", text: one("x@1.0.0", `<<: {tarball: https://files.example/x.tgz}, ${integrity}`), says: "merge key" },
    { name: "a merge key behind a question mark, with a comment before its colon", text: one("x@1.0.0", `${integrity}, ? << # \n      : {type: directory, directory: evil}`), says: "merge key" },
    { name: "a merge key with its colon on another line", text: one("x@1.0.0", `${integrity}, ? <<\n      # :\n      : {type: directory, directory: evil}`), says: "merge key" },
    { name: "a merge key under an anchor", text: one("x@1.0.0", `${integrity}, ? &k <<\n      : {type: directory, directory: evil}`), says: "merge key" },
    { name: "a directive", text: `%YAML 1.1\n---\n${good}`, says: "directive" },
    { name: "a member behind a comment and a carriage return, which pnpm's reader sees", text: one("x@1.0.0", `${integrity} # \r, type: directory, directory: evil #\n    `), says: "has a carriage return without a line feed in line 6" },
    { name: "a quoted merge key", text: one("x@1.0.0", `"<<": {tarball: https://files.example/x.tgz}, ${integrity}`), says: "merge key" },
    { name: "an alias", text: lock(`  x@1.0.0: &a\n    resolution: {${integrity}}\n  y@1.0.0: *a\n`), says: "is not YAML" },
    { name: "aliases that multiply", text: lock(`  a: &a [x, x]\n  b: &b [*a, *a]\n  c: &c [*b, *b]\n  d: [*c, *c]\n`), says: "is not YAML" },
    { name: "a tag of some program", text: one("x@1.0.0", "integrity: !!js/function 'x'"), says: "is not YAML" },
    { name: "a map as a key", text: lock("  ? {a: 1}\n  : {resolution: {}}\n"), says: "key that is no text" },
    { name: "nesting without end", text: `lockfileVersion: '9.0'\npackages: ${"{a: ".repeat(20_000)}`, says: "is not YAML" },
    { name: "importers as text", text: "lockfileVersion: '9.0'\nimporters: yes\n", says: "is no map" },
    { name: "a link's version that is a map", text: "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      a:\n        version: {a: 1}\n", says: "version that is no text" },
  ])("$name", ({ text, says }) => {
    expectMalformed("pnpm-lock.yaml", text, says)
  })

  test("100,001 entries", () => {
    const packages = Array.from({ length: LOCKFILE_ENTRIES_MAX + 1 }, (_, i) => `p${i}@1.0.0: {resolution: {}}`).join(", ")
    expectMalformed("pnpm-lock.yaml", `lockfileVersion: '9.0'\npackages: {${packages}}\n`, "has more than 100000 entries")
  })
})
