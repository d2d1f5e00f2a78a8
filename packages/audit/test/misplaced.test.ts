import { parseLockfile } from "@vouchsafe/client/lockfile"
import { describe, expect, test } from "vitest"
import { identifier, type ProjectLockfile } from "../src/index.ts"
import { misplacedLinks } from "../src/misplaced.ts"
import type { Contents, Link, Place } from "../src/types.ts"

const SRI = `sha512-${Buffer.alloc(64, 1).toString("base64")}`
/** The project has b@1.0.0 as `alias`, a@1.0.0 and a folder; `sub` has a@2.0.0; a@1.0.0 has c@1.0.0. */
const pnpm = (folder = ""): ProjectLockfile => ({ folder, path: "pnpm-lock.yaml", lockfile: parseLockfile("pnpm-lock.yaml", `lockfileVersion: '9.0'

importers:

  .:
    dependencies:
      a:
        specifier: ^1
        version: 1.0.0
      alias:
        specifier: npm:b@^1
        version: b@1.0.0
      git:
        specifier: github:x/git
        version: https://codeload.example/x/git/tar.gz/abc

  sub:
    dependencies:
      a:
        specifier: ^2
        version: 2.0.0

packages:

${["a@1.0.0", "a@2.0.0", "b@1.0.0", "c@1.0.0", "c@2.0.0"].map((key) => `  ${key}:\n    resolution: {integrity: ${SRI}}\n`).join("\n")}
  git@https://codeload.example/x/git/tar.gz/abc:
    resolution: {gitHosted: true, tarball: https://codeload.example/x/git/tar.gz/abc}
    version: 1.0.0

snapshots:

  a@1.0.0:
    dependencies:
      c: 1.0.0

  a@2.0.0: {}

  b@1.0.0: {}

  c@1.0.0: {}

  c@2.0.0: {}

  git@https://codeload.example/x/git/tar.gz/abc: {}
`) })
const contents = (name: string, version: string): Contents => ({ name, version, files: [], summary: { count: 1 }, specials: [] })
const store = (name: string, version: string): string => `node_modules/.pnpm/${name}@${version}/node_modules/${name}`
const link = (path: string, target: string): Link => ({ path, target, leads: "package" })

const RELEASES = [["a", "1.0.0"], ["a", "2.0.0"], ["b", "1.0.0"], ["c", "1.0.0"], ["c", "2.0.0"]] as const
const [a1, a2, b1, c1, c2] = RELEASES.map(([name, version]) => store(name, version)) as [string, string, string, string, string]
const git = "node_modules/.pnpm/git@https+++codeload.example+x+git+tar.gz+abc/node_modules/git"

function misplaced(links: readonly Link[], given: ProjectLockfile | readonly ProjectLockfile[], within = ""): string[] {
  const lockfiles = [given].flat()
  const identify = identifier(lockfiles)
  const place = (path: string): Place => ({ path: within + path, layout: "isolated", alias: path.slice(path.lastIndexOf("/") + 1) })
  const found = [...RELEASES.map(([name, version]) => identify(place(store(name, version)), contents(name, version))), identify(place(git), contents("git", "1.0.0"))]
  return misplacedLinks(links.map(({ path, target, ...rest }) => ({ ...rest, path: within + path, target: within + target })), found, lockfiles).map(({ path, is, expected }) => `${path}: ${is} for ${expected.join(",")}`)
}

describe("where pnpm's lockfile has it", () => {
  test.each([
    { name: "of the project", path: "node_modules/a", target: a1 },
    { name: "of a member", path: "sub/node_modules/a", target: a2 },
    { name: "of another name", path: "node_modules/alias", target: b1 },
    { name: "of a package", path: "node_modules/.pnpm/a@1.0.0/node_modules/c", target: c1 },
    { name: "hoisted, of any version", path: "node_modules/.pnpm/node_modules/c", target: c2 },
    { name: "hoisted to the top", path: "node_modules/c", target: c1 },
    { name: "hoisted under its other name", path: "node_modules/.pnpm/node_modules/alias", target: b1 },
    { name: "from git", path: "node_modules/git", target: git },
  ])("$name", ({ path, target }) => {
    expect(misplaced([link(path, target)], pnpm())).toEqual([])
    expect(misplaced([link(path, target)], pnpm("app"), "app/")).toEqual([])
  })
})

describe("where it has another one", () => {
  test.each([
    { name: "another package", path: "node_modules/a", target: b1, says: "b@1.0.0 for a@1.0.0" },
    { name: "another version that is locked too", path: "node_modules/a", target: a2, says: "a@2.0.0 for a@1.0.0" },
    { name: "that of the project, in a member", path: "sub/node_modules/a", target: a1, says: "a@1.0.0 for a@2.0.0" },
    { name: "another one under an alias", path: "node_modules/alias", target: c1, says: "c@1.0.0 for b@1.0.0" },
    { name: "another version, for a package", path: "node_modules/.pnpm/a@1.0.0/node_modules/c", target: c2, says: "c@2.0.0 for c@1.0.0" },
    { name: "a release in place of what comes from git", path: "node_modules/git", target: a1, says: "a@1.0.0 for git@1.0.0" },
    { name: "a name that nobody asks for", path: "node_modules/.pnpm/node_modules/fs-extra", target: b1, says: "b@1.0.0 for " },
    { name: "an alias of another package, hoisted", path: "node_modules/.pnpm/node_modules/alias", target: a1, says: "a@1.0.0 for " },
  ])("$name", ({ path, target, says }) => {
    expect(misplaced([link(path, target)], pnpm())).toEqual([`${path}: ${says}`])
    expect(misplaced([link(path, target)], pnpm("app"), "app/")).toEqual([`app/${path}: ${says}`])
  })
})

test("a lockfile of npm beside it, which knows no links, hides nothing", () => {
  const npm: ProjectLockfile = { folder: "", path: "package-lock.json", lockfile: parseLockfile("package-lock.json", JSON.stringify({ lockfileVersion: 3, packages: { "": {} } })) }
  expect(misplaced([link("node_modules/a", b1)], [npm, pnpm()])).toEqual(["node_modules/a: b@1.0.0 for a@1.0.0"])
})

test("without a lockfile around it, nothing says what a link should lead to", () => {
  expect(misplaced([link("node_modules/a", b1)], pnpm("elsewhere"))).toEqual([])
})
