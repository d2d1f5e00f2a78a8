import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { isInside, policyFolder } from "../src/folders.ts"

let root: string
beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "vouchsafe-folders-")))
  for (const dir of ["w/packages/a", "w/packages/b", "outside", "w-next-door", "cache/dlx"]) mkdirSync(join(root, dir), { recursive: true })
  writeFileSync(join(root, "w/pnpm-workspace.yaml"), "packages: []\n")
  writeFileSync(join(root, "w/vouchsafe.json"), "{}")
  symlinkSync(join(root, "outside"), join(root, "w/packages/leads-out"))
  symlinkSync(join(root, "w/packages/a"), join(root, "w/packages/leads-in"))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

describe("inside the workspace", () => {
  test.each([
    { from: ".", path: "packages/a", inside: true }, { from: ".", path: ".", inside: true }, { from: "packages/a", path: "../b", inside: true }, { from: "packages/a", path: "../..", inside: true },
    { from: ".", path: "packages/not-yet", inside: true }, { from: ".", path: "packages/leads-in", inside: true }, { from: ".", path: "..odd", inside: true },
    { from: ".", path: "../outside", inside: false }, { from: "packages/a", path: "../../..", inside: false }, { from: ".", path: "../w-next-door", inside: false },
    { from: ".", path: "packages/leads-out", inside: false }, { from: ".", path: "/", inside: false }, { from: ".", path: "../not-there", inside: false },
  ])("$path from $from: $inside", ({ from, path, inside }) => {
    expect(isInside(join(root, "w"), from, path)).toBe(inside)
  })

  test("counts from the lockfile's folder, up to the workspace's root", () => {
    expect(isInside(join(root, "w/packages/a"), ".", "../b")).toBe(true)
    expect(isInside(join(root, "outside"), ".", "../w")).toBe(false)
  })
})

test("the policy is that of the lockfile's folder; of the folder that pnpm is called in, where that has none, as with dlx", () => {
  expect(policyFolder(join(root, "w/packages/a"), join(root, "outside"))).toBe(join(root, "w/packages/a"))
  expect(policyFolder(join(root, "cache/dlx"), join(root, "w"))).toBe(join(root, "w"))
  expect(policyFolder(undefined, join(root, "w"))).toBe(join(root, "w"))
})
