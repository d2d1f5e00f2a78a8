import { describe, expect, test } from "vitest"
import { parsePatch, takeBack, patchesFor, takeBackPatches } from "../src/index.ts"

const diff = (body: string, before = "a/x.js", after = "b/x.js"): string => `diff --git a/x.js b/x.js\nindex 1111111..2222222 100644\n--- ${before}\n+++ ${after}\n${body}`
const undo = (patch: string, after: string): string | undefined => {
  const [file] = parsePatch(patch) ?? []
  return file === undefined ? undefined : takeBack(file, after)
}

describe("takes back", () => {
  test.each([
    { name: "a changed line", body: "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n", after: "a\nB\nc\n", before: "a\nb\nc\n" },
    { name: "an added line", body: "@@ -1,2 +1,3 @@\n a\n+b\n c\n", after: "a\nb\nc\n", before: "a\nc\n" },
    { name: "a removed line", body: "@@ -1,3 +1,2 @@\n a\n-b\n c\n", after: "a\nc\n", before: "a\nb\nc\n" },
    { name: "two hunks", body: "@@ -1,2 +1,3 @@\n a\n+x\n b\n@@ -5,2 +6,1 @@\n e\n-f\n", after: "a\nx\nb\nc\nd\ne\n", before: "a\nb\nc\nd\ne\nf\n" },
    { name: "a hunk that moved", body: "@@ -1,2 +1,2 @@\n a\n-b\n+B\n", after: "0\n1\n2\na\nB\n", before: "0\n1\n2\na\nb\n" },
    { name: "an end without newline, now", body: "@@ -1,2 +1,2 @@\n a\n-b\n+B\n\\ No newline at end of file\n", after: "a\nB", before: "a\nb\n" },
    { name: "an end without newline, before", body: "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+B\n", after: "a\nB\n", before: "a\nb" },
    { name: "bytes that are no text", body: "@@ -1 +1 @@\n-\u0000\u00ff\n+\u00fe\n", after: "\u00fe\n", before: "\u0000\u00ff\n" },
    { name: "carriage returns", body: "@@ -1,2 +1,2 @@\n a\r\n-b\r\n+B\r\n", after: "a\r\nB\r\n", before: "a\r\nb\r\n" },
  ])("$name", ({ body, after, before }) => {
    expect(undo(diff(body), after)).toBe(before)
  })
})

test("takes back a hunk of more lines than a call takes arguments", () => {
  const lines = 200_000
  const removed = Array.from({ length: lines }, (_, i) => `-${i}\n`).join("")
  expect(undo(diff(`@@ -1,${lines} +0,0 @@\n${removed}`), "")).toBe(removed.replaceAll("-", ""))
})

describe("does not fit", () => {
  const body = "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"
  test.each([
    { name: "another line", after: "a\nX\nc\n" }, { name: "an end too early", after: "a\nB\n" }, { name: "nothing", after: "" }, { name: "too far away", after: `${"0\n".repeat(50)}a\nB\nc\n` },
  ])("$name", ({ after }) => {
    expect(undo(diff(body), after)).toBeUndefined()
  })
})

test.each([["no patch", "hello\n"], ["nothing", ""], ["a hunk cut off", diff("@@ -1,3 +1,3 @@\n a\n-b\n")], ["a line without sign", diff("@@ -1,3 +1,3 @@\n a\n?b\n")]])("is no patch: %s", (_, text) => {
  expect(parsePatch(text)).toBeUndefined()
})

describe("whole packages", () => {
  const parsed = (path: string, text: string): { path: string; files: NonNullable<ReturnType<typeof parsePatch>> } => ({ path, files: parsePatch(text) ?? [] })
  test("a file that a patch adds was not there, and one that it removes was", () => {
    const patch = parsed("patches/x+1.0.0.patch", diff("@@ -0,0 +1 @@\n+new\n", "/dev/null", "b/new.js") + diff("@@ -1 +0,0 @@\n-old\n", "a/old.js", "/dev/null"))
    const taken = takeBackPatches([patch], "x", (path) => (path === "new.js" ? "new\n" : undefined))
    expect(taken.map(({ path, before }) => [path, before?.size ?? null])).toEqual([["new.js", 0], ["old.js", 4]].map(([path, size]) => [path, path === "new.js" ? null : size]))
  })

  test("paths from the project's root are brought into the package, of a nested one as well", () => {
    const patch = parsed("patches/a++x+1.0.0.patch", diff("@@ -1 +1 @@\n-b\n+B\n", "a/node_modules/a/node_modules/x/i.js", "b/node_modules/a/node_modules/x/i.js"))
    expect(takeBackPatches([patch], "x", (path) => (path === "i.js" ? "B\n" : undefined))).toMatchObject([{ path: "i.js", before: { size: 2 } }])
  })

  test("a file that was changed beyond its patch is not taken back", () => {
    const patch = parsed("patches/x+1.0.0.patch", diff("@@ -1 +1 @@\n-b\n+B\n"))
    expect(takeBackPatches([patch], "x", () => "evil\n")).toEqual([])
  })

  test.each([
    ["left-pad", "patches/left-pad+1.0.0.patch", true], ["left-pad", "patches/left-pad@1.0.0.patch", true], ["left-pad", "patches/left-pad.patch", true], ["left-pad", ".yarn/patches/left-pad-npm-1.0.0-abcdef.patch", true],
    ["@s/x", "patches/@s+x+1.0.0.patch", true], ["@s/x", "patches/@s__x@1.0.0.patch", true], ["@s/x", ".yarn/patches/@s-x-npm-1.0.0-abc.patch", true], ["x", "app/patches/a++x+1.0.0.patch", true],
    ["pad", "patches/left-pad+1.0.0.patch", false], ["left", "patches/left-pad+1.0.0.patch", false], ["x", "patches/@s+x.patch", true], ["x.y", "patches/xay+1.0.0.patch", false],
  ])("%s may be patched by %s: %s", (name, path, is) => {
    expect(patchesFor([{ path, files: [] }], name).length === 1).toBe(is)
  })
})
