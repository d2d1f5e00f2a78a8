import { VouchsafeError, type ArtifactRequest, type Verdict } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { warner } from "../src/answer.ts"
import { HOOK_BUDGET_MS } from "../src/batch.ts"
import { createGuard, type Guard, type GuardParts } from "../src/guard.ts"
import type { Lockfile } from "../src/types.ts"
import { allowed, CONTEXT, policyOf, refused, REGISTRY, SHA512_SRI } from "./support.ts"

const NOW_MS = Date.parse("2026-06-01T12:00:00Z")

interface World {
  readonly guard: Guard
  readonly asked: ArtifactRequest[][]
  readonly opened: (string | undefined)[]
  readonly warnings: string[]
}

function world(options: { policy?: Record<string, unknown>, deny?: readonly string[], verdict?: (request: ArtifactRequest) => Verdict, parts?: Partial<GuardParts> } = {}): World {
  const asked: ArtifactRequest[][] = []
  const opened: (string | undefined)[] = []
  const warnings: string[] = []
  const judge = options.verdict ?? ((one: ArtifactRequest) => (options.deny?.some((name) => one.purl.includes(`/${name}@`)) === true ? refused(one) : allowed(one)))
  const guard = createGuard({
    open: (dir) => {
      opened.push(dir)
      return Promise.resolve({
        policy: policyOf(options.policy),
        check: (requests) => {
          asked.push([...requests])
          return Promise.resolve(requests.map(judge))
        },
        registryFor: () => { throw new VouchsafeError("CONFIG_MALFORMED", "pnpm does not say which registry it uses") },
      })
    },
    isInside: (_dir, from, path) => CONTEXT.isInside(from, path),
    defer: (callback) => void queueMicrotask(callback),
    nowMs: () => NOW_MS,
    warn: warner((text) => void warnings.push(text)),
    ...options.parts,
  })
  return { guard, asked, opened, warnings }
}

const lockfile = (...names: readonly string[]): Lockfile => ({
  packages: Object.fromEntries(names.map((name) => [`${name}@1.0.0`, { resolution: { integrity: SHA512_SRI } }])),
})
const CONTEXT_OF = { lockfileDir: "/w", registries: { default: "https://registry.example" } }
const dist = { integrity: SHA512_SRI, tarball: `${REGISTRY}a/-/a-1.0.0.tgz` }

test("a lockfile is one round of questions; what follows about the same packages asks nothing", async () => {
  const { guard, asked } = world()
  expect(await guard.preResolution({ ...CONTEXT_OF, wantedLockfile: lockfile("a", "b") })).toEqual({ ok: true })
  expect(await guard.readPackage({ name: "a", version: "1.0.0", dist })).toEqual({ ok: true })
  expect(await guard.canFetch("b@1.0.0", { integrity: SHA512_SRI })).toEqual({ ok: true })
  expect(await guard.canFetch({ name: "b", version: "1.0.0" }, { integrity: SHA512_SRI })).toEqual({ ok: true })
  expect(await guard.afterAllResolved(lockfile("a", "b"))).toEqual({ ok: true })
  expect(asked.map((round) => round.map(({ purl }) => purl))).toEqual([["pkg:npm/a@1.0.0", "pkg:npm/b@1.0.0"]])
})

test.each([
  { name: "preResolution, for which pnpm 12 waits as long as it takes", call: (guard: Guard) => guard.preResolution({ ...CONTEXT_OF, wantedLockfile: lockfile("a") }), budgetMs: 300_000 },
  { name: "a lockfile that updateConfig looks at", call: (guard: Guard) => guard.unseenLockfile({ ...CONTEXT_OF, wantedLockfile: lockfile("a") }), budgetMs: HOOK_BUDGET_MS },
  { name: "afterAllResolved", call: (guard: Guard) => guard.preResolution(CONTEXT_OF).then(() => guard.afterAllResolved(lockfile("a"))), budgetMs: HOOK_BUDGET_MS },
])("a long budget of the policy counts where pnpm waits for it: $name", async ({ call, budgetMs }) => {
  const budgets: number[] = []
  const { guard } = world({ parts: { open: () => Promise.resolve({
    policy: policyOf({ budget: "5m" }), registryFor: () => REGISTRY,
    check: (requests, options) => {
      if (requests.length > 0) budgets.push(options.budgetMs)
      return Promise.resolve(requests.map((one) => allowed(one)))
    },
  }) } })
  expect(await call(guard)).toEqual({ ok: true })
  expect(budgets).toEqual([budgetMs])
})

test.each([
  { name: "a repository", resolution: { type: "git", repo: "https://git.example/x/evil.git", commit: "0".repeat(40) }, says: "https://git.example/x/evil.git" },
  { name: "a repository's archive", resolution: { tarball: "https://git.example/x/evil/tar.gz/0", gitHosted: true }, says: "https://git.example/x/evil/tar.gz/0" },
])("pnpm 10 names nothing of $name that it is about to fetch: refused by where it lies", async ({ resolution, says }) => {
  for (const id of [undefined, {}]) {
    const { guard, asked } = world()
    expect(await guard.canFetch(id, resolution)).toMatchObject({ ok: false, code: "EXOTIC_SOURCE", text: expect.stringContaining(says) as string })
    expect(asked).toEqual([])
  }
})

test("a short budget of the policy counts in every hook", async () => {
  const budgets: number[] = []
  const { guard } = world({ parts: { open: () => Promise.resolve({
    policy: policyOf({ budget: "3s" }), registryFor: () => REGISTRY,
    check: (requests, options) => {
      budgets.push(options.budgetMs)
      return Promise.resolve(requests.map((one) => allowed(one)))
    },
  }) } })
  await guard.preResolution(CONTEXT_OF)
  budgets.splice(0)
  expect(await guard.readPackage({ name: "a", version: "1.0.0", dist })).toEqual({ ok: true })
  expect(budgets).toEqual([3_000])
})

test("an empty lockfile, as each version hands it out, asks nothing", async () => {
  const { guard, asked } = world()
  for (const wantedLockfile of [{}, { packages: {} }, undefined]) {
    expect(await guard.preResolution({ ...CONTEXT_OF, ...(wantedLockfile === undefined ? {} : { wantedLockfile }) })).toEqual({ ok: true })
  }
  expect(asked.flat()).toEqual([])
})

test("a manifest without dist is the project's own, or one that the lockfile has", async () => {
  const { guard, opened } = world({ deny: ["a"] })
  expect(await guard.readPackage({ name: "a", version: "1.0.0" })).toEqual({ ok: true })
  expect(opened).toEqual([])
})

describe("refuses", () => {
  test("what the network refuses, with the code first and the way out of a lockfile", async () => {
    const answer = await world({ deny: ["b"] }).guard.preResolution({ ...CONTEXT_OF, wantedLockfile: lockfile("a", "b") })
    expect(answer).toMatchObject({ ok: false, code: "NOT_VOUCHED", hint: expect.stringContaining("b@1.0.0") as string })
    expect(answer).toMatchObject({ text: expect.stringMatching(/^NOT_VOUCHED: .*1 of 2.*b@1\.0\.0.*pnpm update NAME@VERSION --lockfile-only/s) as string })
  })

  test.each([
    { name: "readPackage", call: (guard: Guard) => guard.readPackage({ name: "a", version: "1.0.0", dist }) },
    { name: "canFetch", call: (guard: Guard) => guard.canFetch("a@1.0.0", { integrity: SHA512_SRI }) },
    { name: "afterAllResolved", call: (guard: Guard) => guard.afterAllResolved(lockfile("a")) },
  ])("$name", async ({ call }) => {
    const { guard } = world({ deny: ["a"] })
    await guard.preResolution({ ...CONTEXT_OF, wantedLockfile: {} })
    expect(await call(guard)).toMatchObject({ ok: false, code: "NOT_VOUCHED" })
  })

  test("in the end, what an optional dependency was left out for: pnpm 11 would exit 0", async () => {
    const { guard } = world({ deny: ["a"] })
    await guard.preResolution({ ...CONTEXT_OF, wantedLockfile: {} })
    await guard.readPackage({ name: "a", version: "1.0.0", dist })
    expect(await guard.afterAllResolved(lockfile("b"))).toMatchObject({ ok: false, code: "NOT_VOUCHED", text: expect.stringContaining("a@1.0.0") as string })
  })

  test("URLs and repositories by what a manifest asks for", async () => {
    expect(await world().guard.canResolve({ alias: "a", bareSpecifier: "github:x/a" })).toMatchObject({ ok: false, code: "EXOTIC_SOURCE", text: expect.stringContaining("a@github:x/a") as string })
  })

  test("a link out of the workspace", async () => {
    const wantedLockfile = { ...lockfile("a"), importers: { ".": { dependencies: { out: "link:../out" } } } }
    expect(await world().guard.preResolution({ ...CONTEXT_OF, wantedLockfile })).toMatchObject({ ok: false, code: "EXOTIC_SOURCE", text: expect.stringContaining("out@link:../out") as string })
  })

  test("a lockfile that the network allows and that holds one source nobody observes", async () => {
    const wantedLockfile = { packages: { ...lockfile("a").packages, "x@https://files.example/x.tgz": { resolution: { tarball: "https://files.example/x.tgz" } } } }
    expect(await world().guard.preResolution({ ...CONTEXT_OF, wantedLockfile })).toMatchObject({ ok: false, code: "EXOTIC_SOURCE" })
  })

  test("the gravest first: a withdrawal before a missing digest", async () => {
    const { guard } = world({ verdict: (one) => refused(one, "WITHDRAWN") })
    const wantedLockfile = { packages: { "b@1.0.0": { resolution: {} }, ...lockfile("a").packages } }
    expect(await guard.preResolution({ ...CONTEXT_OF, wantedLockfile })).toMatchObject({
      ok: false, code: "WITHDRAWN", hint: expect.stringContaining("a@1.0.0") as string, text: expect.stringMatching(/^WITHDRAWN: .*EXOTIC_SOURCE/s) as string,
    })
  })

  test("text of packages cannot write on the terminal", async () => {
    const answer = await world().guard.canResolve({ alias: "a\u001b[2J", bareSpecifier: "github:x/\u202ea" })
    expect(answer).toMatchObject({ ok: false, text: expect.not.stringMatching(/[\u001b\u202e]/) as string })
  })
})

describe("fails closed", () => {
  test.each([
    { name: "no vouchsafe.json", error: new VouchsafeError("CONFIG_MALFORMED", "no vouchsafe.json found", { hint: "run `npx vouchsafe init`" }), code: "CONFIG_INVALID", says: "npx vouchsafe init" },
    { name: "an unreadable roster", error: new VouchsafeError("ROSTER_MALFORMED", "roster: nodes is missing"), code: "CONFIG_INVALID", says: "nodes is missing" },
    { name: "a state that others can write", error: new VouchsafeError("STATE_UNSAFE", "folder has mode 777"), code: "STATE_UNSAFE", says: "mode 777" },
    { name: "a defect", error: new TypeError("x is undefined"), code: "CONFIG_INVALID", says: "x is undefined" },
    { name: "something that is no error", error: "text", code: "CONFIG_INVALID", says: "text" },
  ])("project cannot be opened: $name", async ({ error, code, says }) => {
    const { guard } = world({ parts: { open: () => Promise.reject(error as Error) } })
    const answers = [
      await guard.preResolution({ ...CONTEXT_OF, wantedLockfile: lockfile("a") }), await guard.preResolution({ ...CONTEXT_OF, wantedLockfile: {} }),
      await guard.readPackage({ name: "a", version: "1.0.0", dist }), await guard.canFetch("a@1.0.0", { integrity: SHA512_SRI }),
      await guard.canResolve({ alias: "a", bareSpecifier: "github:x/a" }), await guard.afterAllResolved(lockfile("a")),
    ]
    for (const answer of answers) expect(answer).toMatchObject({ ok: false, code, text: expect.stringMatching(new RegExp(`^${code}: .*${says}`, "s")) as string })
  })

  test("a check that throws", async () => {
    const { guard } = world({ verdict: () => { throw new Error("boom") } })
    expect(await guard.preResolution({ ...CONTEXT_OF, wantedLockfile: lockfile("a") })).toMatchObject({ ok: false, text: expect.stringContaining("boom") as string })
    expect(await guard.readPackage({ name: "a", version: "1.0.0", dist })).toMatchObject({ ok: false })
  })

  test("a lockfile of another shape", async () => {
    for (const wantedLockfile of [{ packages: { "a@1.0.0": null } }, { packages: ["a@1.0.0"] }, { packages: { "a@1.0.0": {} } }, { packages: "a@1.0.0" }]) {
      expect(await world().guard.preResolution({ ...CONTEXT_OF, wantedLockfile: wantedLockfile as never })).toMatchObject({ ok: false })
    }
  })

  test("a fetch before pnpm has said which registries it uses", async () => {
    expect(await world().guard.canFetch("a@1.0.0", { integrity: SHA512_SRI })).toMatchObject({ ok: false, code: "CONFIG_INVALID", text: expect.stringContaining("does not say which registry") as string })
  })

  test("a registry whose URL holds credentials, without repeating them", async () => {
    const answer = await world().guard.preResolution({ ...CONTEXT_OF, registries: { default: "https://me:secret@registry.example/" }, wantedLockfile: lockfile("a") })
    expect(answer).toMatchObject({ ok: false, code: "CONFIG_INVALID", text: expect.not.stringContaining("secret") as string })
  })
})

describe("policy", () => {
  const noDigest: Lockfile = { packages: { "a@1.0.0": { resolution: {} } } }
  const exception = { purl: "pkg:npm/a@1.0.0", code: "EXOTIC_SOURCE", owner: "ann", reason: "checked by hand" }
  test.each([
    { name: "rule off, a URL", policy: { rules: { EXOTIC_SOURCE: "off" } }, given: { packages: { "x@https://f.example/x.tgz": { resolution: { tarball: "https://f.example/x.tgz" } } } }, ok: true, warns: false },
    { name: "rule warn, a URL", policy: { rules: { EXOTIC_SOURCE: "warn" } }, given: { packages: { "x@https://f.example/x.tgz": { resolution: { tarball: "https://f.example/x.tgz" } } } }, ok: true, warns: true },
    { name: "observe", policy: { preset: "observe" }, given: { packages: { "x@git+https://g.example/x": { resolution: { type: "git" } } } }, ok: true, warns: true },
    { name: "observe, whatever the rule", policy: { preset: "observe", rules: { EXOTIC_SOURCE: "deny" } }, given: noDigest, ok: true, warns: true },
    { name: "an exception", policy: { exceptions: [{ ...exception, until: "2026-06-01" }] }, given: noDigest, ok: true, warns: true },
    { name: "an exception that ended", policy: { exceptions: [{ ...exception, until: "2026-05-31" }] }, given: noDigest, ok: false, warns: false },
    { name: "an exception for another version", policy: { exceptions: [{ ...exception, purl: "pkg:npm/a@1.0.1", until: "2026-06-01" }] }, given: noDigest, ok: false, warns: false },
    { name: "an exception for another code", policy: { exceptions: [{ ...exception, code: "WRONG_REGISTRY", until: "2026-06-01" }] }, given: noDigest, ok: false, warns: false },
    { name: "another rule", policy: { rules: { WRONG_REGISTRY: "off" } }, given: noDigest, ok: false, warns: false },
  ])("$name", async ({ policy, given, ok, warns }) => {
    const { guard, warnings } = world({ policy })
    expect(await guard.preResolution({ ...CONTEXT_OF, wantedLockfile: given as Lockfile })).toMatchObject({ ok })
    expect(warnings.length > 0).toBe(warns)
  })

  test("a tarball elsewhere that the policy lets pass is still asked about", async () => {
    const { guard, asked } = world({ policy: { rules: { WRONG_REGISTRY: "off" } }, deny: ["a"] })
    const wantedLockfile = { packages: { "a@1.0.0": { resolution: { integrity: SHA512_SRI, tarball: "https://mirror.example/a.tgz" } } } }
    expect(await guard.preResolution({ ...CONTEXT_OF, wantedLockfile })).toMatchObject({ ok: false, code: "NOT_VOUCHED" })
    expect(asked.flat()).toHaveLength(1)
  })
})

test("each warning is shown once, and none of a refused package", async () => {
  const finding = { code: "PROOF_INVALID" as const, severity: "warn" as const, saidBy: ["mallory"], message: "evidence of mallory does not verify" }
  const { guard, warnings } = world({ verdict: (one) => (one.purl.includes("/bad@") ? { ...refused(one), findings: [...refused(one).findings, { ...finding, message: "other" }] } : allowed(one, [finding])) })
  await guard.preResolution({ ...CONTEXT_OF, wantedLockfile: lockfile("a", "b") })
  await guard.afterAllResolved(lockfile("a", "b"))
  await guard.canFetch("bad@1.0.0", { integrity: SHA512_SRI })
  expect(warnings).toEqual(["vouchsafe:  warning PROOF_INVALID: evidence of mallory does not verify\n"])
})
