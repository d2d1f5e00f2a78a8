import { describe, expect, test } from "vitest"
import { findRef, isRefName, parseRefList, type RefList } from "../../src/git/refs.ts"
import { tagNames } from "@vouchsafe/ports"

const A = "a".repeat(40)
const B = "b".repeat(40)
const lines = (...rows: readonly (readonly [string, string])[]): string => rows.map(([id, name]) => `${id}\t${name}\n`).join("")
function listOf(text: string): RefList {
  const parsed = parseRefList(text, true)
  if (!parsed.ok) throw new Error(parsed.failure.detail)
  return parsed.value
}

describe("what a server says about its refs", () => {
  test.each([
    { name: "nothing", text: "", code: "SOURCE_NOT_FOUND" },
    { name: "only HEAD", text: lines([A, "HEAD"]), code: "SOURCE_NOT_FOUND" },
    { name: "only pull requests", text: lines([A, "refs/pull/1/head"], [A, "refs/merge-requests/1/head"], [A, "refs/changes/1"], [A, "refs/remotes/origin/main"], [A, "refs/replace/x"], [A, "refs/stash"]), code: "SOURCE_NOT_FOUND" },
    { name: "ids that are none", text: lines(["0".repeat(40), "refs/heads/a"], ["A".repeat(40), "refs/heads/b"], ["abc", "refs/heads/c"]), code: "SOURCE_NOT_FOUND" },
    { name: "ids of two lengths", text: lines([A, "refs/heads/a"], ["c".repeat(64), "refs/heads/b"]), code: "CLONE_FAILED" },
    { name: "too many", text: Array.from({ length: 200_001 }, (_, i) => `${A}\trefs/heads/${i}\n`).join(""), code: "CLONE_FAILED" },
  ])("refused: $name", ({ text, code }) => {
    expect(parseRefList(text, true)).toMatchObject({ ok: false, failure: { code } })
  })

  test("branches, tags and what annotated tags lead to", () => {
    const list = listOf(`ref: refs/heads/main\tHEAD\n${lines([A, "HEAD"], [A, "refs/heads/main"], [B, "refs/tags/v1"], [A, "refs/tags/v1^{}"], [A, "refs/pull/1/head"])}`)
    expect(list.head).toBe("refs/heads/main")
    expect([...list.refs.values()]).toEqual([{ name: "refs/heads/main", id: A, peeled: null }, { name: "refs/tags/v1", id: B, peeled: A }])
  })

  test("a default branch that is not there, or is none, is none", () => {
    for (const head of ["refs/heads/gone", "refs/pull/1/head", "--upload-pack=x"]) expect(listOf(`ref: ${head}\tHEAD\n${lines([A, "refs/heads/main"])}`).head).toBeNull()
  })

  test.each([
    "refs/heads/", "refs/heads", "refs/heads/a..b", "refs/heads/a b", "refs/heads/a~1", "refs/heads/a^", "refs/heads/a:b", "refs/heads/*", "refs/heads/a?", "refs/heads/[a]", "refs/heads/a\\b",
    "refs/heads/.a", "refs/heads/a/.b", "refs/heads/a.lock", "refs/heads/a.", "refs/heads//a", "refs/heads/a/", "refs/heads/a@{1}", "refs/heads/a\nb", "refs/heads/a\u202eb", "refs/notes/a", "refs/pull/1/head",
    "HEAD", "-refs/heads/a", `refs/heads/${"a".repeat(600)}`,
  ])("no ref name: %j", (name) => {
    expect(isRefName(name)).toBe(false)
  })

  test.each(["refs/heads/main", "refs/tags/@acme/x@1.0.0", "refs/tags/release/1.0.0", "refs/heads/-x", "refs/heads/größe"])("a ref name: %j", (name) => {
    expect(isRefName(name)).toBe(true)
  })
})

describe("the tag of a version", () => {
  test.each([
    { tag: "v1.2.3", name: "thing" }, { tag: "1.2.3", name: "thing" }, { tag: "thing@1.2.3", name: "thing" }, { tag: "thing-v1.2.3", name: "thing" }, { tag: "thing/v1.2.3", name: "thing" },
    { tag: "@acme/thing@1.2.3", name: "@acme/thing" }, { tag: "acme/thing@1.2.3", name: "@acme/thing" }, { tag: "thing@1.2.3", name: "@acme/thing" }, { tag: "thing@v1.2.3", name: "@acme/thing" },
    { tag: "acme-thing-1.2.3", name: "@acme/thing" }, { tag: "release/1.2.3", name: "thing" }, { tag: "release-1.2.3", name: "thing" }, { tag: "releases/v1.2.3", name: "thing" }, { tag: "version-1.2.3", name: "thing" },
  ])("$tag for $name", ({ tag, name }) => {
    const [found] = findRef(listOf(lines([A, "refs/heads/main"], [B, `refs/tags/${tag}`])), "1.2.3", name)
    expect(found).toMatchObject({ name: `refs/tags/${tag}`, commit: B, annotated: false })
  })

  test.each([
    { what: "a branch of that name", refs: lines([A, "refs/heads/v1.2.3"]) }, { what: "a later version", refs: lines([A, "refs/tags/v1.2.30"]) }, { what: "a prerelease", refs: lines([A, "refs/tags/v1.2.3-rc.1"]) },
    { what: "another package's", refs: lines([A, "refs/tags/other@1.2.3"]) }, { what: "another scope's", refs: lines([A, "refs/tags/@evil/thing@1.2.3"]) }, { what: "a suffix", refs: lines([A, "refs/tags/xv1.2.3"]) },
  ])("not: $what", ({ refs }) => {
    expect(findRef(listOf(lines([A, "refs/heads/main"]) + refs), "1.2.3", "@acme/thing")).toEqual([])
  })

  test("with the package's name goes before without, and an annotated tag is peeled", () => {
    const list = listOf(lines([A, "refs/tags/v1.2.3"], [A, "refs/tags/thing@1.2.3"], [B, "refs/tags/thing@1.2.3^{}"]))
    expect(findRef(list, "1.2.3", "@acme/thing")).toEqual([
      { name: "refs/tags/thing@1.2.3", id: A, peeled: B, commit: B, annotated: true }, { name: "refs/tags/v1.2.3", id: A, peeled: null, commit: A, annotated: false },
    ])
  })

  test("every name is there once, and versions with odd characters make no other names", () => {
    const names = tagNames("1.2.3+build", "x")
    expect(new Set(names).size).toBe(names.length)
    expect(names.every((name) => name.endsWith("1.2.3+build"))).toBe(true)
    expect(findRef(listOf(lines([A, "refs/tags/v1"])), "../heads/main", "x")).toEqual([])
  })
})
