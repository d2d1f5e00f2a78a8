import { existsSync, readFileSync } from "node:fs"
import { VouchsafeError } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { A, EVIL_FILES, FILES, onlyHonest, TARBALL, worldWithA } from "./package-a.ts"
import { allowed, locatorOf, refused, REGISTRY, sha512 } from "./support.ts"

describe("a tarball that arrives", () => {
  test("is judged before an archive of it exists, and its archive remembered", async () => {
    const { fetch, asked, ties, pathOf } = worldWithA({ verdict: onlyHonest })
    await fetch(A)
    expect(asked.flat()).toEqual([{ purl: "pkg:npm/a@1.0.0", registry: REGISTRY }, { purl: "pkg:npm/a@1.0.0", registry: REGISTRY, sha512: sha512(TARBALL) }])
    expect([...ties]).toEqual([[sha512(readFileSync(pathOf(A))), sha512(TARBALL)]])
  })

  test("is refused without a trace, with its code first, and asked for once though Yarn tries again", async () => {
    const { fetch, registry, pathOf, ties, asked } = worldWithA({ verdict: onlyHonest })
    registry.set("a", JSON.stringify({ "index.js": "evil" }))
    await expect(fetch(A)).rejects.toMatchObject({ reportCode: 1, message: expect.stringMatching(/^NOT_VOUCHED: a@1\.0\.0: /) as string })
    expect(existsSync(pathOf(A))).toBe(false)
    expect(ties.size).toBe(0)
    expect(asked).toHaveLength(2)
  })

  test("brings evidence for the whole project in one round", async () => {
    const made = worldWithA()
    for (const name of ["b", "@s/c", "d"]) made.storedPackages.set(name, locatorOf(name))
    made.storedPackages.set("virtual", locatorOf("e", "virtual:0123#npm:1.0.0"))
    made.storedPackages.set("git", locatorOf("f", "https://git.example/f.git#commit=0123"))
    await made.fetch(A)
    expect(made.asked.map((round) => round.map(({ purl }) => purl))).toEqual([
      ["pkg:npm/a@1.0.0", "pkg:npm/b@1.0.0", "pkg:npm/%40s/c@1.0.0", "pkg:npm/d@1.0.0"], ["pkg:npm/a@1.0.0"],
    ])
  })

  test("during resolution, when the project does not have the package yet, is asked about all the same", async () => {
    const made = worldWithA({ verdict: onlyHonest })
    made.storedPackages.clear()
    await made.fetch(A)
    expect(made.asked).toHaveLength(2)
  })
})

test("a package for another platform is an empty one and needs no evidence; with --check-cache an archive that is there does", async () => {
  const hidden = { cacheOptions: { mockedPackages: new Set([A.locatorHash]) } }
  const plain = worldWithA({ verdict: (request) => refused(request) })
  plain.keep(A, FILES)
  await plain.fetch(A, hidden as never)
  expect(plain.asked).toEqual([])
  const checking = worldWithA({ verdict: (request) => refused(request), check: true })
  checking.keep(A, FILES)
  await expect(checking.fetch(A, hidden as never)).rejects.toThrow(/^NOT_VOUCHED: /)
})

describe("fails closed", () => {
  test.each([
    { name: "no vouchsafe.json", error: new VouchsafeError("CONFIG_MALFORMED", "no vouchsafe.json found", { hint: "run `npx vouchsafe init`" }), says: /^CONFIG_INVALID: .*no vouchsafe\.json/ },
    { name: "an unreadable roster", error: new VouchsafeError("ROSTER_MALFORMED", "roster: nodes is missing"), says: /^CONFIG_INVALID: .*nodes is missing/ },
    { name: "a state that others can write", error: new VouchsafeError("STATE_UNSAFE", "folder has mode 777"), says: /^STATE_UNSAFE: / },
    { name: "a defect", error: new TypeError("x is undefined"), says: /^CONFIG_INVALID: .*x is undefined/ },
  ])("project cannot be opened: $name", async ({ error, says }) => {
    const { fetch, keep, pathOf } = worldWithA({ judgeFor: () => Promise.reject(error) })
    await expect(fetch(A)).rejects.toThrow(says)
    expect(existsSync(pathOf(A))).toBe(false)
    keep(A, FILES)
    await expect(fetch(A)).rejects.toThrow(says)
    await expect(fetch(locatorOf("x", "https://git.example/x.git#commit=0123"))).rejects.toThrow(says)
  })

  test("a check that throws", async () => {
    const { fetch, pathOf } = worldWithA({ verdict: () => { throw new Error("boom") } })
    await expect(fetch(A)).rejects.toThrow(/^CONFIG_INVALID: .*boom/)
    expect(existsSync(pathOf(A))).toBe(false)
  })

  test("a registry whose URL holds credentials, without repeating them", async () => {
    const { fetch, settings } = worldWithA()
    settings.set("npmRegistryServer", "https://me:secret@registry.example")
    const error = await fetch(A).catch((reason: unknown) => reason as Error)
    expect(error).toMatchObject({ message: expect.stringMatching(/^CONFIG_INVALID: (?!.*secret)/) as string })
  })
})

test("observe reports and blocks nothing", async () => {
  const { fetch, keep, warnings, registry } = worldWithA({ policy: { preset: "observe" }, verdict: allowed })
  registry.clear()
  keep(A, EVIL_FILES)
  await fetch(A)
  await fetch(locatorOf("x", "https://git.example/x.git#commit=0123"))
  expect(warnings).toEqual([expect.stringContaining("NOT_VOUCHED"), expect.stringContaining("EXOTIC_SOURCE")])
})
