import { describe, expect, test } from "vitest"
import { isOnHost, sourceOf } from "../src/locator.ts"

const inside = { localPath: () => "/w/x", isInside: () => true }
const outside = { localPath: () => "/x", isInside: () => false }
const within = { localPath: () => null, isInside: () => false }
const sort = (reference: string, context: Parameters<typeof sourceOf>[1] = inside) => sourceOf({ name: "@s/a", reference }, context)

describe("versions of a registry", () => {
  test.each([
    { reference: "npm:1.0.0", version: "1.0.0" }, { reference: "npm:1.0.0-rc.1+build.5", version: "1.0.0-rc.1+build.5" }, { reference: "npm:0.0.0", version: "0.0.0" },
  ])("$reference", ({ reference, version }) => {
    expect(sort(reference)).toEqual({ kind: "npm", name: "@s/a", version })
  })

  test("with an archive URL, as Yarn reads it", () => {
    expect(sort("npm:1.0.0::__archiveUrl=https%3A%2F%2Ffiles.example%2Fa.tgz")).toEqual({ kind: "npm", name: "@s/a", version: "1.0.0", archiveUrl: "https://files.example/a.tgz" })
    expect(sort("npm:1.0.0::other=1")).toEqual({ kind: "npm", name: "@s/a", version: "1.0.0" })
  })
})

describe("refuses", () => {
  test.each([
    "npm:^1.0.0", "npm:latest", "npm:1.0", "npm:", "npm:1.0.0#x", "npm:1.0.0?__archiveUrl=https://files.example/a.tgz", "npm:1.0.0\n", "npm:b@1.0.0",
    "npm:1.0.0::__archiveUrl=a::__archiveUrl=b", "npm:1.0.0::__archiveUrl=a&__archiveUrl=b",
    "https://files.example/a.tgz", "http://files.example/a.tgz", "https://git.example/a.git#commit=0123", "git@git.example:a.git#commit=0123", "ssh://git.example/a#commit=0123",
    "github:s/a", "exec:./make.js", "unknown:1.0.0", "1.0.0", "", "NPM:1.0.0", "patch:", "patch:#x.patch", "patch:%E0%A4%A#x.patch", "file", "workspacex:.",
  ])("%j", (reference) => {
    expect(sort(reference)).toMatchObject({ kind: "exotic" })
  })

  test.each(["file:../x", "link:../x", "portal:/x"])("outside: %s", (reference) => {
    expect(sort(reference, outside)).toMatchObject({ kind: "exotic", found: "/x" })
  })
})

test.each([
  { reference: "file:./x", kind: "derived" }, { reference: "file:./x.tgz", kind: "derived" }, { reference: "link:./x", kind: "own" }, { reference: "portal:./x", kind: "own" },
])("inside of the project or of a guarded package: $reference is $kind", ({ reference, kind }) => {
  expect(sort(reference)).toEqual({ kind })
  expect(sort(reference, within)).toEqual({ kind })
})

test("a patch leads to its source", () => {
  expect(sort("patch:@s/a@npm%3A1.0.0#optional!builtin<compat/a>::version=1.0.0&hash=0123")).toEqual({ kind: "derived", patchedFrom: "@s/a@npm:1.0.0" })
  expect(sort("patch:@s/a@patch%3A@s/a@npm%253A1.0.0%23x#y")).toEqual({ kind: "derived", patchedFrom: "@s/a@patch:@s/a@npm%3A1.0.0#x" })
})

test.each([
  { url: "https://registry.example/a.tgz", on: true }, { url: "http://registry.example/a.tgz", on: true }, { url: "https://REGISTRY.example:443/a.tgz", on: true },
  { url: "https://registry.example:8443/a.tgz", on: false }, { url: "https://registry.example.evil.example/a.tgz", on: false }, { url: "https://registry.example@evil.example/a.tgz", on: false },
  { url: "ftp://registry.example/a.tgz", on: false }, { url: "file:///a.tgz", on: false }, { url: "a.tgz", on: false }, { url: "", on: false },
])("$url lies on the registry's host: $on", ({ url, on }) => {
  expect(isOnHost(url, "https://registry.example/npm/")).toBe(on)
})
