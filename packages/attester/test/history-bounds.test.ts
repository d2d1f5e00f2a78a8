import { readManifest } from "@vouchsafe/tarball"
import { expect, test } from "vitest"
import { addedDependencies, contentsOfManifest } from "../src/history/contents.ts"
import { describeDependencies } from "../src/history/kin.ts"

/** What took time with the square of the length took some twenty seconds for this much. */
const LENGTH = 100_000
const MS_MAX = 2_000

async function msOf(work: () => unknown): Promise<number> {
  const startedMs = performance.now()
  await work()
  return performance.now() - startedMs
}

test.each([
  { name: "marks of a commit, and a line's end behind them", end: (last: string) => `${"#".repeat(LENGTH)}\n${last}` },
  { name: "slashes", end: (last: string) => `${"/".repeat(LENGTH)}${last}` },
  { name: "blanks", end: (last: string) => `${" ".repeat(LENGTH)}${last}` },
])("a dependency from elsewhere with a long range costs no more than its length: $name", async ({ end }) => {
  const json = (last: string) => ({ name: "a", version: "1.0.0", dependencies: { b: `github:x/y${end(last)}` } })
  const facts = { manifest: readManifest(json("now"), []), scripts: new Map(), gyp: [], bundled: [] } as unknown as Parameters<typeof addedDependencies>[0]
  expect(await msOf(() => addedDependencies(facts, contentsOfManifest(json("then"))))).toBeLessThan(MS_MAX)
})

test.each([
  { name: "slashes", url: `https://git.example/ann/fixture${"/".repeat(LENGTH)}x` },
  { name: "marks of a commit", url: `https://git.example/ann/fixture${"#".repeat(LENGTH)}\n` },
])("a new dependency that names a repository of many $name is no kin, and holds nobody up", async ({ url }) => {
  const belonging = { registry: "https://registry.example/", name: "a", repository: "https://git.example/ann/fixture", maintainers: [{ name: "ann", domain: null }] }
  const other = { readAt: 0, publishers: new Map(), times: new Map(), maintainers: [{ name: "ann" }], repository: { url } }
  const added = [{ name: "b", target: "b", isExotic: false }]
  expect(await msOf(async () => {
    expect(await describeDependencies(added, belonging, async () => other)).toEqual([{ name: "b", createdAt: null, isExotic: false, isKin: false }])
  })).toBeLessThan(MS_MAX)
})
