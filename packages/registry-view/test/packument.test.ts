import { gunzipSync } from "node:zlib"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { createLru, encodeBody, isExoticSpec, retarget, rewritePackument, rewriteVersion, chooseEncoding } from "../src/index.ts"

const BASE = "http://127.0.0.1:4873/"
const bytes = (value: unknown): Buffer => Buffer.from(typeof value === "string" ? value : JSON.stringify(value))
const version = (n: string, more: object = {}): object => ({ name: "@s/x", version: n, scripts: { postinstall: "x" }, readme: "long", dist: { tarball: `https://registry.example/@s/x/-/x-${n}.tgz`, integrity: `sha512-${n}`, shasum: "00" }, ...more })
const DOC = { _id: "@s/x", name: "@s/x", readme: "long", time: { modified: "2026-01-01T00:00:00.000Z", "1.0.0": "2026-01-01T00:00:00.000Z" }, "dist-tags": { latest: "1.1.0", old: "1.0.0" }, versions: { "1.0.0": version("1.0.0"), "1.1.0": version("1.1.0") } }
const OPTIONS = { name: "@s/x", base: BASE }
type Parsed = { "dist-tags": Record<string, string>; versions: Record<string, { deprecated?: string; dependencies?: Record<string, string>; hasInstallScript?: boolean; dist: { tarball: string; integrity?: string } }>; readme?: string; time?: object; modified?: string }
const text = (chunks: readonly Buffer[]): string => Buffer.concat(chunks).toString()
const parsed = (chunks: readonly Buffer[]): Parsed => JSON.parse(text(chunks)) as Parsed

describe("rewriting", () => {
  test("tarball addresses lead here, upstream's are remembered, the rest stays", () => {
    const { json, abbreviated, dist } = rewritePackument(bytes(DOC), OPTIONS, "full")
    const full = parsed(json)
    expect(full.versions["1.0.0"]?.dist).toEqual({ tarball: `${BASE}@s/x/-/x-1.0.0.tgz`, integrity: "sha512-1.0.0", shasum: "00" })
    expect(full).toMatchObject({ readme: "long", time: DOC.time })
    expect(dist.get("1.0.0")).toEqual({ tarball: "https://registry.example/@s/x/-/x-1.0.0.tgz", integrity: "sha512-1.0.0" })
    const short = parsed(abbreviated)
    expect(Object.keys(short).sort()).toEqual(["dist-tags", "modified", "name", "versions"])
    expect(short.versions["1.1.0"]).toMatchObject({ hasInstallScript: true, dist: { tarball: `${BASE}@s/x/-/x-1.1.0.tgz` } })
    expect(short.versions["1.1.0"]).not.toHaveProperty("scripts")
    expect(text(json)).not.toContain("https://registry.example/@s/x/-/")
  })
  test("an abbreviated document stays one", () => {
    const { name, versions, "dist-tags": tags } = DOC
    const rewritten = rewritePackument(bytes({ name, versions, "dist-tags": tags, modified: "m" }), OPTIONS, "abbreviated")
    expect(rewritten.json).toBe(rewritten.abbreviated)
  })
  test("a denied version keeps its place, says why and leads to its reason", () => {
    const { json } = rewritePackument(bytes(DOC), { ...OPTIONS, denied: new Map([["1.1.0", { code: "NOT_VOUCHED", reason: "NOT_VOUCHED: no quorum" }]]) }, "full")
    expect(parsed(json).versions["1.1.0"]).toMatchObject({ deprecated: "NOT_VOUCHED: no quorum", dist: { tarball: `${BASE}-/DENIED-NOT_VOUCHED/@s/x/-/x-1.1.0.tgz` } })
    expect(parsed(json).versions["1.0.0"]).not.toHaveProperty("deprecated")
    expect(parsed(json)["dist-tags"]["latest"]).toBe("1.1.0")
  })
  test("no tag dangles when versions are left out", () => {
    const { json, abbreviated } = rewritePackument(bytes(DOC), { ...OPTIONS, omit: (v) => v === "1.1.0" }, "full")
    for (const form of [json, abbreviated]) {
      expect(parsed(form)["dist-tags"]).toEqual({ latest: "1.0.0", old: "1.0.0" })
      expect(Object.keys(parsed(form).versions)).toEqual(["1.0.0"])
    }
    expect(retarget({ latest: "2.0.0", beta: "2.0.0" }, ["1.0.0", "1.1.0", "1.2.0-rc.1"])).toEqual({ latest: "1.1.0" })
    expect(retarget({ beta: "1.0.0-a" }, ["1.0.0-a"])).toEqual({ beta: "1.0.0-a", latest: "1.0.0-a" })
    expect(retarget({ latest: "1.0.0" }, [])).toEqual({})
    expect(retarget({ latest: 7 }, [])).toEqual({})
  })
  test("a version without dist gets our address all the same, and one that is no version is left out", () => {
    const { json, dist } = rewritePackument(bytes({ name: "@s/x", "dist-tags": {}, versions: { "1.0.0": { name: "@s/x" }, "../evil": version("1.0.0"), "2.0.0": "text" } }), OPTIONS, "full")
    expect(parsed(json).versions).toEqual({ "1.0.0": { name: "@s/x", dist: { tarball: `${BASE}@s/x/-/x-1.0.0.tgz` } } })
    expect([...dist.keys()]).toEqual(["1.0.0"])
  })
  test("names that belong to JavaScript stay plain data", () => {
    const doc = '{"name":"@s/x","__proto__":{"polluted":1},"dist-tags":{"constructor":"1.0.0"},"versions":{"1.0.0":{"dist":{},"__proto__":{"a":1}},"__proto__":{}}}'
    const { json } = rewritePackument(bytes(doc), OPTIONS, "full")
    expect(parsed(json)["dist-tags"]).toEqual({ constructor: "1.0.0", latest: "1.0.0" })
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })
  test.each([
    { name: "a second dist", manifest: `{"dist":{"tarball":"https://evil.example/1"},"dist":{"tarball":"https://evil.example/2"}}` },
    { name: "a second tarball", manifest: `{"dist":{"tarball":"https://evil.example/1","tarball":"https://evil.example/2"}}` },
    { name: "dist with an escape", manifest: String.raw`{"d\u0069st":{"t\u0061rball":"https:\/\/evil.example/1"}}` },
    { name: "dist of another kind", manifest: `{"dist":"https://evil.example/1"}` },
    { name: "dist that is empty", manifest: `{"dist":{}}` },
    { name: "dist in a field that is not installed", manifest: String.raw`{"readme":"\"dist\":{\"tarball\":\"x\"}","dist":{"a":[{"tarball":1}]}}` },
    { name: "white space everywhere", manifest: `{ "dist" : { "tarball" : "https://evil.example/1" , "x" : [ 1 , { } ] } , "deprecated" : false }` },
    { name: "an empty version", manifest: `{}` },
  ])("no spelling keeps another address: $name", ({ manifest }) => {
    for (const denied of [undefined, new Map([["1.0.0", { code: "NOT_VOUCHED", reason: "no \"quorum\"" }]])]) {
      for (const doc of [`{"name":"@s/x","versions":{"1.0.0":${manifest}}}`, `{"name":"@s/x","time":{},"versions":{},"versions":{"1.0.0":${manifest}}}`]) {
        const { json, abbreviated } = rewritePackument(bytes(doc), { ...OPTIONS, ...(denied === undefined ? {} : { denied }) }, "full")
        for (const form of [json, abbreviated]) {
          const version = parsed(form).versions["1.0.0"]
          expect(version?.dist.tarball).toBe(`${BASE}${denied === undefined ? "" : "-/DENIED-NOT_VOUCHED/"}@s/x/-/x-1.0.0.tgz`)
          if (denied !== undefined) expect(version?.deprecated).toBe('no "quorum"')
        }
      }
    }
  })
  test("everything else comes out as it went in, for any document", () => {
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()), (top, fields) => {
      const doc = { ...top, name: "@s/x", "dist-tags": {}, versions: { "1.0.0": { ...fields, dist: { tarball: "x" } } } }
      delete (doc as Record<string, unknown>)["_attachments"]
      const expected = structuredClone(doc) as typeof doc & Record<string, unknown>
      expected["dist-tags"] = { latest: "1.0.0" }
      expected.versions["1.0.0"].dist.tarball = `${BASE}@s/x/-/x-1.0.0.tgz`
      const { json } = rewritePackument(bytes(JSON.stringify(doc, null, 1)), OPTIONS, "full")
      expect(JSON.parse(text(json))).toEqual(JSON.parse(JSON.stringify(expected)))
    }))
  })
  test("throws nothing but PACKUMENT_MALFORMED", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json(), fc.array(fc.constantFrom("{", "}", "[", "]", '"', ",", ":", "\\", "versions", "dist", "1.0.0", " ")).map((parts) => parts.join(""))), (content) => {
      for (const rewrite of [() => rewritePackument(bytes(content), OPTIONS, "full"), () => rewriteVersion(bytes(content), OPTIONS)]) {
        try { rewrite() } catch (error) { expect(error).toMatchObject({ code: "PACKUMENT_MALFORMED" }) }
      }
    }))
  })
  test("dependencies from elsewhere lead to a denial, others stay", () => {
    const doc = { ...DOC, versions: { "1.0.0": version("1.0.0", { dependencies: { a: "^1", "@t/b": "https://evil.example/b.tgz", c: "npm:d@1" } }) } }
    const deps = (exoticCode?: string) => parsed(rewritePackument(bytes(doc), { ...OPTIONS, ...(exoticCode === undefined ? {} : { exoticCode }) }, "full").json).versions["1.0.0"]?.dependencies
    expect(deps("EXOTIC_SOURCE")).toEqual({ a: "^1", "@t/b": `${BASE}-/DENIED-EXOTIC_SOURCE/@t/b.tgz`, c: "npm:d@1" })
    expect(deps()).toEqual({ a: "^1", "@t/b": "https://evil.example/b.tgz", c: "npm:d@1" })
  })
  test("one version's document", () => {
    const { json, version: n, dist } = rewriteVersion(bytes(version("1.0.0")), OPTIONS)
    expect(parsed(json)).toMatchObject({ dist: { tarball: `${BASE}@s/x/-/x-1.0.0.tgz` } })
    expect([n, dist.tarball]).toEqual(["1.0.0", "https://registry.example/@s/x/-/x-1.0.0.tgz"])
  })
})

describe("refuses", () => {
  test.each([
    { what: "no JSON", body: bytes("<html>"), says: "is not a JSON object" },
    { what: "cut JSON", body: bytes(DOC).subarray(0, 50), says: "is not JSON" },
    { what: "bad UTF-8", body: Buffer.of(0x7b, 0xff, 0x7d), says: "is not JSON" },
    { what: "two documents", body: bytes(`${JSON.stringify(DOC)}{}`), says: "goes on after its end" },
    { what: "another package behind the right one", body: bytes('{"name":"@s/x","versions":{},"name":"y"}'), says: 'names "y"' },
    { what: "another package, spelled with an escape", body: bytes('{"n\\u0061me":"y","versions":{}}'), says: 'names "y"' },
    { what: "nothing", body: bytes(""), says: "is not a JSON object" },
    { what: "an array", body: bytes([]), says: "is not a JSON object" },
    { what: "another package", body: bytes({ ...DOC, name: "y" }), says: 'names "y", expected "@s/x"' },
    { what: "a name that is no text", body: bytes({ ...DOC, name: 7 }), says: "names 7" },
  ])("$what", ({ body, says }) => {
    expect(() => rewritePackument(body, OPTIONS, "full")).toThrow(expect.objectContaining({ code: "PACKUMENT_MALFORMED", message: expect.stringContaining(says) as string }))
    expect(() => rewriteVersion(body, OPTIONS)).toThrow(expect.objectContaining({ code: "PACKUMENT_MALFORMED" }))
  })
  test.each([{ name: "@s/x" }, { name: "@s/x", version: "v1" }, { name: "@s/x", version: 1 }])("a version document without a version: %j", (doc) => {
    expect(() => rewriteVersion(bytes(doc), OPTIONS)).toThrow(expect.objectContaining({ code: "PACKUMENT_MALFORMED" }))
  })
})

test.each([
  ["^1.0.0", false], ["latest", false], ["", false], ["*", false], [">=1 <2 || 3.x", false], ["1.0.0 - 2.0.0", false], ["npm:other@^1", false], ["workspace:*", false],
  ["https://x/y.tgz", true], ["git+ssh://git@h/x.git", true], ["user/repo", true], ["github:user/repo#v1", true], ["file:../x", true], ["./x", true], ["..", true], ["x.tgz", true], ["git@host:x", true], ["C:\\x", true], ["link:x", true], ["jsr:@a/b", true], [" https://x", true],
])("spec %j exotic: %s", (spec, exotic) => expect(isExoticSpec(spec)).toBe(exotic))

describe("encodings", () => {
  test.each([
    [undefined, "identity"], ["", "identity"], ["gzip", "gzip"], ["br, gzip;q=0.5", "gzip"], ["gzip;q=0", "identity"], ["*", "gzip"], ["identity", "identity"], ["br", "identity"], ["deflate, GZIP", "gzip"],
  ])("%j gives %s", (header, encoding) => expect(chooseEncoding(header)).toBe(encoding))
  test("every encoding gives the same text, and one ETag stands for it", async () => {
    for (const content of ["x".repeat(10), "y".repeat(5_000), "z".repeat(200_000)]) {
      const body = await encodeBody([Buffer.from(content.slice(0, 7)), Buffer.from(content.slice(7))], "application/json")
      expect((await body.negotiate("identity")).body.toString()).toBe(content)
      const zipped = await body.negotiate("gzip")
      expect((zipped.encoding === "gzip" ? gunzipSync(zipped.body) : zipped.body).toString()).toBe(content)
      expect(body.etag).toMatch(/^"[0-9a-f]{32}"$/)
      expect(body.bytesHeld()).toBeLessThan(content.length + 200)
    }
    expect((await encodeBody([Buffer.from("a")], "t")).etag).not.toBe((await encodeBody([Buffer.from("b")], "t")).etag)
  })
})

test("the cache forgets what was used longest ago and never grows over its weight", () => {
  const cache = createLru<string>(10, (value) => value.length)
  cache.set("a", "aaaa"); cache.set("b", "bbbb")
  cache.get("a")
  cache.set("c", "cccc")
  expect([cache.get("a"), cache.get("b"), cache.get("c")]).toEqual(["aaaa", undefined, "cccc"])
  cache.set("big", "x".repeat(11))
  expect(cache.get("big")).toBeUndefined()
  cache.set("a", "a")
  expect(cache.weight()).toBe(5)
  cache.delete("a"); cache.delete("none")
  expect(cache.weight()).toBe(4)
})
