import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { deniedPath, isPackageName, isVersion, parseRegistryRequest, tarballPath, tarballVersion } from "../src/index.ts"

describe("reads every spelling that clients use", () => {
  test.each([
    { target: "/left-pad", is: { kind: "packument", name: "left-pad", write: false } },
    { target: "/left-pad/", is: { kind: "packument", name: "left-pad", write: false } },
    { target: "/left-pad?write=true", is: { kind: "packument", name: "left-pad", write: true } },
    { target: "/@types%2fnode", is: { kind: "packument", name: "@types/node", write: false } },
    { target: "/@types%2Fnode", is: { kind: "packument", name: "@types/node", write: false } },
    { target: "/@types/node", is: { kind: "packument", name: "@types/node", write: false } },
    { target: "/%40types%2fnode", is: { kind: "packument", name: "@types/node", write: false } },
    { target: "/JSONStream", is: { kind: "packument", name: "JSONStream", write: false } },
    { target: "/left-pad/latest", is: { kind: "manifest", name: "left-pad", selector: "latest" } },
    { target: "/@types%2fnode/20.0.0", is: { kind: "manifest", name: "@types/node", selector: "20.0.0" } },
    { target: "/left-pad/-/left-pad-1.3.0.tgz", is: { kind: "tarball", name: "left-pad", version: "1.3.0", file: "left-pad-1.3.0.tgz" } },
    { target: "/@types%2fnode/-/node-20.0.0.tgz", is: { kind: "tarball", name: "@types/node", version: "20.0.0", file: "node-20.0.0.tgz" } },
    { target: "/@types/node/-/node-20.0.0-rc.1.tgz", is: { kind: "tarball", name: "@types/node", version: "20.0.0-rc.1", file: "node-20.0.0-rc.1.tgz" } },
    { target: "/@types/node/-/@types/node-20.0.0.tgz", is: { kind: "tarball", name: "@types/node", version: "20.0.0", file: "node-20.0.0.tgz" } },
    { target: "/x/-/x-1.0.0%2Bbuild.tgz", is: { kind: "tarball", name: "x", version: "1.0.0+build", file: "x-1.0.0+build.tgz" } },
    { target: "/x/-/x-1.0.0-1.tgz", is: { kind: "tarball", name: "x", version: "1.0.0-1", file: "x-1.0.0-1.tgz" } },
    { target: "/-/npm/v1/attestations/@sigstore%2fverify@3.0.0", is: { kind: "endpoint", path: "-/npm/v1/attestations/@sigstore/verify@3.0.0", name: "@sigstore/verify" } },
    { target: "/-/npm/v1/attestations/left-pad@1.3.0", is: { kind: "endpoint", path: "-/npm/v1/attestations/left-pad@1.3.0", name: "left-pad" } },
    { target: "/-/package/@s%2fx/dist-tags", is: { kind: "endpoint", path: "-/package/@s/x/dist-tags", name: "@s/x" } },
    { target: "/-/package/x/dist-tags/beta", is: { kind: "endpoint", path: "-/package/x/dist-tags/beta", name: "x" } },
    { target: "/-/v1/search?text=x", is: { kind: "endpoint", path: "-/v1/search" } },
    { target: "/-/ping?write=true", is: { kind: "endpoint", path: "-/ping" } },
    { target: "/", is: { kind: "root" } },
    { target: "/-/DENIED-NOT_VOUCHED/@s/x/-/x-1.0.0.tgz", is: { kind: "denied", code: "NOT_VOUCHED", name: "@s/x", version: "1.0.0" } },
    { target: "/-/DENIED-EXOTIC_SOURCE/@s/x.tgz", is: { kind: "denied-source", code: "EXOTIC_SOURCE", name: "@s/x" } },
    { target: `/download/@s/x/1.0.0/${"a".repeat(40)}`, is: { kind: "tarball", name: "@s/x", version: "1.0.0", file: "x-1.0.0.tgz" } },
  ])("$target", ({ target, is }) => expect(parseRegistryRequest("GET", target)).toEqual(is))

  test.each([
    { method: "PUT", target: "/@s%2fx", name: "@s/x" }, { method: "PUT", target: "/x/-rev/1-0", name: "x" }, { method: "DELETE", target: "/x/-/x-1.0.0.tgz/-rev/1-0", name: "x" },
  ])("$method $target is a write", ({ method, target, name }) => expect(parseRegistryRequest(method, target)).toEqual({ kind: "write", name }))
})

describe("refuses what two readers could read differently", () => {
  test.each([
    "left-pad", "/left-pad/../evil", "/left-pad/%2e%2e/evil", "/..%2fevil", "/left-pad/%252e%252e", "/left-pad//-/left-pad-1.3.0.tgz", "//evil", "/a%5cb", "/a%00b", "/a%0d%0aSet-Cookie", "/%zz", "/%ff",
    "/left-pad/-/right-pad-1.3.0.tgz", "/left-pad/-/left-pad-1.3.tgz", "/left-pad/-/left-pad-v1.3.0.tgz", "/left-pad/-/left-pad-01.3.0.tgz", "/left-pad/-/left-pad-1.3.0.tar.gz", "/left-pad/-/", "/left-pad/-",
    "/left-pad/-/a/b/left-pad-1.3.0.tgz", "/left-pad/1.3.0/extra", "/.hidden", "/_session", "/node_modules", "/@/x", "/@s%2f.hidden", `/${"a".repeat(215)}`, `/${"a/".repeat(5000)}`, "/a b", "/a%23b", "/a%3Fb",
    "/x/-/x-1.0.0.tgz%00.tgz", "/x/-/x-1.0.0.tgz%2f", "/x/download/1.0.0.tgz", "/download/x/1.0.0/abc", `/download/x/v1/${"a".repeat(40)}`,
  ])("%s", (target) => expect(parseRegistryRequest("GET", target).kind).toBe("unknown"))
  test.each(["/-/DENIED-", "/-/DENIED-<b>/x.tgz", "/-/DENIED-A/b/c", "/-/DENIED-A", "/-/DENIED-A/x/-/y-1.0.0.tgz", "/-/DENIED-A/.x.tgz"])("%s is no denied address", (target) => expect(parseRegistryRequest("GET", target).kind).not.toMatch(/^denied/))
  test("throws for no target at all", () => {
    fc.assert(fc.property(fc.string(), (text) => { expect(parseRegistryRequest("GET", `/${text}`).kind).toBeTypeOf("string") }))
  })
})

describe("names and versions", () => {
  test("a tarball's path leads back to its version", () => {
    for (const [name, version] of [["x", "1.0.0"], ["@s/x", "1.0.0-a.b+c"], ["x-1.0.0", "2.0.0"]] as const) {
      expect(parseRegistryRequest("GET", `/${tarballPath(name, version)}`)).toMatchObject({ kind: "tarball", name, version })
    }
  })
  test("a name that ends like a version does not confuse", () => {
    expect(tarballVersion("x-1.0.0", "x-1.0.0-2.0.0.tgz")).toBe("2.0.0")
    expect(tarballVersion("x", "x-1.0.0-2.0.0.tgz")).toBe("1.0.0-2.0.0")
  })
  test.each(["1.0", "v1.0.0", "1.0.0-", "1.0.0-01", "1.0.0 ", "latest", "", "1.0.0+", `1.0.0-${"a".repeat(300)}`])("%j is no version", (text) => expect(isVersion(text)).toBe(false))
  test.each(["", "a/b", "@s", "@s/", "a b", "a%2fb", "..", ".a", "_a", "a\n", "ä"])("%j is no package name", (name) => expect(isPackageName(name)).toBe(false))
  test("a denied address survives any code", () => expect(parseRegistryRequest("GET", `/${deniedPath("A<b>/..", "x", "1.0.0")}`)).toEqual({ kind: "denied", code: "A-b----", name: "x", version: "1.0.0" }))
})
