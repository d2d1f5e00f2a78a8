/** Who published, and whose e-mail addresses stand behind a package. */
import { fixedDomains } from "@vouchsafe/testkit"
import { describe, expect, test } from "vitest"
import { after, DAY, type Given, look, put, T, worldWith } from "./support/history.ts"

describe("the publisher", () => {
  const trusted = (id: string) => ({ name: "CI of the forge", email: "ci@forge.example", trustedPublisher: { id: "forge", oidcConfigId: id } })
  test.each<{ name: string; earlier: readonly (readonly [string, number, Given["by"]])[]; now: Given["by"]; maintainers?: unknown; standing: string }>([
    { name: "is that of the previous version", earlier: [["1.0.0", 30, "ann"]], now: "ann", standing: "same" },
    { name: "published before", earlier: [["0.9.0", 60, "bob"], ["1.0.0", 30, "ann"]], now: "bob", standing: "earlier" },
    { name: "published before, but not a week ago", earlier: [["0.9.0", 60, "ann"], ["1.0.0", 2, "eve"]], now: "eve", standing: "new" },
    { name: "was a maintainer by then", earlier: [["1.0.0", 30, "ann"]], now: "bob", maintainers: [{ name: "ann" }, { name: "bob" }], standing: "maintainer" },
    { name: "was one, as texts of old say it", earlier: [["1.0.0", 30, "ann"]], now: "bob", maintainers: ["bob <bob@people.example>"], standing: "maintainer" },
    { name: "is nobody known", earlier: [["1.0.0", 30, "ann"]], now: "eve", standing: "new" },
    { name: "is not named", earlier: [["1.0.0", 30, "ann"]], now: null, standing: "unknown" },
    { name: "is the first who is named", earlier: [["1.0.0", 30, null]], now: "ann", standing: "unknown" },
    { name: "has a name that is no text", earlier: [["1.0.0", 30, "ann"]], now: { name: 5 }, standing: "unknown" },
    { name: "is the continuous integration that it was", earlier: [["1.0.0", 30, trusted("a")]], now: trusted("a"), standing: "same" },
    { name: "is continuous integration of somebody else, under the name that all share", earlier: [["1.0.0", 30, trusted("a")]], now: trusted("b"), standing: "new" },
    { name: "is no maintainer for bearing the name that all share", earlier: [["1.0.0", 30, "ann"]], now: trusted("b"), maintainers: [{ name: "CI of the forge" }], standing: "new" },
  ])("$name: $standing", async ({ earlier, now, maintainers, standing }) => {
    const world = worldWith()
    for (const [version, days, by] of earlier) put(world, version, days, { by: by ?? null, ...(maintainers === undefined ? {} : { claims: { maintainers } }) })
    put(world, "1.0.1", 0, { by: now ?? null })
    expect((await look(world, "1.0.1")).publisher).toBe(standing)
  })

  test.each<{ name: string; before: Given; now: Given; changed: string[] }>([
    { name: "an account with an address of another domain", before: {}, now: { by: { name: "ann", email: "ann@evil.example" } }, changed: ["publisher-domain"] },
    { name: "another address of the same domain", before: {}, now: { by: { name: "ann", email: "new@PEOPLE.example" } }, changed: [] },
    { name: "a domain that maintainers' entries knew", before: { claims: { maintainers: [{ name: "ann", email: "ann@home.example" }] } }, now: { by: { name: "ann", email: "ann@home.example" } }, changed: [] },
    { name: "another account", before: {}, now: { by: { name: "bob", email: "bob@evil.example" } }, changed: [] },
    { name: "no address before", before: { by: { name: "ann" }, claims: { maintainers: [{ name: "ann" }] } }, now: { by: { name: "ann", email: "ann@evil.example" } }, changed: [] },
    { name: "the name that all share, with another address", before: { by: { ...trusted("a"), email: "ci@old.example" } }, now: { by: trusted("a") }, changed: [] },
    { name: "no address now", before: {}, now: { by: { name: "ann" } }, changed: [] },
    { name: "an address that is none", before: {}, now: { by: { name: "ann", email: "ann at evil.example" } }, changed: [] },
  ])("$name: $changed", async ({ before, now, changed }) => {
    expect((await after(before, now)).changed).toEqual(changed)
  })

  test("no e-mail address gets into a statement", async () => {
    const world = worldWith({ domains: fixedDomains({ "people.example": "lapsed" }) })
    put(world, "1.0.0", 30)
    put(world, "1.0.1", 0, { by: { name: "ann", email: "secret.address@people.example" } })
    expect((await look(world, "1.0.1")).lapsedDomains).toEqual(["people.example"])
    expect(Buffer.from(world.log.entries[0]?.bytes ?? []).toString("utf8")).not.toMatch(/secret\.address|ann@/)
  })
})

describe("domains of maintainers", () => {
  const people = { maintainers: [{ name: "ann", email: "ann@people.example" }, { name: "bob", email: "bob@gone.example" }, { name: "cy", email: "cy@gone.example" }, { name: "dee", email: "dee@sold.example" }, { name: "x", email: "x@localhost" }, { name: "y", email: "y@127.0.0.1" }, { name: "z", email: 5 }, "no object"] }
  test.each<{ name: string; states: Parameters<typeof fixedDomains>[0]; expected: string[] }>([
    { name: "all resolve", states: {}, expected: [] },
    { name: "one does not exist", states: { "gone.example": "lapsed" }, expected: ["gone.example"] },
    { name: "nobody could tell", states: { "gone.example": "unknown", "sold.example": "unknown" }, expected: [] },
    { name: "one was registered since the previous version", states: { "sold.example": { state: "resolves", registeredAt: T - DAY } }, expected: ["sold.example"] },
    { name: "one was registered before it", states: { "sold.example": { state: "resolves", registeredAt: T - 31 * DAY } }, expected: [] },
    { name: "two, in order", states: { "sold.example": "lapsed", "gone.example": "lapsed" }, expected: ["gone.example", "sold.example"] },
  ])("$name", async ({ states, expected }) => {
    const domains = fixedDomains(states)
    expect((await after({}, { claims: people }, { domains })).lapsedDomains).toEqual(expected)
    expect([...domains.asked].sort()).toEqual(["gone.example", "people.example", "sold.example"])
  })
})
