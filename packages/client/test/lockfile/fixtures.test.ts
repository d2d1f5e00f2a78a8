import { describe, expect, test } from "vitest"
import { checkLockfile, type LockfileEntry, parseLockfile, toRequests } from "../../src/lockfile/index.ts"
import { CONTEXT, expectMalformed, fixture, fixtureNames, summary } from "./support.ts"

const PLAIN = ["registry @scope/own@2.0.0", "registry bundler@1.0.0", "registry left@1.0.0", "registry right@1.0.0"]

/** What each file holds; `fixtures/README.md` says what the project asks for. */
const EXPECTED: Readonly<Record<string, { readonly format: string; readonly version: string; readonly entries: readonly string[] }>> = {
  "npm-1": {
    format: "package-lock", version: "1",
    entries: [
      ...PLAIN, "registry left@1.0.0", "registry left@1.1.0", "bundled inner@3.0.0", "url by-url@", "link a@", "link local@", "file packed@", "registry maybe@1.0.0 optional", "registry only-dev@1.0.0 dev", "registry peered@1.0.0 dev",
    ],
  },
  ...Object.fromEntries(["npm-2", "npm-3"].map((name) => [name, {
    format: "package-lock", version: name.slice(-1),
    entries: [
      ...PLAIN, "registry left@1.0.0", "registry left@1.1.0", "bundled inner@3.0.0", "url by-url@5.0.0", "link a@", "workspace packages/a@0.2.0", "link local@", "workspace local@0.1.0", "file packed@4.0.0",
      "registry maybe@1.0.0 optional", "registry only-dev@1.0.0 dev", "registry peered@1.0.0 dev",
    ],
  }])),
  "pnpm-5": {
    format: "pnpm-lock", version: "5.4",
    entries: [...PLAIN, "url by-url@5.0.0", "link local@0.1.0", "file packed@4.0.0", "registry maybe@1.0.0 optional", "registry only-dev@1.0.0 dev", "registry dev-only-too@1.0.0 dev", "registry peered@1.0.0 dev"],
  },
  "pnpm-6": {
    format: "pnpm-lock", version: "6.0",
    entries: [...PLAIN, "url by-url@5.0.0", "link a@", "link local@", "file packed@4.0.0", "registry maybe@1.0.0 optional", "registry only-dev@1.0.0 dev", "registry peered@1.0.0 dev"],
  },
  "pnpm-9": {
    format: "pnpm-lock", version: "9.0",
    entries: [...PLAIN, "url by-url@5.0.0", "link a@", "link local@", "file packed@4.0.0", "registry maybe@1.0.0 optional", "registry only-dev@1.0.0", "registry peered@1.0.0"],
  },
  "pnpm-9-config": {
    format: "pnpm-lock", version: "9.0",
    entries: [
      "registry pnpm-plugin-x@1.0.0", ...PLAIN, "registry left@1.1.0", "url by-url@5.0.0", "link a@", "link local@", "file packed@4.0.0", "registry maybe@1.0.0 optional", "registry only-dev@1.0.0", "registry peered@1.0.0",
    ],
  },
  "yarn-1": {
    format: "yarn-classic", version: "1",
    entries: [...PLAIN, "registry inner@3.0.0", "registry left@1.0.0", "registry left@1.1.0", "url by-url@5.0.0", "link local@0.1.0", "file packed@4.0.0", "registry maybe@1.0.0", "registry only-dev@1.0.0", "registry peered@1.0.0"],
  },
  ...Object.fromEntries(["4", "5", "7", "9"].map((version) => [`yarn-${version}`, {
    format: "yarn-berry", version,
    entries: [
      ...PLAIN, "registry inner@3.0.0", "registry left@1.1.0", "url by-url@5.0.0", "workspace root@0.0.0-use.local", "workspace a@0.0.0-use.local", "link local@0.1.0", "file packed@4.0.0",
      "registry maybe@1.0.0", "registry only-dev@1.0.0", "registry dev-only-too@1.0.0", "registry peered@1.0.0",
    ],
  }])),
  ...Object.fromEntries(["1", "2"].map((version) => [`bun-${version}`, {
    format: "bun-lock", version,
    entries: [
      ...PLAIN, "registry left@1.0.0", "registry left@1.1.0", "registry inner@3.0.0", "url by-url@", "workspace a@", "link local@", "file packed@",
      "registry maybe@1.0.0 optional", "registry only-dev@1.0.0 dev", "registry dev-only-too@1.0.0 dev", "registry peered@1.0.0 dev",
    ],
  }])),
  ...Object.fromEntries(["6", "8", "10"].map((version) => [`yarn-${version}`, {
    format: "yarn-berry", version,
    entries: [
      ...PLAIN, "registry inner@3.0.0", "registry left@1.1.0", "url by-url@5.0.0", "workspace root@0.0.0-use.local", "workspace a@0.0.0-use.local", "link local@0.1.0", "file packed@4.0.0",
      "registry maybe@1.0.0", "registry only-dev@1.0.0", "registry peered@1.0.0",
      ...(version === "10" ? ["link linked@0.0.0-use.local", "link portaled@0.0.0-use.local", "patch fixed@1.1.0"] : []),
    ],
  }])),
}

test("every file in fixtures/ is read", () => {
  expect([...fixtureNames].sort()).toEqual(Object.keys(EXPECTED).sort())
})

describe.each(Object.entries(EXPECTED))("%s, as its package manager wrote it", (folder, expected) => {
  const { name, text, lockfile } = fixture(folder)

  test("holds what the project asks for", () => {
    expect({ format: lockfile.format, version: lockfile.version }).toEqual({ format: expected.format, version: expected.version })
    expect(summary(lockfile).sort()).toEqual([...expected.entries].sort())
  })

  test("is refused for the tarball by URL and for nothing else", () => {
    expect(checkLockfile(lockfile, CONTEXT).map(({ code, name: about, severity }) => ({ code, about, severity }))).toEqual([{ code: "EXOTIC_SOURCE", about: "by-url", severity: "deny" }])
  })

  test("asks for each registry package once, at the registry of its scope", () => {
    const registry = lockfile.entries.filter(({ kind }) => kind === "registry")
    const requests = toRequests(lockfile, CONTEXT)
    expect(requests.map(({ purl }) => purl).sort()).toEqual([...new Set(registry.map(({ purl }) => purl))].sort())
    for (const { purl, registry: from, sha512 } of requests) {
      expect(from).toBe(purl.includes("%40scope") ? "https://private.example/npm/" : "https://registry.example/")
      if (lockfile.format === "yarn-berry") expect(sha512).toBeUndefined()
      else expect(sha512).toMatch(/^[0-9a-f]{128}$/)
    }
  })

  test("nothing is asked for twice or lost when lines end as on Windows", () => {
    expect(summary(parseLockfile(name, text.replaceAll("\n", "\r\n")))).toEqual(summary(lockfile))
  })

  test("cut at any place it is refused as a lockfile, or lists nothing but whole entries and the one that was cut", () => {
    // How the project depends on an entry is told by other parts of a lockfile.
    const textOf = (entry: LockfileEntry, more: Partial<LockfileEntry> = {}): string => JSON.stringify({ ...entry, dependency: undefined, ...more })
    const whole = new Set(lockfile.entries.map((entry) => textOf(entry)))
    for (let end = 0; end < text.length; end += CUT_STEP) {
      const read = allowMalformed(() => parseLockfile(name, text.slice(0, end)))
      // Workspace links and optional packages are told by later parts of a pnpm lockfile.
      const strange = (read?.entries ?? []).filter((entry) => !whole.has(textOf(entry)) && !whole.has(textOf(entry, { optional: true })))
      expect(strange.length, `cut at ${end}: ${JSON.stringify(strange)}`).toBeLessThanOrEqual(1)
      if (lockfile.format === "package-lock" || lockfile.format === "bun-lock") expect(read, `cut at ${end}`).toBeUndefined()
    }
  })

  test("with any character changed it is refused as a lockfile, or read as another one", () => {
    for (let at = 0; at < text.length; at += CHANGE_STEP) {
      for (const character of ["\u0000", "{", "\"", ":", "\n", "*", "&"]) allowMalformed(() => parseLockfile(name, `${text.slice(0, at)}${character}${text.slice(at + 1)}`))
    }
  })
})

test.each(["npm-1", "npm-2", "npm-3", "pnpm-5", "pnpm-6", "pnpm-9", "pnpm-9-config", "bun-1", "bun-2"])("%s says how the project depends on each package", (folder) => {
  const { lockfile } = fixture(folder)
  const kinds = new Map(toRequests(lockfile, CONTEXT).map(({ purl, dependency }) => [purl, dependency]))
  const expected = { "left@1.0.0": "prod", "right@1.0.0": "prod", "bundler@1.0.0": "prod", "maybe@1.0.0": "optional", "only-dev@1.0.0": "dev", "peered@1.0.0": "dev", "dev-only-too@1.0.0": "dev" }
  for (const [spec, kind] of Object.entries(expected)) if (spec !== "dev-only-too@1.0.0" || kinds.has(`pkg:npm/${spec}`)) expect([spec, kinds.get(`pkg:npm/${spec}`)]).toEqual([spec, kind])
})

test.each(["yarn-1", "yarn-4", "yarn-10"])("%s does not say it: no request of it does", (folder) => {
  for (const request of toRequests(fixture(folder).lockfile, CONTEXT)) expect(request).not.toHaveProperty("dependency")
})

/** Primes, so that all columns are met. */
const CUT_STEP = 53
const CHANGE_STEP = 131

/** What was read, undefined where it was refused as a lockfile; anything else that is thrown is a bug. */
function allowMalformed<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    expect(error).toMatchObject({ name: "VouchsafeError", code: "LOCKFILE_MALFORMED" })
    return undefined
  }
}
