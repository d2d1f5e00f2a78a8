/** Archives that Yarn's cache already has, and those that are made from others here. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { A, EVIL_FILES, FILES, onlyHonest, TARBALL, worldWithA } from "./package-a.ts"
import { archiveFiles, locatorOf, refused, REGISTRY, sha512 } from "./support.ts"

describe("an archive out of the cache", () => {
  test("with a remembered tarball is judged by it, without network of Yarn's", async () => {
    const { fetch, keep, ties, checksums, asked, requested } = worldWithA({ verdict: onlyHonest })
    const hash = sha512(readFileSync(keep(A, FILES)))
    checksums.set(A.locatorHash, `10c0/${hash}`)
    ties.set(hash, sha512(TARBALL))
    await fetch(A)
    expect(asked).toEqual([[{ purl: "pkg:npm/a@1.0.0", registry: REGISTRY, sha512: sha512(TARBALL) }]])
    expect(requested).toEqual([])
  })

  test("with a remembered tarball that is refused now, is refused", async () => {
    const { fetch, keep, ties, checksums, pathOf } = worldWithA({ verdict: (request) => refused(request, "WITHDRAWN") })
    const hash = sha512(readFileSync(keep(A, FILES)))
    checksums.set(A.locatorHash, `10c0/${hash}`)
    ties.set(hash, sha512(TARBALL))
    await expect(fetch(A)).rejects.toThrow(/^WITHDRAWN: /)
    expect(existsSync(pathOf(A))).toBe(true)
  })

  test("without one is compared with an archive made from the tarball", async () => {
    const { fetch, keep, requested, ties } = worldWithA({ verdict: onlyHonest })
    const hash = sha512(readFileSync(keep(A, FILES)))
    await fetch(A)
    expect(requested).toHaveLength(1)
    expect(ties.get(hash)).toBe(sha512(TARBALL))
  })

  test("of another cache key, which hashes differently, is compared by contents", async () => {
    const { fetch, keep, ties } = worldWithA({ verdict: onlyHonest })
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
    const { fetch, keep, checksums, ties } = worldWithA({ verdict: onlyHonest })
    const hash = sha512(readFileSync(keep(A, { ...files, ...more })))
    checksums.set(A.locatorHash, `10c0/${hash}`)
    await expect(fetch(A)).rejects.toThrow(/^NOT_VOUCHED: .*not what the attested tarball yields/)
    expect(ties.size).toBe(0)
  })

  test("is not believed by the lockfile's checksum where Yarn is told to ignore what it finds", async () => {
    const { fetch, keep, checksums, ties, settings } = worldWithA({ verdict: onlyHonest })
    const honest = sha512(JSON.stringify(FILES))
    keep(A, EVIL_FILES)
    checksums.set(A.locatorHash, `10c0/${honest}`)
    ties.set(honest, sha512(TARBALL))
    settings.set("checksumBehavior", "ignore")
    await expect(fetch(A)).rejects.toThrow(/^NOT_VOUCHED: /)
  })

  test("is not believed in the link step where the fetch step did not see it", async () => {
    const { fetch, keep, checksums, ties } = worldWithA({ verdict: onlyHonest })
    const honest = sha512(JSON.stringify(FILES))
    keep(A, EVIL_FILES)
    checksums.set(A.locatorHash, `10c0/${honest}`)
    ties.set(honest, sha512(TARBALL))
    await expect(fetch(A, { cacheOptions: { skipIntegrityCheck: true } })).rejects.toThrow(/^NOT_VOUCHED: /)
  })

  test("is not judged again in the link step after the fetch step", async () => {
    const { fetch, asked, checksums } = worldWithA({ verdict: onlyHonest })
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
    const { fetch, keep } = worldWithA({ verdict: onlyHonest })
    await fetch(A, { cacheOptions } as never)
    await fetch(A, { cacheOptions } as never)
    keep(A, EVIL_FILES)
    await expect(fetch(A, { cacheOptions } as never)).rejects.toThrow(/^NOT_VOUCHED: /)
  })

  test("without checksum is judged by what is on disk", async () => {
    const hidden = { cacheOptions: { unstablePackages: new Set([A.locatorHash]) } } as never
    const { fetch, keep, ties, requested, asked } = worldWithA({ verdict: onlyHonest })
    ties.set(sha512(readFileSync(keep(A, FILES))), sha512(TARBALL))
    await fetch(A, hidden)
    expect([requested, asked]).toEqual([[], [[{ purl: "pkg:npm/a@1.0.0", registry: REGISTRY, sha512: sha512(TARBALL) }]]])
  })

  test("of a mirror leaves nothing in the project's cache when it is refused", async () => {
    const { fetch, keep, pathOf } = worldWithA({ verdict: onlyHonest })
    keep(A, EVIL_FILES, "mirror")
    await expect(fetch(A)).rejects.toThrow(/^NOT_VOUCHED: /)
    expect(existsSync(pathOf(A))).toBe(false)
  })

  test("whose tarball cannot be fetched is refused with the reason", async () => {
    const { fetch, keep, registry } = worldWithA({ verdict: onlyHonest })
    registry.clear()
    keep(A, FILES)
    await expect(fetch(A)).rejects.toThrow(/^NOT_VOUCHED: .*could not be fetched|^NOT_VOUCHED: .*nothing ties/)
  })

  test("whose tarball turns out to be refused is refused for that", async () => {
    const { fetch, keep } = worldWithA({ verdict: (request) => refused(request, "WITHDRAWN") })
    keep(A, FILES)
    await expect(fetch(A)).rejects.toThrow(/^WITHDRAWN: /)
  })
})

describe("what is made here", () => {
  const PATCH = locatorOf("a", "patch:a@npm%3A1.0.0#~/fix.patch::version=1.0.0&hash=0123")
  const DERIVED = archiveFiles("a", { "index.js": "derived" })

  test("is remembered with the tarball that it was made from", async () => {
    const { fetch, ties, pathOf } = worldWithA({ verdict: onlyHonest })
    await fetch(A)
    await fetch(PATCH)
    expect(ties.get(sha512(readFileSync(pathOf(PATCH))))).toBe(sha512(TARBALL))
  })

  test("and lies in the cache, is made again and compared; what it is made from stays where it is", async () => {
    const { fetch, keep, ties, requested } = worldWithA({ verdict: onlyHonest })
    ties.set(sha512(readFileSync(keep(A, FILES))), sha512(TARBALL))
    keep(PATCH, DERIVED)
    await fetch(PATCH)
    expect(requested).toEqual([])
  })

  test("from a package that is refused, is refused", async () => {
    const { fetch, pathOf } = worldWithA({ verdict: (request) => refused(request, "WITHDRAWN") })
    await expect(fetch(PATCH)).rejects.toThrow(/^WITHDRAWN: /)
    expect(existsSync(pathOf(PATCH))).toBe(false)
  })

  test.each([
    { name: "a patched package", locator: PATCH }, { name: "a local package", locator: locatorOf("a", "file:./a::locator=root%40workspace%3A.") },
  ])("$name: another archive is refused, whatever the lockfile says", async ({ locator }) => {
    const { fetch, keep, checksums } = worldWithA({ verdict: onlyHonest })
    checksums.set(locator.locatorHash, `10c0/${sha512(readFileSync(keep(locator, EVIL_FILES)))}`)
    await expect(fetch(locator)).rejects.toThrow(/^NOT_VOUCHED: .*the archive in Yarn's cache is not what its/)
  })

  test("from a tarball that is refused now, is not believed for having been allowed once", async () => {
    const { fetch, keep, ties } = worldWithA({ verdict: (request) => refused(request, "WITHDRAWN") })
    ties.set(sha512(readFileSync(keep(PATCH, DERIVED))), sha512(TARBALL))
    await expect(fetch(PATCH)).rejects.toThrow(/^WITHDRAWN: /)
  })
})
