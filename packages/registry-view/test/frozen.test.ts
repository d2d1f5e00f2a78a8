import { describe, expect, test } from "vitest"
import { compareVersions, freezePackument, type FreezeOptions, writeFrozenPackument, writeFrozenVersion } from "../src/index.ts"

const BASE = "http://127.0.0.1:4873/"
const at = (day: string): number => Date.parse(`${day}T00:00:00Z`) / 1000
const manifest = (version: string, more: object = {}): object => ({
  name: "left", version, scripts: { postinstall: "x" }, readme: "long",
  dist: { tarball: `https://registry.example/left/-/left-${version}.tgz`, integrity: `sha512-${version}`, shasum: "00", signatures: [{}], attestations: { url: "https://registry.example/-/a" } }, ...more,
})
const TIMES: Readonly<Record<string, string>> = {
  created: "2020-01-01T00:00:00.000Z", modified: "2026-01-01T00:00:00.000Z",
  "1.0.0": "2020-01-01T00:00:00.000Z", "2.0.0-beta.1": "2020-03-01T00:00:00.000Z", "1.9.0": "2020-04-01T00:00:00.000Z", "1.10.0": "2020-05-01T00:00:00.000Z", "2.0.0": "2021-01-01T00:00:00.000Z", "1.11.0": "2021-02-01T00:00:00.000Z",
}
const VERSIONS = ["1.0.0", "2.0.0-beta.1", "1.9.0", "1.10.0", "2.0.0", "1.11.0"]
const document = (more: object = {}): object => ({
  name: "left", readme: "later words", maintainers: [{ name: "later" }], time: TIMES, versions: Object.fromEntries(VERSIONS.map((version) => [version, manifest(version)])),
  "dist-tags": { latest: "2.0.0", next: "2.0.0-beta.1", old: "1.11.0" }, ...more,
})
const OPTIONS: FreezeOptions = { name: "left", frozenAt: at("2020-06-01"), target: { name: "right", version: "1.0.0" } }
const freeze = (doc: unknown = document(), more: Partial<FreezeOptions> = {}): ReturnType<typeof freezePackument> => freezePackument(doc, { ...OPTIONS, ...more })
const held = (doc: unknown = document(), more: Partial<FreezeOptions> = {}): string[] => [...freeze(doc, more).versions.keys()]

describe("what is there", () => {
  test.each<{ name: string, doc?: object, more?: Partial<FreezeOptions>, versions: string[] }>([
    { name: "what was published by then", versions: ["1.0.0", "2.0.0-beta.1", "1.9.0", "1.10.0"] },
    { name: "the very second still counts", more: { frozenAt: at("2020-03-01") }, versions: ["1.0.0", "2.0.0-beta.1"] },
    { name: "a second earlier does not", more: { frozenAt: at("2020-03-01") - 1 }, versions: ["1.0.0"] },
    { name: "nothing before the first", more: { frozenAt: at("2019-01-01") }, versions: [] },
    { name: "not the target", more: { target: { name: "left", version: "1.9.0" } }, versions: ["1.0.0", "2.0.0-beta.1", "1.10.0"] },
    { name: "not the target with build metadata", doc: document({ versions: { "1.9.0+build": manifest("1.9.0+build"), "1.0.0": manifest("1.0.0") }, time: { ...TIMES, "1.9.0+build": TIMES["1.9.0"] } }), more: { target: { name: "left", version: "1.9.0" } }, versions: ["1.0.0"] },
    { name: "not a manifest of the target under another key", doc: document({ versions: { "1.0.0": manifest("1.9.0"), "1.10.0": manifest("1.10.0") } }), more: { target: { name: "left", version: "1.9.0" } }, versions: ["1.10.0"] },
    { name: "not a manifest of another package", doc: document({ versions: { "1.0.0": manifest("1.0.0", { name: "right" }), "1.10.0": manifest("1.10.0") } }), versions: ["1.10.0"] },
    { name: "not a version without a time", doc: document({ time: { "1.0.0": TIMES["1.0.0"] } }), versions: ["1.0.0"] },
    { name: "not a version whose time is inherited", doc: document({ time: Object.create({ "1.0.0": TIMES["1.0.0"] }) as object }), versions: [] },
    ...["", "2020", "2020-01-01", "Wed, 01 Jan 2020 00:00:00 GMT", "2020-01-01T00:00:00", "2020-13-01T00:00:00Z", "2020-01-01T00:00:00+0000", "2020-01-01T00:00:00+00:00 ", "2020-01-01T00:00:00+99:00", "-002020-01-01T00:00:00Z", "0", 0, null, {}, ["2020-01-01T00:00:00Z"]]
      .map((time) => ({ name: `not a version with the time ${JSON.stringify(time)}`, doc: document({ time: { ...TIMES, "1.0.0": time } }), versions: ["2.0.0-beta.1", "1.9.0", "1.10.0"] })),
    { name: "not what is no version", doc: document({ versions: { "v1.0.0": manifest("v1.0.0"), "1.0": manifest("1.0"), latest: manifest("latest"), "1.0.0": manifest("1.0.0"), "1.9.0": null }, time: { ...TIMES, "v1.0.0": TIMES["1.0.0"], "1.0": TIMES["1.0.0"], latest: TIMES["1.0.0"] } }), versions: ["1.0.0"] },
    { name: "a time with an offset: the second counts, not the spelling", doc: document({ versions: { "1.0.0": manifest("1.0.0"), "1.9.0": manifest("1.9.0"), "1.10.0": manifest("1.10.0") }, time: { "1.0.0": "2020-06-01T02:00:00.148000+02:00", "1.9.0": "2020-05-31T23:59:59-01:00", "1.10.0": "2020-06-01T00:00:00+00:00" } }), versions: ["1.0.0", "1.10.0"] },
    { name: "an unpublished package has nothing", doc: { name: "left", time: { unpublished: { time: "2020-02-01T00:00:00Z", versions: ["1.0.0"] } } }, versions: [] },
    { name: "without times all but the target, where asked so", doc: document({ time: undefined }), more: { withoutTimes: "keep", target: { name: "left", version: "2.0.0" } }, versions: VERSIONS.filter((version) => version !== "2.0.0") },
  ])("$name", ({ doc, more, versions }) => expect(held(doc ?? document(), more)).toEqual(versions))

  test.each<{ name: string, doc: unknown, says: string }>([
    { name: "no times", doc: document({ time: undefined }), says: "has no publish times" },
    { name: "times that are a list", doc: document({ time: [] }), says: "has no publish times" },
    { name: "another package", doc: document({ name: "right" }), says: "is about another package" },
    { name: "no name", doc: document({ name: undefined }), says: "is about another package" },
    { name: "a list", doc: [], says: "is not a JSON object" },
    { name: "nothing", doc: null, says: "is not a JSON object" },
  ])("refuses $name", ({ doc, says }) => {
    expect(() => freeze(doc)).toThrow(expect.objectContaining({ code: "PACKUMENT_MALFORMED", message: expect.stringContaining(says) }))
  })
})

describe("tags point to what is there", () => {
  test.each<{ name: string, doc?: object, more?: Partial<FreezeOptions>, tags: Record<string, string> }>([
    { name: "latest moves to the highest release, not to the last or to a prerelease", tags: { latest: "1.10.0", next: "2.0.0-beta.1" } },
    { name: "a tag of a version that was there stays", doc: document({ "dist-tags": { latest: "1.0.0" } }), tags: { latest: "1.0.0" } },
    { name: "no tag points to the target", more: { target: { name: "left", version: "1.10.0" } }, tags: { latest: "1.9.0", next: "2.0.0-beta.1" } },
    { name: "only prereleases: the highest of them", doc: document({ versions: { "2.0.0-beta.1": manifest("2.0.0-beta.1") } }), tags: { latest: "2.0.0-beta.1", next: "2.0.0-beta.1" } },
    { name: "nothing there: no tags", more: { frozenAt: 0 }, tags: {} },
    { name: "tags that are no texts, or no object", doc: document({ "dist-tags": { latest: 1, next: null } }), tags: { latest: "1.10.0" } },
  ])("$name", ({ doc, more, tags }) => expect(Object.fromEntries(freeze(doc ?? document(), more).tags)).toEqual(tags))
})

test("documents name nothing that came later, and no address but the view's own", () => {
  const frozen = freeze()
  for (const text of [writeFrozenPackument(frozen, BASE, "full"), writeFrozenPackument(frozen, BASE, "abbreviated"), writeFrozenVersion(frozen, "latest", BASE) as string]) {
    for (const later of ["registry.example", "2.0.0\"", "1.11.0", "2021", "2026", "later", "signatures", "attestations"]) expect(text).not.toContain(later)
  }
  const full = JSON.parse(writeFrozenPackument(frozen, BASE, "full")) as { time: object, versions: Record<string, { dist: object, readme: string }> }
  expect(full.time).toEqual({ modified: TIMES["1.10.0"], "1.0.0": TIMES["1.0.0"], "2.0.0-beta.1": TIMES["2.0.0-beta.1"], "1.9.0": TIMES["1.9.0"], "1.10.0": TIMES["1.10.0"] })
  expect(full.versions["1.9.0"]?.dist).toEqual({ shasum: "00", integrity: "sha512-1.9.0", tarball: `${BASE}left/-/left-1.9.0.tgz` })
  const short = JSON.parse(writeFrozenPackument(frozen, BASE, "abbreviated")) as { versions: Record<string, object>, modified: string }
  expect(short.modified).toBe(TIMES["1.10.0"])
  expect(short.versions["1.9.0"]).toEqual({ name: "left", version: "1.9.0", hasInstallScript: true, dist: full.versions["1.9.0"]?.dist })
})

test.each(["2.0.0", "1.11.0", "old", "v1.0.0", "", "__proto__", "constructor", "*", "^1.0.0"])("no document for the selector %j", (selector) => {
  expect(writeFrozenVersion(freeze(), selector, BASE)).toBeUndefined()
})

test("versions are ordered as semver says", () => {
  const ordered = ["0.0.1", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0", "9007199254740993.0.0", "9007199254740994.0.0"]
  for (const [i, left] of ordered.entries()) for (const [j, right] of ordered.entries()) expect(Math.sign(compareVersions(left, right)), `${left} ${right}`).toBe(Math.sign(i - j))
  expect(compareVersions("1.0.0+a", "1.0.0+b")).toBe(0)
})
