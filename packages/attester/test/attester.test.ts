import { createHash } from "node:crypto"
import { isVouchsafeError, npmPurl, VouchsafeError } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { entry, packageTgz, symlink } from "@vouchsafe/testkit/tar"
import { ARTIFACT, createWorld, digestsOf, distOf, fixtureTgz, ORIGIN, type PublishChange, REGISTRY, type World } from "./support/world.ts"

describe("refuses, and writes nothing", () => {
  const bytes = fixtureTgz()
  const dist = (change: object): PublishChange => ({ bytes, manifest: { dist: { ...distOf(bytes), ...change } } })
  test.each<{ name: string, artifact?: object, publish?: PublishChange, code: string, says: string }>([
    { name: "a registry that is not configured", artifact: { registry: "https://other.example/" }, code: "WRONG_REGISTRY", says: "does not observe" },
    { name: "a registry in another spelling", artifact: { registry: "https://registry.example" }, code: "REQUEST_MALFORMED", says: "no registry id" },
    { name: "a purl of another type", artifact: { purl: "pkg:pypi/fixture@1.0.0" }, code: "REQUEST_MALFORMED", says: "expected npm" },
    { name: "a purl without version", artifact: { purl: "pkg:npm/fixture" }, code: "REQUEST_MALFORMED", says: "no version" },
    { name: "a purl with qualifiers", artifact: { purl: "pkg:npm/fixture@1.0.0?a=b" }, code: "REQUEST_MALFORMED", says: "qualifiers" },
    { name: "a purl that is not canonical", artifact: { purl: "pkg:npm/@scope/fixture@1.0.0" }, code: "REQUEST_MALFORMED", says: "canonical" },
    { name: "a name that would leave the registry's path", artifact: { purl: "pkg:npm/..@1.0.0" }, code: "REQUEST_MALFORMED", says: "no name" },
    { name: "a name with a query", artifact: { purl: "pkg:npm/a%3Fb@1.0.0" }, code: "REQUEST_MALFORMED", says: "no name" },
    { name: "a tag in place of a version", artifact: { purl: "pkg:npm/fixture@latest" }, code: "REQUEST_MALFORMED", says: "no version" },
    { name: "a range in place of a version", artifact: { purl: "pkg:npm/fixture@1.x" }, code: "REQUEST_MALFORMED", says: "no version" },
    { name: "a packument without dist", publish: { manifest: { dist: undefined } }, code: "PACKUMENT_MALFORMED", says: "no dist" },
    { name: "a packument without integrity", publish: dist({ integrity: undefined, shasum: undefined }), code: "PACKUMENT_MALFORMED", says: "neither a sha512 nor a sha1" },
    { name: "a packument with a sha256 only", publish: dist({ integrity: `sha256-${Buffer.alloc(32).toString("base64")}`, shasum: undefined }), code: "PACKUMENT_MALFORMED", says: "neither a sha512 nor a sha1" },
    { name: "a packument with a broken integrity", publish: dist({ integrity: "sha512-!!" }), code: "PACKUMENT_MALFORMED", says: "does not parse" },
    { name: "a packument with two sha1", publish: dist({ integrity: `sha1-${Buffer.alloc(20).toString("base64")}` }), code: "PACKUMENT_MALFORMED", says: "two different sha1" },
    { name: "a tarball that is no URL", publish: dist({ tarball: "file:///etc/passwd" }), code: "PACKUMENT_MALFORMED", says: "http" },
    { name: "bytes with another sha512", publish: dist({ integrity: digestsOf(Buffer.from("x")).integrity }), code: "UPSTREAM_FAILED", says: "sha512" },
    { name: "bytes with another sha1", publish: dist({ shasum: "0".repeat(40) }), code: "UPSTREAM_FAILED", says: "sha1" },
    { name: "an error page in place of the tarball", publish: { bytes: Buffer.from("<html>"), manifest: { dist: distOf(bytes) } }, code: "UPSTREAM_FAILED", says: "sha512" },
    { name: "a tarball cut off", publish: { announced: 10_000 }, code: "UPSTREAM_FAILED", says: "announced a tarball of 10000 bytes" },
    { name: "a tarball longer than announced", publish: { announced: 10 }, code: "UPSTREAM_FAILED", says: "sent more" },
    { name: "a tarball announced too large", publish: { announced: 300 * 1024 * 1024 }, code: "TARBALL_TOO_LARGE", says: "announced" },
    { name: "an ambiguous tarball", publish: { bytes: packageTgz(entry("package/a"), entry("package/A")) }, code: "TARBALL_AMBIGUOUS", says: "unpack to one place" },
    { name: "a hostile tarball", publish: { bytes: packageTgz(symlink("package/a", "/etc/passwd")) }, code: "TARBALL_HOSTILE", says: "relative path" },
    { name: "a tarball whose facts fit into no statement", publish: { bytes: fixtureTgz({ name: "x".repeat(500), version: "1.0.0" }) }, code: "TARBALL_TOO_LARGE", says: "do not fit" },
  ])("$name", async ({ artifact, publish, code, says }) => {
    const world = createWorld()
    world.publish(publish)
    const result = await world.attester.observe({ ...ARTIFACT, ...artifact })
    expect(result).toMatchObject({ status: "refused", code, detail: expect.stringContaining(says) })
    expect(world.log.entries).toEqual([])
    expect(world.notices.entries).toEqual([])
  })

  test("THREATS A8: what the registry does not have is absent, and leaves no trace", async () => {
    const world = createWorld()
    expect(await world.attester.observe(ARTIFACT)).toEqual({ status: "absent" })
    expect([world.log.entries, world.notices.entries, [...world.blobs.blobs]]).toEqual([[], [], []])
  })

  test.each(["UNREACHABLE", "TIMEOUT", "ADDRESS_REFUSED", "UPSTREAM_FAILED"] as const)("what the source fails with becomes the result: %s", async (code) => {
    for (const step of ["packument", "tarball"]) {
      const world = createWorld()
      world.publish()
      world.registry.before = async (what) => { if (what === step) throw new VouchsafeError(code, "the world failed") }
      expect(await world.attester.observe(ARTIFACT)).toEqual({ status: "refused", code, detail: "the world failed" })
      expect(world.log.entries).toEqual([])
    }
  })

  test.each(["LOG_BROKEN", "DISK"] as const)("this node's own failure is no result: %s", async (code) => {
    const world = createWorld()
    world.publish()
    world.log.beforeAppend = async () => { throw new VouchsafeError(code, "the node failed") }
    await expect(world.attester.observe(ARTIFACT)).rejects.toThrow(expect.objectContaining({ code }))
  })

  test("a bug is no result", async () => {
    const world = createWorld()
    world.publish()
    world.registry.before = async () => { throw new TypeError("a bug") }
    await expect(world.attester.observe(ARTIFACT)).rejects.toThrow(TypeError)
  })

  test("one log for observations and notices", () => {
    const { log } = createWorld()
    expect(() => createWorld({ notices: log, log })).toThrow(TypeError)
  })
})

describe("observes", () => {
  test("what the registry serves, once and for ever", async () => {
    const world = createWorld()
    const { bytes } = world.publish()
    expect(await world.attester.find(ARTIFACT)).toBeUndefined()
    expect(await world.attester.observe(ARTIFACT)).toEqual({ status: "observed", index: 0 })
    world.registry.versions.clear()
    expect(await world.attester.observe(ARTIFACT)).toEqual({ status: "observed", index: 0 })
    expect(await world.attester.find(ARTIFACT)).toBe(0)
    expect(world.log.entries).toHaveLength(1)

    const observation = world.observation(0)
    expect(observation).toMatchObject({
      purl: "pkg:npm/fixture@1.0.0", registry: REGISTRY, log: ORIGIN, observedAt: 1_770_000_000, sha512: digestsOf(bytes).sha512,
      tarball: { size: bytes.length, sha1: digestsOf(bytes).shasum },
      contents: { files: 2, unpackedSize: 56, executables: { count: 0, sha256: createHash("sha256").digest("hex") } },
      package: { name: "fixture", version: "1.0.0", gyp: [], bundled: [] },
      packument: { publishedAt: 1_768_478_400, publisher: "ann", repository: "git+https://git.example/ann/fixture.git", mismatch: [] },
    })
    const manifest = world.blobs.blobs.get(observation.contents.manifest) as Uint8Array
    expect(createHash("sha256").update(manifest).digest("hex")).toBe(observation.contents.manifest)
  })

  test("THREATS A4: the commitment covers the log's origin and the bytes", async () => {
    const [alpha, beta] = ["alpha.example/log", "beta.example/log"].map((origin) => ({ origin, world: createWorld({ origin }) })) as [{ origin: string, world: World }, { origin: string, world: World }]
    const commitments = []
    for (const { origin, world } of [alpha, beta]) {
      const { bytes } = world.publish()
      await world.attester.observe(ARTIFACT)
      const expected = createHash("sha256").update(`${origin}\n`).update(bytes).digest("hex")
      expect(world.observation(0).tarball.commitment).toBe(expected)
      commitments.push(expected)
    }
    expect(commitments[0]).not.toBe(commitments[1])
  })

  test("two attesters given the same input say the same, but for log, time and commitment", async () => {
    const bytes = packageTgz(entry("package/bin/x", "#!", { mode: 0o755 }), entry("package/b.js", "b"), entry("package/a.js", "a"))
    const seen = await Promise.all(["alpha.example/log", "beta.example/log"].map(async (origin, i) => {
      const world = createWorld({ origin })
      world.clock.now += i * 1_000_000
      world.registry.chunkBytes = 7 + i * 100
      world.publish({ bytes })
      await world.attester.observe(ARTIFACT)
      const { log, observedAt, tarball: { commitment, ...tarball }, ...same } = world.observation(0)
      return { different: { log, observedAt, commitment }, same: { ...same, tarball } }
    }))
    expect(seen[0]?.same).toEqual(seen[1]?.same)
    for (const key of ["log", "observedAt", "commitment"] as const) expect(seen[0]?.different[key]).not.toBe(seen[1]?.different[key])
  })

  test("a version whose packument knows a sha1 only", async () => {
    const world = createWorld()
    const bytes = fixtureTgz()
    world.publish({ bytes, manifest: { dist: { ...distOf(bytes), integrity: undefined } } })
    expect(await world.attester.observe(ARTIFACT)).toEqual({ status: "observed", index: 0 })
    expect(world.observation(0).sha512).toBe(digestsOf(bytes).sha512)
  })

  test("a download of unknown length", async () => {
    const world = createWorld()
    world.publish({ announced: undefined })
    expect(await world.attester.observe(ARTIFACT)).toEqual({ status: "observed", index: 0 })
  })

  test.each([
    { name: "control characters", manifest: { _npmUser: { name: "a\u0007b" }, repository: "https://x.example/\n" }, time: "2026-01-15T12:00:00Z\n" },
    { name: "a lone surrogate", manifest: { _npmUser: { name: "\ud800" }, repository: { url: "\udfff" } }, time: "yesterday" },
    { name: "too long", manifest: { _npmUser: { name: "x".repeat(300) }, repository: "x".repeat(5000) }, time: "1900-01-01T00:00:00.000Z" },
    { name: "of another type", manifest: { _npmUser: ["ann"], repository: 7 }, time: 1_768_478_400 },
    { name: "missing", manifest: { _npmUser: undefined, repository: undefined }, time: undefined },
  ])("leaves claims of the packument out that are $name", async ({ manifest, time }) => {
    const world = createWorld()
    world.publish({ bytes: fixtureTgz(), manifest, time })
    expect(await world.attester.observe(ARTIFACT)).toEqual({ status: "observed", index: 0 })
    expect(world.observation(0).packument).toEqual({ publishedAt: null, publisher: null, repository: null, mismatch: [] })
  })

  test("THREATS A11: facts are the tarball's, and where the packument tells another story it says so", async () => {
    const world = createWorld()
    const bytes = fixtureTgz({ name: "fixture", version: "1.0.0", scripts: { postinstall: "node evil.js" }, dependencies: { evil: "1.0.0" } })
    world.publish({ bytes, manifest: { dist: distOf(bytes), dependencies: { good: "1.0.0" } } })
    await world.attester.observe(ARTIFACT)
    const { package: facts, packument } = world.observation(0)
    expect([...facts.scripts, ...facts.dependencies]).toEqual([["postinstall", "node evil.js"], ["evil", "1.0.0"]])
    expect(packument.mismatch).toEqual(["dependencies", "scripts"])
  })

  test("names that are words of the language", async () => {
    const world = createWorld()
    const manifest = JSON.parse("{\"name\":\"fixture\",\"version\":\"1.0.0\",\"dependencies\":{\"__proto__\":\"1.0.0\",\"constructor\":\"1.0.0\"},\"scripts\":{\"__proto__\":{\"install\":\"x\"}}}") as Record<string, unknown>
    const bytes = fixtureTgz(manifest)
    world.publish({ bytes, manifest: { ...manifest, dist: distOf(bytes) } })
    await world.attester.observe(ARTIFACT)
    const { package: facts, packument } = world.observation(0)
    expect([...facts.dependencies.keys()].sort()).toEqual(["__proto__", "constructor"])
    expect(facts.scripts.size).toBe(0)
    expect(packument.mismatch).toEqual([])
  })

  test("a statement over 65,535 bytes by digest, its body kept before the entry is written", async () => {
    const world = createWorld()
    const dependencies = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`dependency-number-${i}`, "^1.0.0"]))
    world.publish({ manifest: { dependencies } })
    world.log.beforeAppend = async () => { expect(world.blobs.blobs.size).toBe(2) }
    expect(await world.attester.observe(ARTIFACT)).toEqual({ status: "observed", index: 0 })
    expect(world.log.entries[0]?.bytes.length).toBeLessThan(1000)
    expect(world.observation(0).package.dependencies.size).toBe(3000)
    expect(await world.attester.observe(ARTIFACT)).toEqual({ status: "observed", index: 0 })
  })

  test("scoped names, and versions with build metadata", async () => {
    const world = createWorld()
    world.publish({ name: "@scope/fixture", version: "1.0.0-rc.1+build.5" })
    const artifact = { purl: npmPurl("@scope/fixture", "1.0.0-rc.1+build.5"), registry: REGISTRY }
    expect(await world.attester.observe(artifact)).toEqual({ status: "observed", index: 0 })
    expect(world.registry.asked[0]).toBe("packument @scope/fixture@1.0.0-rc.1+build.5")
  })
})

describe("THREATS A1: nobody else writes the attester's word", () => {
  /** Puts an entry under the artifact's own key, as a careless caller of the log might. */
  async function plant(change: (text: string) => string): Promise<World> {
    const victim = createWorld()
    victim.publish()
    await victim.attester.observe(ARTIFACT)
    const text = Buffer.from(victim.log.entries[0]?.bytes as Uint8Array).toString("utf8")
    const world = createWorld()
    world.publish()
    await world.log.append([{ bytes: Buffer.from(change(text)), keys: [`${REGISTRY} ${ARTIFACT.purl}`] }])
    return world
  }
  test.each([
    { name: "a foreign statement shaped like an observation", change: (text: string) => text.replace("\"kind\":\"own\"", "\"kind\":\"foreign\"") },
    { name: "another log's observation", change: (text: string) => text.replaceAll(ORIGIN, "mallory.example/log") },
    { name: "an observation of another registry", change: (text: string) => text.replaceAll(REGISTRY, "https://other.example/") },
    { name: "an observation of another version", change: (text: string) => text.replace("fixture@1.0.0", "fixture@1.0.1") },
    { name: "an observation in another spelling", change: (text: string) => `${text} ` },
    { name: "a polyglot", change: (text: string) => text.replace("{", "{\"_type\":\"x\",") },
    { name: "bytes that are no text", change: () => "\u0000\u0001" },
  ])("$name is not taken for its own", async ({ change }) => {
    const world = await plant(change)
    expect(await world.attester.find(ARTIFACT)).toBeUndefined()
    expect(await world.attester.observe(ARTIFACT)).toEqual({ status: "observed", index: 1 })
    expect(world.observation(1).log).toBe(ORIGIN)
  })

  test("control: the untouched entry is", async () => {
    expect(await (await plant((text) => text)).attester.find(ARTIFACT)).toBe(0)
  })

  test("everything that the attester appends names its own log and is its own", async () => {
    const world = createWorld()
    // A tarball that tries to speak for the attester.
    const shaped = { name: "fixture", version: "1.0.0", _type: "https://in-toto.io/Statement/v1", predicate: { kind: "own", log: "mallory.example/log" }, kind: "foreign", log: "mallory.example/log" }
    const bytes = fixtureTgz(shaped)
    world.publish({ bytes, manifest: { ...shaped, dist: distOf(bytes) } })
    await world.attester.observe(ARTIFACT)
    const text = Buffer.from(world.log.entries[0]?.bytes as Uint8Array).toString("utf8")
    expect(text).not.toContain("mallory")
    expect(world.observation(0).log).toBe(ORIGIN)
  })
})

test("a refused tarball is not fetched again for a while", async () => {
  const world = createWorld()
  world.publish({ bytes: packageTgz(entry("package/a"), entry("package/A")) })
  const first = await world.attester.observe(ARTIFACT)
  const asked = world.registry.asked.length
  expect(await world.attester.observe(ARTIFACT)).toEqual(first)
  expect(world.registry.asked).toHaveLength(asked)
  world.clock.now += 300_000
  world.publish()
  expect(await world.attester.observe(ARTIFACT)).toEqual({ status: "observed", index: 0 })
})

test("a network failure is not remembered", async () => {
  const world = createWorld()
  world.publish()
  world.registry.before = async () => { throw new VouchsafeError("UNREACHABLE", "no connection") }
  expect(await world.attester.observe(ARTIFACT)).toMatchObject({ code: "UNREACHABLE" })
  world.registry.before = async () => undefined
  expect(await world.attester.observe(ARTIFACT)).toEqual({ status: "observed", index: 0 })
})

test("an append with unknown outcome that did reach the log is found again", async () => {
  const world = createWorld()
  world.publish()
  const { append } = world.log
  let failures = 1
  Object.assign(world.log, { append: async (...given: Parameters<typeof append>) => {
    const result = await append(...given)
    if (failures-- > 0) throw new VouchsafeError("LOG_BROKEN", "the outcome is unknown")
    return result
  } })
  await expect(world.attester.observe(ARTIFACT)).rejects.toSatisfy((error) => isVouchsafeError(error, "LOG_BROKEN"))
  expect(await world.attester.observe(ARTIFACT)).toEqual({ status: "observed", index: 0 })
  expect(world.log.entries).toHaveLength(1)
})
