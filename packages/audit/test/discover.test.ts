import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { discover, readAudited, readPlaces } from "../src/index.ts"

let root: string
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "vouchsafe-audit-")))
})
afterEach(() => rmSync(root, { recursive: true }))

function put(path: string, content = "x"): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), content)
}
const pack = (path: string, name: string, version = "1.0.0"): void => put(`${path}/package.json`, JSON.stringify({ name, version }))
function link(path: string, target: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  symlinkSync(target, join(root, path))
}
const paths = (): string[] => discover(root).places.map(({ path }) => path).sort()

describe("finds packages", () => {
  test("hoisted, nested, scoped, in workspaces and further in", () => {
    for (const path of ["node_modules/a", "node_modules/a/node_modules/b", "node_modules/@s/c", "packages/one/node_modules/d", "srv/app/node_modules/e"]) pack(path, "x")
    pack("node_modules/a/test/node_modules/fixture", "f")
    expect(paths()).toEqual(["node_modules/@s/c", "node_modules/a", "node_modules/a/node_modules/b", "packages/one/node_modules/d", "srv/app/node_modules/e"])
    expect(discover(root).places.find(({ path }) => path.endsWith("/b"))?.owner).toBe("node_modules/a")
    expect([...discover(root).projects].sort()).toEqual(["", "packages/one", "srv/app"])
  })

  test("isolated as pnpm has them, each once however many links lead to it", () => {
    pack("node_modules/.pnpm/a@1.0.0/node_modules/a", "a")
    pack("node_modules/.pnpm/@s+b@1.0.0/node_modules/@s/b", "@s/b")
    link("node_modules/a", ".pnpm/a@1.0.0/node_modules/a")
    link("node_modules/.pnpm/node_modules/a", "../a@1.0.0/node_modules/a")
    link("node_modules/.pnpm/a@1.0.0/node_modules/@s/b", "../../../@s+b@1.0.0/node_modules/@s/b")
    expect(paths()).toEqual(["node_modules/.pnpm/@s+b@1.0.0/node_modules/@s/b", "node_modules/.pnpm/a@1.0.0/node_modules/a"])
    expect(new Set(discover(root).links.map(({ leads }) => leads))).toEqual(new Set(["package"]))
  })

  test("behind a link, in a folder where none was looked for", () => {
    pack("node_modules/.tool/a/files", "a")
    link("node_modules/a", ".tool/a/files")
    expect(paths()).toEqual(["node_modules/.tool/a/files"])
  })

  test("isolated as Yarn has them, those too that no link of the project leads to", () => {
    for (const name of ["a", "b", "@s-c"]) pack(`node_modules/.store/${name}-npm-1.0.0-abc/package`, name)
    link("node_modules/a", ".store/a-npm-1.0.0-abc/package")
    link("node_modules/.store/a-npm-1.0.0-abc/node_modules/b", "../../b-npm-1.0.0-abc/package")
    expect(paths()).toEqual(["node_modules/.store/@s-c-npm-1.0.0-abc/package", "node_modules/.store/a-npm-1.0.0-abc/package", "node_modules/.store/b-npm-1.0.0-abc/package"])
    expect(discover(root).links.map(({ path, leads }) => `${path} ${leads}`).sort()).toEqual(["node_modules/.store/a-npm-1.0.0-abc/node_modules/b package", "node_modules/a package"])
  })

  test("isolated as npm has them, with folders of scopes, and as Bun and Deno have them", () => {
    pack("node_modules/.store/a@1.0.0-abc/node_modules/a", "a")
    pack("node_modules/.store/@s/b@1.0.0-abc/node_modules/@s/b", "@s/b")
    for (const store of [".bun", ".deno"]) pack(`node_modules/${store}/@s+c@1.0.0/node_modules/@s/c`, "@s/c")
    expect(paths()).toEqual(["node_modules/.bun/@s+c@1.0.0/node_modules/@s/c", "node_modules/.deno/@s+c@1.0.0/node_modules/@s/c", "node_modules/.store/@s/b@1.0.0-abc/node_modules/@s/b", "node_modules/.store/a@1.0.0-abc/node_modules/a"])
  })

  test("pnpm's config dependencies: folders are packages, links into its own store are only listed", () => {
    for (const name of ["a", "@s/b"]) pack(`node_modules/.pnpm-config/${name}`, name)
    link("node_modules/.pnpm-config/c", "/nowhere")
    expect(paths()).toEqual(["node_modules/.pnpm-config/@s/b", "node_modules/.pnpm-config/a"])
    expect(discover(root).places.map(({ alias }) => alias)).toEqual(["@s/b", "a"])
    expect([discover(root).others, discover(root).links]).toEqual([["node_modules/.pnpm-config/c"], []])
  })

  test("Yarn's archives and what it unplugs", () => {
    put(".yarn/cache/a-npm-1.0.0-abc-10c0.zip")
    pack(".yarn/unplugged/b-npm-1.0.0-abc/node_modules/b", "b")
    expect(paths()).toEqual([".yarn/cache/a-npm-1.0.0-abc-10c0.zip", ".yarn/unplugged/b-npm-1.0.0-abc/node_modules/b"])
  })
})

test("links are followed nowhere: where they lead is said", () => {
  const outside = mkdtempSync(join(tmpdir(), "vouchsafe-outside-"))
  try {
    pack("packages/member", "member")
    link("node_modules/member", "../packages/member")
    link("node_modules/away", outside)
    link("node_modules/gone", "nothing")
    link("node_modules/root", "..")
    link("hop", outside)
    link("node_modules/hopping", "../hop")
    expect(discover(root).links.map(({ path, leads }) => `${path} ${leads}`).sort()).toEqual([
      "node_modules/away outside", "node_modules/gone nowhere", "node_modules/hopping outside", "node_modules/member workspace", "node_modules/root workspace",
    ])
    expect(paths()).toEqual([])
  } finally {
    rmSync(outside, { recursive: true })
  }
})

describe("a node_modules, or Yarn's cache, that is itself a link", () => {
  test("out of the folder is said to lead there", () => {
    const outside = mkdtempSync(join(tmpdir(), "vouchsafe-outside-"))
    try {
      link("node_modules", outside)
      link("packages/one/node_modules", join(outside, "gone"))
      link("two/.yarn/cache", outside)
      const found = discover(root)
      expect(found.links.map(({ path, leads }) => `${path} ${leads}`).sort()).toEqual(["node_modules outside", "packages/one/node_modules nowhere", "two/.yarn/cache outside"])
      expect([...found.projects].sort()).toEqual(["", "packages/one", "two"])
    } finally {
      rmSync(outside, { recursive: true })
    }
  })

  test("within the folder is looked through, once, wherever it leads", () => {
    pack("elsewhere/a", "a")
    pack(".git/hidden/b", "b")
    pack("node_modules/c", "c")
    put("zips/d-npm-1.0.0-abc-10c0.zip")
    for (const path of ["one", "two"]) link(`${path}/node_modules`, "../elsewhere")
    link("elsewhere/node_modules", "../elsewhere")
    link("three/node_modules", "../.git/hidden")
    link("four/node_modules", "../node_modules")
    link(".yarn/cache", "../zips")
    expect(paths()).toEqual([".git/hidden/b", "elsewhere/a", "node_modules/c", "zips/d-npm-1.0.0-abc-10c0.zip"])
    expect(new Set(discover(root).links.map(({ leads }) => leads))).toEqual(new Set(["package"]))
  })
})

test("a folder that is a node_modules is one", () => {
  pack("node_modules/a", "a")
  pack("node_modules/@s/b/node_modules/c", "c")
  pack("node_modules/.pnpm/d@1.0.0/node_modules/d", "d")
  link("node_modules/d", ".pnpm/d@1.0.0/node_modules/d")
  link("node_modules/.tool/linked", "../a")
  link("node_modules/e", ".tool/e")
  pack("node_modules/.tool/e", "e")
  const { places, links, others } = discover(join(root, "node_modules"))
  expect(places.map(({ path, alias }) => `${path} as ${alias}`).sort()).toEqual([".pnpm/d@1.0.0/node_modules/d as d", ".tool/e as e", "@s/b as @s/b", "@s/b/node_modules/c as c", "a as a"])
  expect(links.map(({ path, leads }) => `${path} ${leads}`)).toEqual(["d package", "e package"])
  expect(others).toEqual([".tool"])
})

test("a file that programs can load without a package is a stray; what tools keep is listed", () => {
  put("node_modules/evil.js")
  put("node_modules/@s/evil.js")
  put("node_modules/.package-lock.json", "{}")
  put("node_modules/.cache/x/y")
  expect(discover(root)).toMatchObject({ strays: ["node_modules/@s/evil.js", "node_modules/evil.js"], others: ["node_modules/.cache", "node_modules/.package-lock.json"] })
})

describe("reads", () => {
  test("files with their modes, without the packages inside, and names what is no file", async () => {
    put("node_modules/a/package.json", '\ufeff{"name":" a ","version":"v1.0.0"}')
    put("node_modules/a/lib/bin.js", "bin")
    chmodSync(join(root, "node_modules/a/lib/bin.js"), 0o755)
    pack("node_modules/a/node_modules/b", "b")
    put("node_modules/a/test/node_modules/f/index.js")
    link("node_modules/a/link", "/etc/hostname")
    const [a] = await readPlaces(root, discover(root).places)
    expect(a).toMatchObject({ name: "a", version: "1.0.0", specials: ["link"] })
    expect(a?.files.map(({ path, executable }) => `${path}${executable ? " x" : ""}`).sort()).toEqual(["lib/bin.js x", "package.json", "test/node_modules/f/index.js"])
    expect(a?.problem).toBeUndefined()
  })

  test.each([["no JSON", "{"], ["a list", "[]"], ["null", "null"], ["numbers", '{"name":1,"version":2}']])("a package.json that is %s names nothing", async (_, text) => {
    put("node_modules/a/package.json", text)
    expect((await readPlaces(root, discover(root).places))[0]).toMatchObject({ name: null, version: null })
  })

  test("threads read what one reads", async () => {
    for (let i = 0; i < 60; i++) pack(`node_modules/p${i}`, `p${i}`)
    const { places } = discover(root)
    expect(await readPlaces(root, places, { threads: 2 })).toEqual(await readPlaces(root, places, { threads: 0 }))
  })

  test("a reading that was ended gives nothing, whether threads read or not", async () => {
    for (let i = 0; i < 60; i++) pack(`node_modules/p${i}`, `p${i}`)
    for (const threads of [2, 0]) {
      const reading = readAudited(root, threads)
      reading.stop()
      await expect(reading.contents(), `${threads} threads`).rejects.toThrow("aborted")
    }
  })

  test("an archive that is none says so, and so does a folder that is gone", async () => {
    put(".yarn/cache/a.zip", "no archive")
    const [archive, gone] = await readPlaces(root, [...discover(root).places, { path: "gone", layout: "hoisted", alias: "gone" }])
    expect(archive?.problem).toBeDefined()
    expect(gone?.problem).toContain("ENOENT")
  })
})
