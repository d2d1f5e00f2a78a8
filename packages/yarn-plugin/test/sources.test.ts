import { describe, expect, test } from "vitest"
import { onlyHonest, worldWithA } from "./package-a.ts"
import { allowed, locatorOf, refused, REGISTRY } from "./support.ts"

describe("sources", () => {
  const refusedBy = (code: string) => new RegExp(`^${code}: `)
  test.each([
    { name: "a URL", locator: locatorOf("x", "https://files.example/x.tgz"), code: "EXOTIC_SOURCE" },
    { name: "a repository", locator: locatorOf("x", "https://git.example/x.git#commit=0123"), code: "EXOTIC_SOURCE" },
    { name: "a script", locator: locatorOf("x", "exec:./make.js"), code: "EXOTIC_SOURCE" },
    { name: "a linked folder outside", locator: locatorOf("x", "link:../outside::locator=root%40workspace%3A."), code: "EXOTIC_SOURCE" },
    { name: "an absolute folder outside", locator: locatorOf("x", "portal:/outside::locator=root%40workspace%3A."), code: "EXOTIC_SOURCE" },
    { name: "a file outside", locator: locatorOf("x", "file:packages/../../x.tgz::locator=root%40workspace%3A."), code: "EXOTIC_SOURCE" },
    { name: "an archive on another host", locator: locatorOf("a", "npm:1.0.0::__archiveUrl=https%3A%2F%2Fevil.example%2Fa-1.0.0.tgz"), code: "WRONG_REGISTRY" },
  ])("refuses $name before anything is fetched", async ({ locator, code }) => {
    const { fetch, requested, asked } = worldWithA()
    await expect(fetch(locator)).rejects.toThrow(refusedBy(code))
    expect([requested, asked.flat()]).toEqual([[], []])
  })

  test("a rule that is off, a rule that warns, an exception", async () => {
    const git = locatorOf("x", "https://git.example/x.git#commit=0123")
    const off = worldWithA({ policy: { rules: { EXOTIC_SOURCE: "off" } } })
    await off.fetch(git)
    expect(off.warnings).toEqual([])
    const warning = worldWithA({ policy: { rules: { EXOTIC_SOURCE: "warn" } } })
    await warning.fetch(git)
    expect(warning.warnings).toEqual([expect.stringContaining("EXOTIC_SOURCE")])
    const elsewhere = locatorOf("a", "npm:1.0.0::__archiveUrl=https%3A%2F%2Fmirror.example%2Fa-1.0.0.tgz")
    const excepted = worldWithA({ verdict: onlyHonest, policy: { exceptions: [{ purl: "pkg:npm/a@1.0.0", code: "WRONG_REGISTRY", owner: "ann", reason: "our mirror", until: "2026-06-01" }] } })
    await excepted.fetch(elsewhere)
    expect(excepted.warnings).toEqual([expect.stringContaining("our mirror")])
    expect(excepted.asked.flat()).not.toEqual([])
    const ended = worldWithA({ verdict: onlyHonest, policy: { exceptions: [{ purl: "pkg:npm/a@1.0.0", code: "WRONG_REGISTRY", owner: "ann", reason: "our mirror", until: "2026-05-31" }] } })
    await expect(ended.fetch(elsewhere)).rejects.toThrow(/^WRONG_REGISTRY: /)
  })

  test("takes folders of the project, and of a guarded package, as they are", async () => {
    const { fetch, asked, requested } = worldWithA()
    await fetch(locatorOf("x", "link:packages/x::locator=root%40workspace%3A."))
    await fetch(locatorOf("x", "file:./vendor/x::locator=a%40npm%3A1.0.0"))
    expect([requested, asked]).toEqual([[], []])
  })

  test("a name whose scope has a registry that nobody observes is asked about under that registry", async () => {
    const { fetch, settings, asked } = worldWithA({ verdict: (request) => (request.registry === REGISTRY ? allowed(request) : refused(request)) })
    settings.set("npmScopes", new Map([["corp", new Map([["npmRegistryServer", "https://corp.example/npm"]])]]))
    await expect(fetch(locatorOf("@corp/x"))).rejects.toThrow()
    expect(asked.flat().filter(({ purl }) => purl.includes("corp")).every(({ registry }) => registry === "https://corp.example/npm/")).toBe(true)
  })
})
