import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { VouchsafeError, type ArtifactRequest } from "@vouchsafe/core"
import { afterEach, describe, expect, test } from "vitest"
import { allowed, archiveFiles, locatorOf, makeWorld, refused, REGISTRY, sha512, type World, type WorldOptions } from "./support.ts"

const TARBALL = JSON.stringify({ "index.js": "good" })
const FILES = archiveFiles("a", { "index.js": "good" })
const EVIL_FILES = archiveFiles("a", { "index.js": "evil" })
const A = locatorOf("a")

const worlds: World[] = []
afterEach(() => { for (const world of worlds.splice(0)) world.close() })
function world(options: WorldOptions = {}): World {
  const made = makeWorld(options)
  made.registry.set("a", TARBALL)
  made.storedPackages.set(A.locatorHash, A)
  worlds.push(made)
  return made
}

/** Allows nothing but the honest tarball. */
const onlyHonest = (request: ArtifactRequest) => (request.sha512 === sha512(TARBALL) ? allowed(request) : refused(request))

describe("a tarball that arrives", () => {
  test("is judged before an archive of it exists, and its archive remembered", async () => {
    const { fetch, asked, ties, pathOf } = world({ verdict: onlyHonest })
    await fetch(A)
    expect(asked.flat()).toEqual([{ purl: "pkg:npm/a@1.0.0", registry: REGISTRY }, { purl: "pkg:npm/a@1.0.0", registry: REGISTRY, sha512: sha512(TARBALL) }])
    expect([...ties]).toEqual([[sha512(readFileSync(pathOf(A))), sha512(TARBALL)]])
  })

  test("is refused without a trace, with its code first, and asked for once though Yarn tries again", async () => {
    const { fetch, registry, pathOf, ties, asked } = world({ verdict: onlyHonest })
    registry.set("a", JSON.stringify({ "index.js": "evil" }))
    await expect(fetch(A)).rejects.toMatchObject({ reportCode: 1, message: expect.stringMatching(/^NOT_VOUCHED: a@1\.0\.0: /) as string })
    expect(existsSync(pathOf(A))).toBe(false)
    expect(ties.size).toBe(0)
    expect(asked).toHaveLength(2)
  })

  test("brings evidence for the whole project in one round", async () => {
    const made = world()
    for (const name of ["b", "@s/c", "d"]) made.storedPackages.set(name, locatorOf(name))
    made.storedPackages.set("virtual", locatorOf("e", "virtual:0123#npm:1.0.0"))
    made.storedPackages.set("git", locatorOf("f", "https://git.example/f.git#commit=0123"))
    await made.fetch(A)
    expect(made.asked.map((round) => round.map(({ purl }) => purl))).toEqual([
      ["pkg:npm/a@1.0.0", "pkg:npm/b@1.0.0", "pkg:npm/%40s/c@1.0.0", "pkg:npm/d@1.0.0"], ["pkg:npm/a@1.0.0"],
    ])
  })

  test("during resolution, when the project does not have the package yet, is asked about all the same", async () => {
    const made = world({ verdict: onlyHonest })
    made.storedPackages.clear()
    await made.fetch(A)
    expect(made.asked).toHaveLength(2)
  })
})

describe("an archive out of the cache", () => {
  test("with a remembered tarball is judged by it, without network of Yarn's", async () => {
    const { fetch, keep, ties, checksums, asked, requested } = world({ verdict: onlyHonest })
    const hash = sha512(readFileSync(keep(A, FILES)))
    checksums.set(A.locatorHash, `10c0/${hash}`)
    ties.set(hash, sha512(TARBALL))
    await fetch(A)
    expect(asked).toEqual([[{ purl: "pkg:npm/a@1.0.0", registry: REGISTRY, sha512: sha512(TARBALL) }]])
    expect(requested).toEqual([])
  })

  test("with a remembered tarball that is refused now, is refused", async () => {
    const { fetch, keep, ties, checksums, pathOf } = world({ verdict: (request) => refused(request, "WITHDRAWN") })
    const hash = sha512(readFileSync(keep(A, FILES)))
    checksums.set(A.locatorHash, `10c0/${hash}`)
    ties.set(hash, sha512(TARBALL))
    await expect(fetch(A)).rejects.toThrow(/^WITHDRAWN: /)
    expect(existsSync(pathOf(A))).toBe(true)
  })

  test("without one is compared with an archive made from the tarball", async () => {
    const { fetch, keep, requested, ties } = world({ verdict: onlyHonest })
    const hash = sha512(readFileSync(keep(A, FILES)))
    await fetch(A)
    expect(requested).toHaveLength(1)
    expect(ties.get(hash)).toBe(sha512(TARBALL))
  })

  test("of another cache key, which hashes differently, is compared by contents", async () => {
    const { fetch, keep, ties } = world({ verdict: onlyHonest })
    const path = keep(A, FILES)
    writeFileSync(path, `${readFileSync(path, "utf8")} `)
    await fetch(A)
    expect(ties.get(sha512(readFileSync(path)))).toBe(sha512(TARBALL))
  })

  test.each([
    { name: "other contents", files: EVIL_FILES },
    { name: "a further file", files: { ...FILES, "/node_modules/a/more.js": "x" } },
    { name: "a file beside the package", files: { ...FILES, "/node_modules/b/index.js": "x" } },
    { name: "a missing file", files: {} },
    { name: "a link", files: { ...FILES, "/node_modules/a/link": { content: "../..", kind: "link" as const } } },
    { name: "an executable that is none", files: archiveFiles("a", {}) , more: { "/node_modules/a/index.js": { content: "good", mode: 0o755 } } },
  ])("with $name is refused, whatever the lockfile says", async ({ files, more }) => {
    const { fetch, keep, checksums, ties } = world({ verdict: onlyHonest })
    const hash = sha512(readFileSync(keep(A, { ...files, ...more })))
    checksums.set(A.locatorHash, `10c0/${hash}`)
    await expect(fetch(A)).rejects.toThrow(/^NOT_VOUCHED: .*not what the attested tarball yields/)
    expect(ties.size).toBe(0)
  })

  test("is not believed by the lockfile's checksum where Yarn is told to ignore what it finds", async () => {
    const { fetch, keep, checksums, ties, settings } = world({ verdict: onlyHonest })
    const honest = sha512(JSON.stringify(FILES))
    keep(A, EVIL_FILES)
    checksums.set(A.locatorHash, `10c0/${honest}`)
    ties.set(honest, sha512(TARBALL))
    settings.set("checksumBehavior", "ignore")
    await expect(fetch(A)).rejects.toThrow(/^NOT_VOUCHED: /)
  })

  test("is not believed in the link step where the fetch step did not see it", async () => {
    const { fetch, keep, checksums, ties } = world({ verdict: onlyHonest })
    const honest = sha512(JSON.stringify(FILES))
    keep(A, EVIL_FILES)
    checksums.set(A.locatorHash, `10c0/${honest}`)
    ties.set(honest, sha512(TARBALL))
    await expect(fetch(A, { cacheOptions: { skipIntegrityCheck: true } })).rejects.toThrow(/^NOT_VOUCHED: /)
  })

  test("is not judged again in the link step after the fetch step", async () => {
    const { fetch, asked, checksums } = world({ verdict: onlyHonest })
    const { checksum } = await fetch(A)
    checksums.set(A.locatorHash, checksum as string)
    const before = asked.length
    await fetch(A, { cacheOptions: { skipIntegrityCheck: true } })
    expect(asked).toHaveLength(before)
  })

  test.each([
    { name: "with a checksum", cacheOptions: {} },
    { name: "without one, as packages of one platform are", cacheOptions: { unstablePackages: new Set([A.locatorHash]) } },
  ])("that was exchanged after it was judged is judged again: $name", async ({ cacheOptions }) => {
    const { fetch, keep } = world({ verdict: onlyHonest })
    await fetch(A, { cacheOptions } as never)
    await fetch(A, { cacheOptions } as never)
    keep(A, EVIL_FILES)
    await expect(fetch(A, { cacheOptions } as never)).rejects.toThrow(/^NOT_VOUCHED: /)
  })

  test("without checksum is judged by what is on disk", async () => {
    const hidden = { cacheOptions: { unstablePackages: new Set([A.locatorHash]) } } as never
    const { fetch, keep, ties, requested, asked } = world({ verdict: onlyHonest })
    ties.set(sha512(readFileSync(keep(A, FILES))), sha512(TARBALL))
    await fetch(A, hidden)
    expect([requested, asked]).toEqual([[], [[{ purl: "pkg:npm/a@1.0.0", registry: REGISTRY, sha512: sha512(TARBALL) }]]])
  })

  test("of a mirror leaves nothing in the project's cache when it is refused", async () => {
    const { fetch, keep, pathOf } = world({ verdict: onlyHonest })
    keep(A, EVIL_FILES, "mirror")
    await expect(fetch(A)).rejects.toThrow(/^NOT_VOUCHED: /)
    expect(existsSync(pathOf(A))).toBe(false)
  })

  test("whose tarball cannot be fetched is refused with the reason", async () => {
    const { fetch, keep, registry } = world({ verdict: onlyHonest })
    registry.clear()
    keep(A, FILES)
    await expect(fetch(A)).rejects.toThrow(/^NOT_VOUCHED: .*could not be fetched|^NOT_VOUCHED: .*nothing ties/)
  })

  test("whose tarball turns out to be refused is refused for that", async () => {
    const { fetch, keep } = world({ verdict: (request) => refused(request, "WITHDRAWN") })
    keep(A, FILES)
    await expect(fetch(A)).rejects.toThrow(/^WITHDRAWN: /)
  })
})

test("a package for another platform is an empty one and needs no evidence; with --check-cache an archive that is there does", async () => {
  const hidden = { cacheOptions: { mockedPackages: new Set([A.locatorHash]) } }
  const plain = world({ verdict: (request) => refused(request) })
  plain.keep(A, FILES)
  await plain.fetch(A, hidden as never)
  expect(plain.asked).toEqual([])
  const checking = world({ verdict: (request) => refused(request), check: true })
  checking.keep(A, FILES)
  await expect(checking.fetch(A, hidden as never)).rejects.toThrow(/^NOT_VOUCHED: /)
})

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
    const { fetch, requested, asked } = world()
    await expect(fetch(locator)).rejects.toThrow(refusedBy(code))
    expect([requested, asked.flat()]).toEqual([[], []])
  })

  test("a rule that is off, a rule that warns, an exception", async () => {
    const git = locatorOf("x", "https://git.example/x.git#commit=0123")
    const off = world({ policy: { rules: { EXOTIC_SOURCE: "off" } } })
    await off.fetch(git)
    expect(off.warnings).toEqual([])
    const warning = world({ policy: { rules: { EXOTIC_SOURCE: "warn" } } })
    await warning.fetch(git)
    expect(warning.warnings).toEqual([expect.stringContaining("EXOTIC_SOURCE")])
    const elsewhere = locatorOf("a", "npm:1.0.0::__archiveUrl=https%3A%2F%2Fmirror.example%2Fa-1.0.0.tgz")
    const excepted = world({ verdict: onlyHonest, policy: { exceptions: [{ purl: "pkg:npm/a@1.0.0", code: "WRONG_REGISTRY", owner: "ann", reason: "our mirror", until: "2026-06-01" }] } })
    await excepted.fetch(elsewhere)
    expect(excepted.warnings).toEqual([expect.stringContaining("our mirror")])
    expect(excepted.asked.flat()).not.toEqual([])
    const ended = world({ verdict: onlyHonest, policy: { exceptions: [{ purl: "pkg:npm/a@1.0.0", code: "WRONG_REGISTRY", owner: "ann", reason: "our mirror", until: "2026-05-31" }] } })
    await expect(ended.fetch(elsewhere)).rejects.toThrow(/^WRONG_REGISTRY: /)
  })

  test("takes folders of the project, and of a guarded package, as they are", async () => {
    const { fetch, asked, requested } = world()
    await fetch(locatorOf("x", "link:packages/x::locator=root%40workspace%3A."))
    await fetch(locatorOf("x", "file:./vendor/x::locator=a%40npm%3A1.0.0"))
    expect([requested, asked]).toEqual([[], []])
  })

  test("a name whose scope has a registry that nobody observes is asked about under that registry", async () => {
    const { fetch, settings, asked } = world({ verdict: (request) => (request.registry === REGISTRY ? allowed(request) : refused(request)) })
    settings.set("npmScopes", new Map([["corp", new Map([["npmRegistryServer", "https://corp.example/npm"]])]]))
    await expect(fetch(locatorOf("@corp/x"))).rejects.toThrow()
    expect(asked.flat().filter(({ purl }) => purl.includes("corp")).every(({ registry }) => registry === "https://corp.example/npm/")).toBe(true)
  })
})

describe("what is made here", () => {
  const PATCH = locatorOf("a", "patch:a@npm%3A1.0.0#~/fix.patch::version=1.0.0&hash=0123")
  const DERIVED = archiveFiles("a", { "index.js": "derived" })

  test("is remembered with the tarball that it was made from", async () => {
    const { fetch, ties, pathOf } = world({ verdict: onlyHonest })
    await fetch(A)
    await fetch(PATCH)
    expect(ties.get(sha512(readFileSync(pathOf(PATCH))))).toBe(sha512(TARBALL))
  })

  test("and lies in the cache, is made again and compared; what it is made from stays where it is", async () => {
    const { fetch, keep, ties, requested } = world({ verdict: onlyHonest })
    ties.set(sha512(readFileSync(keep(A, FILES))), sha512(TARBALL))
    keep(PATCH, DERIVED)
    await fetch(PATCH)
    expect(requested).toEqual([])
  })

  test("from a package that is refused, is refused", async () => {
    const { fetch, pathOf } = world({ verdict: (request) => refused(request, "WITHDRAWN") })
    await expect(fetch(PATCH)).rejects.toThrow(/^WITHDRAWN: /)
    expect(existsSync(pathOf(PATCH))).toBe(false)
  })

  test.each([
    { name: "a patched package", locator: PATCH }, { name: "a local package", locator: locatorOf("a", "file:./a::locator=root%40workspace%3A.") },
  ])("$name: another archive is refused, whatever the lockfile says", async ({ locator }) => {
    const { fetch, keep, checksums } = world({ verdict: onlyHonest })
    checksums.set(locator.locatorHash, `10c0/${sha512(readFileSync(keep(locator, EVIL_FILES)))}`)
    await expect(fetch(locator)).rejects.toThrow(/^NOT_VOUCHED: .*the archive in Yarn's cache is not what its/)
  })

  test("from a tarball that is refused now, is not believed for having been allowed once", async () => {
    const { fetch, keep, ties } = world({ verdict: (request) => refused(request, "WITHDRAWN") })
    ties.set(sha512(readFileSync(keep(PATCH, DERIVED))), sha512(TARBALL))
    await expect(fetch(PATCH)).rejects.toThrow(/^WITHDRAWN: /)
  })
})

describe("fails closed", () => {
  test.each([
    { name: "no vouchsafe.json", error: new VouchsafeError("CONFIG_MALFORMED", "no vouchsafe.json found", { hint: "run `npx vouchsafe init`" }), says: /^CONFIG_INVALID: .*no vouchsafe\.json/ },
    { name: "an unreadable roster", error: new VouchsafeError("ROSTER_MALFORMED", "roster: nodes is missing"), says: /^CONFIG_INVALID: .*nodes is missing/ },
    { name: "a state that others can write", error: new VouchsafeError("STATE_UNSAFE", "folder has mode 777"), says: /^STATE_UNSAFE: / },
    { name: "a defect", error: new TypeError("x is undefined"), says: /^CONFIG_INVALID: .*x is undefined/ },
  ])("project cannot be opened: $name", async ({ error, says }) => {
    const { fetch, keep, pathOf } = world({ judgeFor: () => Promise.reject(error) })
    await expect(fetch(A)).rejects.toThrow(says)
    expect(existsSync(pathOf(A))).toBe(false)
    keep(A, FILES)
    await expect(fetch(A)).rejects.toThrow(says)
    await expect(fetch(locatorOf("x", "https://git.example/x.git#commit=0123"))).rejects.toThrow(says)
  })

  test("a check that throws", async () => {
    const { fetch, pathOf } = world({ verdict: () => { throw new Error("boom") } })
    await expect(fetch(A)).rejects.toThrow(/^CONFIG_INVALID: .*boom/)
    expect(existsSync(pathOf(A))).toBe(false)
  })

  test("a registry whose URL holds credentials, without repeating them", async () => {
    const { fetch, settings } = world()
    settings.set("npmRegistryServer", "https://me:secret@registry.example")
    const error = await fetch(A).catch((reason: unknown) => reason as Error)
    expect(error).toMatchObject({ message: expect.stringMatching(/^CONFIG_INVALID: (?!.*secret)/) as string })
  })
})

test("observe reports and blocks nothing", async () => {
  const { fetch, keep, warnings, registry } = world({ policy: { preset: "observe" }, verdict: allowed })
  registry.clear()
  keep(A, EVIL_FILES)
  await fetch(A)
  await fetch(locatorOf("x", "https://git.example/x.git#commit=0123"))
  expect(warnings).toEqual([expect.stringContaining("NOT_VOUCHED"), expect.stringContaining("EXOTIC_SOURCE")])
})
