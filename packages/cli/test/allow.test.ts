import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parsePolicy } from "@vouchsafe/core"
import { startRegistry } from "@vouchsafe/testkit/registry"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { standing } from "../src/allow/exceptions.ts"
import { documentIn, environment, temporaryFolder, vouchsafe } from "./support/io.ts"

const dir = temporaryFolder()
const path = join(dir, "vouchsafe.json")
const PLAIN = `{\n\t"roster": "./vouchsafe.roster.json",\n\t"format": "vouchsafe-policy/v1",\n\t"rules": { "TOO_YOUNG": "warn" }\n}\n`
const day = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)
const HEX = "ab".repeat(64)
const SRI = `sha512-${Buffer.from(HEX, "hex").toString("base64")}`
let registry: Awaited<ReturnType<typeof startRegistry>>
beforeAll(async () => { registry = await startRegistry({ packages: [{ name: "left", version: "1.0.0", files: { "index.js": "1\n" } }] }) })
afterAll(() => registry.close())
beforeEach(() => writeFileSync(path, PLAIN))

const run = (...argv: string[]) => vouchsafe(dir, ["allow", ...argv], { env: environment(dir, { npm_config_registry: registry.url }) })
const wish = (more: Readonly<Record<string, string>> = {}): string[] => Object.entries({ code: "TOO_YOUNG", owner: "ann", reason: "a fix we need", until: day(10), ...more }).flatMap(([flag, value]) => [`--${flag}`, value])
const text = (): string => readFileSync(path, "utf8")

describe("allow", () => {
  test("writes the exception, and nothing else changes", async () => {
    const ran = await run("left@1.0.0", ...wish())
    expect([ran.status, ran.err], ran.out).toEqual([0, ""])
    expect(ran.out).toContain(`left@1.0.0 is excepted from TOO_YOUNG until ${day(10)}`)
    expect(text()).toBe(PLAIN.replace(" }\n}\n", ` },\n\t"exceptions": [\n\t\t{\n\t\t\t"purl": "pkg:npm/left@1.0.0",\n\t\t\t"code": "TOO_YOUNG",\n\t\t\t"owner": "ann",\n\t\t\t"reason": "a fix we need",\n\t\t\t"until": "${day(10)}"\n\t\t}\n\t]\n}\n`))
  })
  test("a second one stands behind the first; the same again takes its place", async () => {
    await run("left@1.0.0", ...wish())
    await run("@scope/right@2.0.0", ...wish({ code: "IDENTITY_CHANGED" }))
    const ran = await run("left@1.0.0", ...wish({ until: day(20), owner: "bob" }), "--json")
    expect(documentIn(ran.out)).toMatchObject({ renewed: true, file: path, exception: { owner: "bob" } })
    expect(parsePolicy(text()).exceptions.map(({ purl, code, owner, until }) => [purl, code, owner, until])).toEqual([
      ["pkg:npm/left@1.0.0", "TOO_YOUNG", "bob", day(20)], ["pkg:npm/%40scope/right@2.0.0", "IDENTITY_CHANGED", "ann", day(10)],
    ])
  })
  test.each(["WITHDRAWN", "DIGEST_CONFLICT", "NOT_VOUCHED"])("THREATS A3: an exception for %s binds the bytes", async (code) => {
    expect((await run("left@1.0.0", ...wish({ code, until: day(30) }))).status).toBe(0)
    expect((await run("left@1.0.0", ...wish({ code }), "--integrity", SRI)).status).toBe(0)
    expect(parsePolicy(text()).exceptions.map(({ sha512 }) => sha512)).toEqual([registry.built("left", "1.0.0")?.sha512, HEX])
  })
  test("removes them, of one code or all, and an empty list with them", async () => {
    await run("left@1.0.0", ...wish())
    await run("left@1.0.0", ...wish({ code: "IDENTITY_CHANGED" }))
    const ran = await run("left@1.0.0", "--remove", "--code", "TOO_YOUNG", "--json")
    expect(documentIn(ran.out)).toEqual({ purl: "pkg:npm/left@1.0.0", removed: ["TOO_YOUNG"], file: path })
    expect(parsePolicy(text()).exceptions.map(({ code }) => code)).toEqual(["IDENTITY_CHANGED"])
    expect((await run("left@1.0.0", "--remove")).status).toBe(0)
    expect(text()).toBe(PLAIN)
  })
  test("lists all, soonest end first, and marks those that end within a week", async () => {
    await run("left@1.0.0", ...wish({ until: day(100) }))
    await run("right@1.0.0", ...wish({ until: day(3) }))
    const ran = await run("--list")
    expect(ran.out).toMatch(/right@1\.0\.0 +TOO_YOUNG +\S+ +4 days, ENDS SOON +ann +a fix we need\nleft@1\.0\.0 +TOO_YOUNG +\S+ +101 days +ann/)
    expect(documentIn((await run("--list", "--json")).out)).toMatchObject({ exceptions: [{ purl: "pkg:npm/right@1.0.0", state: "ends soon", daysLeft: 4 }, { state: "holds" }] })
    writeFileSync(path, PLAIN)
    expect((await run("--list")).out).toBe("no exceptions\n")
  })
  test("one that is over is listed as such", () => {
    const exception = { purl: "p", code: "TOO_YOUNG" as const, owner: "a", reason: "b", until: "2026-01-01", untilSeconds: 1_000 }
    expect(standing({ exceptions: [exception] }, 1_000)).toMatchObject([{ state: "ended", daysLeft: 0 }])
    expect(standing({ exceptions: [exception] }, 999)).toMatchObject([{ state: "ends soon", daysLeft: 1 }])
  })
  test("of a file of one line too", async () => {
    writeFileSync(path, '{"format":"vouchsafe-policy/v1","roster":"./r.json","exceptions":[]}')
    expect((await run("left@1.0.0", ...wish())).status).toBe(0)
    expect(parsePolicy(text()).exceptions).toHaveLength(1)
  })
})

describe("writes nothing", () => {
  test.each([
    { name: "for an unknown code", argv: ["left@1.0.0", ...wish({ code: "TOO_YUNG" })], says: '--code is "TOO_YUNG", expected one of ' },
    { name: "for a code that nothing excepts", argv: ["left@1.0.0", ...wish({ code: "PROOF_INVALID" })], says: "no exception covers PROOF_INVALID" },
    { name: "for weakening", argv: ["left@1.0.0", ...wish({ code: "POLICY_WEAKENED" })], says: "no exception covers POLICY_WEAKENED" },
    { name: "until a day that is over", argv: ["left@1.0.0", ...wish({ until: day(-1) })], says: "which is over" },
    { name: "until no day", argv: ["left@1.0.0", ...wish({ until: "2026-02-31" })], says: "expected a day such as" },
    { name: "until a time", argv: ["left@1.0.0", ...wish({ until: "2099-01-01T00:00:00Z" })], says: "expected a day such as" },
    { name: "for a withdrawal, for longer than 30 days", argv: ["left@1.0.0", ...wish({ code: "WITHDRAWN", until: day(31) })], says: "lasts at most 30 days" },
    { name: "for a conflict, for longer than 30 days", argv: ["left@1.0.0", ...wish({ code: "DIGEST_CONFLICT", until: day(31) })], says: "lasts at most 30 days" },
    { name: "without an owner", argv: ["left@1.0.0", ...wish({ owner: " " })], says: "--owner is empty" },
    { name: "without a reason", argv: ["left@1.0.0", "--code", "TOO_YOUNG", "--owner", "ann", "--until", day(1)], says: "needs --code, --owner, --reason and --until" },
    { name: "for a range", argv: ["left@^1.0.0", ...wish()], says: "no exact package version" },
    { name: "for no package", argv: wish(), says: "no package was named" },
    { name: "for bytes that are none", argv: ["left@1.0.0", ...wish({ code: "WITHDRAWN" }), "--integrity", "sha1-AAAA"], says: "--integrity is" },
    { name: "for a withdrawn version that the registry has not", argv: ["left@9.0.0", ...wish({ code: "WITHDRAWN" })], says: "no version" },
    { name: "when what is to be removed is not there", argv: ["left@1.0.0", "--remove"], says: "has no exception" },
    { name: "when a list and a package are asked for", argv: ["left@1.0.0", "--list"], says: "--list takes no package" },
  ])("$name", async ({ argv, says }) => {
    const ran = await run(...argv)
    expect([ran.status > 1, ran.out, text()], ran.err).toEqual([true, "", PLAIN])
    expect(ran.err).toContain(says)
  })
  test("into a policy that cannot be read, and says the line", async () => {
    const broken = PLAIN.replace("TOO_YOUNG", "TOO_YUNG")
    writeFileSync(path, broken)
    const ran = await run("left@1.0.0", ...wish())
    expect([ran.status, text()]).toEqual([2, broken])
    expect(ran.err).toContain("vouchsafe.json:4: rules.TOO_YUNG")
  })
})
