import { createHash } from "node:crypto"
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, describe, expect, test } from "vitest"

const STUB = join(dirname(fileURLToPath(import.meta.url)), "../pnpmfile.cjs")
/** Lockfiles hold a checksum of the stub: with another one, frozen installs of every project that has it fail. */
const STUB_SHA256 = "1f04f41d6d4ad9a76d8aaddaf649ee2b1aec9c8e5d566ce12984ca383985b115"
const STUB_BYTES_MAX = 1_000

interface Pnpmfile {
  readonly hooks: Readonly<Record<"updateConfig" | "preResolution" | "readPackage" | "afterAllResolved", (argument: unknown) => unknown>> & { readonly fetchers: Fetchers }
  readonly resolvers: readonly { canResolve(wanted: unknown): Promise<boolean>, resolve(): unknown }[]
  readonly fetchers: readonly { canFetch(id: unknown, resolution: unknown): Promise<boolean>, fetch(): unknown }[]
}

/** What pnpm 10 lets a hook replace; the other versions ignore it. */
type Fetchers = Readonly<Record<FetcherName, (given: { readonly defaultFetchers: Readonly<Partial<Record<FetcherName, Fetch>>> }) => Fetch>>
/** Everything that pnpm 10 brings over the network and may run scripts of. */
const FETCHERS = ["remoteTarball", "gitHostedTarball", "git"] as const
type FetcherName = typeof FETCHERS[number]
type Fetch = (store: unknown, resolution: unknown, options: { readonly pkg: { readonly name: string, readonly version: string } }) => Promise<unknown>

const OPTIONS = { pkg: { name: "@a/b", version: "1.0.0" } }
const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** Loads the stub as pnpm does, beside a core of the given text. */
function load(core: string | undefined, form: "config" | "vendored" = "config"): Pnpmfile {
  const folder = mkdtempSync(join(tmpdir(), "vouchsafe-stub-"))
  folders.push(folder)
  const path = join(folder, form === "config" ? "pnpmfile.cjs" : ".pnpmfile.cjs")
  copyFileSync(STUB, path)
  const home = join(folder, form === "config" ? "dist" : ".vouchsafe")
  mkdirSync(home)
  if (core !== undefined) writeFileSync(join(home, "core.mjs"), core)
  return createRequire(import.meta.url)(path) as Pnpmfile
}

/** A core whose hooks all do the same. */
function coreOf(body: string): string {
  return ["updateConfig", "preResolution", "readPackage", "afterAllResolved", "canResolve", "canFetch"].map((hook) => `export const ${hook} = ${body}`).join("\n")
}

/** Calls each hook once; settles like pnpm's own await. */
function callAll({ hooks, resolvers, fetchers }: Pnpmfile): Promise<unknown>[] {
  const settings = { sharedWorkspaceLockfile: false }
  return [
    Promise.resolve().then(() => hooks.updateConfig(settings)), Promise.resolve().then(() => hooks.preResolution({})),
    Promise.resolve().then(() => hooks.readPackage({ name: "a" })), Promise.resolve().then(() => hooks.afterAllResolved({})),
    Promise.resolve().then(() => resolvers[0]?.canResolve({})), Promise.resolve().then(() => fetchers[0]?.canFetch("a@1.0.0", {})),
    ...FETCHERS.map((name) => Promise.resolve().then(() => hooks.fetchers[name]({ defaultFetchers: { [name]: () => Promise.resolve("fetched") } })({}, {}, OPTIONS))),
  ]
}

test("the stub has not changed, and is small", () => {
  const bytes = readFileSync(STUB)
  expect(createHash("sha256").update(bytes).digest("hex")).toBe(STUB_SHA256)
  expect(bytes.length).toBeLessThanOrEqual(STUB_BYTES_MAX)
})

test.each(["config", "vendored"] as const)("%s: what the core allows goes on unchanged", async (form) => {
  const { hooks, resolvers, fetchers } = load(coreOf("() => ({ ok: true })"), form)
  const manifest = { name: "a", version: "1.0.0" }
  expect(await hooks.readPackage(manifest)).toBe(manifest)
  const lockfile = { packages: {} }
  expect(await hooks.afterAllResolved(lockfile)).toBe(lockfile)
  const settings = { sharedWorkspaceLockfile: false }
  expect(await hooks.updateConfig(settings)).toBe(settings)
  expect(await resolvers[0]?.canResolve({ alias: "a" })).toBeFalsy()
  expect(await fetchers[0]?.canFetch("a@1.0.0", {})).toBeFalsy()
})

test.each(FETCHERS)("pnpm 10 fetches while it resolves, and runs what a repository asks for: its %s gets nothing before the core has said yes, and then as pnpm would", async (name) => {
  const calls: unknown[] = []
  const fetcher: Fetch = (...given) => { calls.push(given); return Promise.resolve("fetched") }
  const resolution = { integrity: "sha512-x", tarball: "https://registry.example/b.tgz" }
  const wanted = `(id, resolution) => ({ ok: id.name === "@a/b" && id.version === "1.0.0" && resolution.integrity === "sha512-x", code: "X", text: "X" })`
  const guarded = load(coreOf(wanted)).hooks.fetchers[name]({ defaultFetchers: { [name]: fetcher } })
  expect(await guarded("store", resolution, OPTIONS)).toBe("fetched")
  expect(calls).toEqual([["store", resolution, OPTIONS]])
  await expect(guarded("store", { integrity: "sha512-y" }, OPTIONS)).rejects.toMatchObject({ code: "ERR_PNPM_VOUCHSAFE_X" })
  expect(calls).toHaveLength(1)
})

test("pnpm 11 and 12 ignore a resolver or fetcher that has only half of its functions", () => {
  const { resolvers, fetchers } = load(undefined)
  expect(resolvers.map((resolver) => [typeof resolver.canResolve, typeof resolver.resolve])).toEqual([["function", "function"]])
  expect(fetchers.map((fetcher) => [typeof fetcher.canFetch, typeof fetcher.fetch])).toEqual([["function", "function"]])
})

test("a refusal is an error with pnpm's prefix, and its text alone is its stack, since pnpm 12 prints that", async () => {
  const { hooks } = load(coreOf(`() => ({ ok: false, code: "NOT_VOUCHED", text: "NOT_VOUCHED: first\\nsecond", hint: "do this" })`))
  await expect(hooks.readPackage({})).rejects.toMatchObject({
    code: "ERR_PNPM_VOUCHSAFE_NOT_VOUCHED", message: "NOT_VOUCHED: first\nsecond", stack: "NOT_VOUCHED: first\nsecond", hint: "do this",
  })
})

describe("fails closed, in every hook", () => {
  test.each([
    { name: "no core", core: undefined, code: "CONFIG_INVALID" },
    { name: "a core that is no JavaScript", core: "export const = ", code: "CONFIG_INVALID" },
    { name: "a core that throws while it loads", core: 'throw new Error("boom")', code: "CONFIG_INVALID" },
    { name: "a core of another version", core: "export const other = 1", code: "CONFIG_INVALID" },
    { name: "a hook that throws", core: coreOf('() => { throw new Error("boom") }'), code: "CONFIG_INVALID" },
    { name: "a hook that throws nothing", core: coreOf("() => { throw undefined }"), code: "CONFIG_INVALID" },
    { name: "a hook that rejects", core: coreOf('async () => { throw new Error("boom") }'), code: "CONFIG_INVALID" },
    { name: "no answer", core: coreOf("() => undefined"), code: "undefined" },
    { name: "an answer that is nearly yes", core: coreOf('() => ({ ok: "yes" })'), code: "undefined" },
    { name: "true", core: coreOf("() => true"), code: "undefined" },
  ])("$name", async ({ core, code }) => {
    for (const result of await Promise.allSettled(callAll(load(core)))) {
      expect(result).toMatchObject({ status: "rejected", reason: { code: `ERR_PNPM_VOUCHSAFE_${code}` } })
    }
  })

  test("a core that is not there is named", async () => {
    await expect(load(undefined, "vendored").hooks.preResolution({})).rejects.toThrow(/CONFIG_INVALID: no guard: .*\.vouchsafe/s)
  })
})

describe("updateConfig", () => {
  const refusing = coreOf(`() => ({ ok: false, code: "X", text: "X" })`)
  const script = process.argv[1]
  afterEach(() => { process.argv[1] = script as string })

  test.each([
    { name: "pnpm 10 and 11, one lockfile", argv1: "/pnpm.cjs", settings: {}, isAsked: false },
    { name: "pnpm 10 and 11, a lockfile each", argv1: "/pnpm.cjs", settings: { sharedWorkspaceLockfile: false }, isAsked: true },
    { name: "a worker of pnpm 12", argv1: undefined, settings: {}, isAsked: true },
  ])("$name", async ({ argv1, settings, isAsked }) => {
    process.argv[1] = argv1 as string
    const called = Promise.resolve().then(() => load(refusing).hooks.updateConfig(settings))
    if (isAsked) await expect(called).rejects.toMatchObject({ code: "ERR_PNPM_VOUCHSAFE_X" })
    else expect(await called).toBe(settings)
  })
})
