import type { Claim, Verdict } from "@vouchsafe/core"
import { describe, expect, test } from "vitest"
import { checkBundled, checkLockfile, type LockfileContext, parseLockfile, toRequests } from "../../src/lockfile/index.ts"
import { CONTEXT, packageLock, sri, tarball } from "./support.ts"

const npm = (packages: object) => parseLockfile("package-lock.json", packageLock(packages))
const pnpm = (packages: string) => parseLockfile("pnpm-lock.yaml", `lockfileVersion: '9.0'\n\npackages:\n\n${packages}`)
const berry = (resolution: string) => parseLockfile("yarn.lock", `__metadata:\n  version: 8\n\n"x@any":\n  version: 1.0.0\n  resolution: "${resolution}"\n`)
const classic = (lines: string) => parseLockfile("yarn.lock", `# yarn lockfile v1\n\n\n${lines}`)
const x = (more: object): object => ({ "node_modules/x": { version: "1.0.0", resolved: tarball("x"), integrity: sri(1), ...more } })

describe("THREATS A6: refuses before anything is fetched", () => {
  test.each([
    { name: "no integrity", lockfile: npm(x({ integrity: undefined })), code: "EXOTIC_SOURCE", says: "has no integrity" },
    { name: "no integrity and no address", lockfile: npm(x({ integrity: undefined, resolved: undefined })), code: "EXOTIC_SOURCE", says: "has no integrity" },
    { name: "no integrity in an optional package", lockfile: npm(x({ integrity: undefined, optional: true })), code: "EXOTIC_SOURCE", says: "has no integrity" },
    { name: "sha1 only", lockfile: npm(x({ integrity: sri(1, "sha1") })), code: "EXOTIC_SOURCE", says: "has no sha512 integrity" },
    { name: "two sha512, of which npm takes either", lockfile: npm(x({ integrity: `${sri(1)} ${sri(2)}` })), code: "EXOTIC_SOURCE", says: "has no sha512 integrity" },
    { name: "an integrity with options", lockfile: npm(x({ integrity: `${sri(1)}?x` })), code: "EXOTIC_SOURCE", says: "has no sha512 integrity" },
    { name: "an integrity that is cut off", lockfile: npm(x({ integrity: sri(1).slice(0, -4) })), code: "EXOTIC_SOURCE", says: "has no sha512 integrity" },
    { name: "no integrity in version 1", lockfile: parseLockfile("package-lock.json", JSON.stringify({ lockfileVersion: 1, dependencies: { x: { version: "1.0.0" } } })), code: "EXOTIC_SOURCE", says: "has no integrity" },
    { name: "inBundle at the top, without integrity, which npm fetches and runs", lockfile: npm({ "node_modules/x": { version: "1.0.0", inBundle: true } }), code: "EXOTIC_SOURCE", says: "has no integrity" },
    { name: "inBundle at the top, from another host", lockfile: npm({ "node_modules/x": { version: "1.0.0", resolved: tarball("x", "1.0.0", "https://evil.example/"), inBundle: true } }), code: "WRONG_REGISTRY", says: "evil.example" },
    { name: "another host", lockfile: npm(x({ resolved: tarball("x", "1.0.0", "https://evil.example/") })), code: "WRONG_REGISTRY", says: "expected https://registry.example/" },
    { name: "another port", lockfile: npm(x({ resolved: tarball("x", "1.0.0", "https://registry.example:8443/") })), code: "WRONG_REGISTRY", says: ":8443" },
    { name: "another scheme", lockfile: npm(x({ resolved: tarball("x", "1.0.0", "http://registry.example/") })), code: "WRONG_REGISTRY", says: "http://" },
    { name: "a host that begins alike", lockfile: npm(x({ resolved: tarball("x", "1.0.0", "https://registry.example.evil.example/") })), code: "WRONG_REGISTRY", says: "evil.example" },
    { name: "the registry as a user name", lockfile: npm(x({ resolved: tarball("x", "1.0.0", "https://registry.example@evil.example/") })), code: "WRONG_REGISTRY", says: "evil.example" },
    { name: "credentials", lockfile: npm(x({ resolved: tarball("x", "1.0.0", "https://user:secret@registry.example/") })), code: "WRONG_REGISTRY", says: "https://registry.example/x" },
    { name: "a scope's package from the default registry", lockfile: npm({ "node_modules/@scope/x": { version: "1.0.0", resolved: tarball("@scope/x"), integrity: sri(1) } }), code: "WRONG_REGISTRY", says: "expected https://private.example/npm/" },
    { name: "a scope's package beside its registry's path", lockfile: npm({ "node_modules/@scope/x": { version: "1.0.0", resolved: tarball("@scope/x", "1.0.0", "https://private.example/"), integrity: sri(1) } }), code: "WRONG_REGISTRY", says: "expected https://private.example/npm/" },
    { name: "a path that climbs out of the registry's", lockfile: npm({ "node_modules/@scope/x": { version: "1.0.0", resolved: tarball("@scope/x", "1.0.0", "https://private.example/npm/%2e%2e/other/"), integrity: sri(1) } }), code: "WRONG_REGISTRY", says: "private.example" },
    { name: "a path that climbs once it is unescaped", lockfile: npm({ "node_modules/@scope/x": { version: "1.0.0", resolved: tarball("@scope/x", "1.0.0", "https://private.example/npm/..%2fother/"), integrity: sri(1) } }), code: "WRONG_REGISTRY", says: "private.example" },
    { name: "an alias of a scope's package from the default registry", lockfile: npm({ "node_modules/x": { name: "@scope/x", version: "1.0.0", resolved: tarball("@scope/x"), integrity: sri(1) } }), code: "WRONG_REGISTRY", says: "private.example" },
    { name: "a tarball by URL", lockfile: npm(x({ resolved: "https://files.example/x.tgz" })), code: "EXOTIC_SOURCE", says: "files.example" },
    { name: "the registry's own tarball of another package", lockfile: npm(x({ resolved: tarball("evil"), integrity: undefined })), code: "EXOTIC_SOURCE", says: "evil" },
    { name: "git", lockfile: npm(x({ resolved: "git+ssh://git@git.example/x.git#abc" })), code: "EXOTIC_SOURCE", says: "no registry release" },
    { name: "git from the registry's host", lockfile: npm(x({ resolved: "git+https://registry.example/x.git#abc" })), code: "EXOTIC_SOURCE", says: "no registry release" },
    { name: "a local tarball outside", lockfile: npm(x({ resolved: "file:../x.tgz" })), code: "EXOTIC_SOURCE", says: "outside the project" },
    { name: "a link outside", lockfile: npm({ "node_modules/x": { resolved: "../x", link: true } }), code: "EXOTIC_SOURCE", says: "links to" },
    { name: "a link that leaves and comes back", lockfile: npm({ "node_modules/x": { resolved: "../../project/x", link: true } }), code: "EXOTIC_SOURCE", says: "links to" },
    { name: "a link to an absolute path", lockfile: npm({ "node_modules/x": { resolved: "/etc", link: true } }), code: "EXOTIC_SOURCE", says: "links to" },
    { name: "a link to a drive", lockfile: npm({ "node_modules/x": { resolved: "C:\\x", link: true } }), code: "EXOTIC_SOURCE", says: "links to" },
    { name: "a link home", lockfile: npm({ "node_modules/x": { resolved: "~/x", link: true } }), code: "EXOTIC_SOURCE", says: "links to" },
    { name: "a link with escaped dots", lockfile: npm({ "node_modules/x": { resolved: "%2e%2e/x", link: true } }), code: "EXOTIC_SOURCE", says: "links to" },
    { name: "a link with backslashes", lockfile: npm({ "node_modules/x": { resolved: "packages\\..\\..\\x", link: true } }), code: "EXOTIC_SOURCE", says: "links to" },
    { name: "a workspace outside", lockfile: npm({ "../x": { version: "1.0.0" } }), code: "EXOTIC_SOURCE", says: "workspace outside" },
    { name: "pnpm: no integrity", lockfile: pnpm("  x@1.0.0:\n    resolution: {}\n"), code: "EXOTIC_SOURCE", says: "has no integrity" },
    { name: "pnpm: a tarball elsewhere", lockfile: pnpm(`  x@1.0.0:\n    resolution: {integrity: ${sri(1)}, tarball: ${tarball("x", "1.0.0", "https://evil.example/")}}\n`), code: "WRONG_REGISTRY", says: "evil.example" },
    { name: "pnpm: a folder outside", lockfile: pnpm("  x@file:../x:\n    resolution: {directory: ../x, type: directory}\n"), code: "EXOTIC_SOURCE", says: "outside the project" },
    { name: "pnpm: a member's link outside", lockfile: parseLockfile("pnpm-lock.yaml", "lockfileVersion: '9.0'\nimporters:\n  packages/a:\n    dependencies:\n      b:\n        specifier: link:../../../b\n        version: link:../../../b\n"), code: "EXOTIC_SOURCE", says: "outside the project" },
    { name: "pnpm: a locked package's link outside", lockfile: parseLockfile("pnpm-lock.yaml", `lockfileVersion: '9.0'\npackages:\n  x@1.0.0:\n    resolution: {integrity: ${sri(1)}}\nsnapshots:\n  x@1.0.0:\n    dependencies:\n      b: link:../b\n`), code: "EXOTIC_SOURCE", says: "outside the project" },
    { name: "pnpm: a runtime", lockfile: pnpm("  node@runtime:22.0.0:\n    resolution: {type: variations, variants: []}\n"), code: "EXOTIC_SOURCE", says: "runtime:22.0.0" },
    { name: "Yarn 1: no integrity", lockfile: classic(`x@1:\n  version "1.0.0"\n  resolved "${tarball("x")}#${"a".repeat(40)}"\n`), code: "EXOTIC_SOURCE", says: "has no integrity" },
    { name: "Yarn 1: another host", lockfile: classic(`x@1:\n  version "1.0.0"\n  resolved "${tarball("x", "1.0.0", "https://evil.example/")}"\n  integrity ${sri(1)}\n`), code: "WRONG_REGISTRY", says: "evil.example" },
    { name: "Yarn: another host", lockfile: berry(`x@npm:1.0.0::__archiveUrl=${encodeURIComponent(tarball("x", "1.0.0", "https://evil.example/"))}`), code: "WRONG_REGISTRY", says: "evil.example" },
    { name: "Yarn: a file somewhere", lockfile: berry("x@npm:1.0.0::__archiveUrl=https%3A%2F%2Ffiles.example%2Fx.tgz"), code: "EXOTIC_SOURCE", says: "files.example" },
    { name: "Yarn: a workspace outside", lockfile: berry("x@workspace:../x"), code: "EXOTIC_SOURCE", says: "workspace outside" },
    { name: "Yarn: a portal outside", lockfile: berry("x@portal:../x::locator=root%40workspace%3A."), code: "EXOTIC_SOURCE", says: "outside the project" },
    { name: "Yarn: a program that makes the package", lockfile: berry("x@exec:./make.js"), code: "EXOTIC_SOURCE", says: "exec:" },
  ])("$name", ({ lockfile, code, says }) => {
    const findings = checkLockfile(lockfile, CONTEXT)
    expect(findings).toEqual([expect.objectContaining({ code, severity: "deny", saidBy: [], message: expect.stringContaining(says), hint: expect.any(String) })])
    expect(findings[0]?.message).not.toContain("secret")
  })

  test("says nothing about what evidence decides, nor about the project's own files", () => {
    expect(checkLockfile(npm({
      ...x({}), "packages/a": { name: "a" }, "node_modules/a": { resolved: "packages/a", link: true }, "node_modules/l": { version: "1.0.0", resolved: "file:vendor/l.tgz", integrity: sri(2) },
      "node_modules/@scope/y": { version: "1.0.0", resolved: tarball("@scope/y", "1.0.0", "https://private.example/npm/"), integrity: sri(3) },
    }), CONTEXT)).toEqual([])
    expect(checkLockfile(berry("x@npm:1.0.0"), CONTEXT)).toEqual([])
    expect(checkLockfile(berry(`x@npm:1.0.0::__archiveUrl=${encodeURIComponent(tarball("x"))}`), CONTEXT)).toEqual([])
  })

  test("a registry that names its tarballs otherwise is a registry, where there is an integrity", () => {
    const other = { "node_modules/x": { version: "1.0.0", resolved: "https://registry.example/download/x/1.0.0/abcdef", integrity: sri(1) } }
    expect(checkLockfile(npm(other), CONTEXT)).toEqual([])
    expect(toRequests(npm(other), CONTEXT)).toEqual([{ purl: "pkg:npm/x@1.0.0", registry: "https://registry.example/", sha512: "01".repeat(64), dependency: "prod" }])
    expect(checkLockfile(npm({ "node_modules/x": { ...other["node_modules/x"], integrity: undefined } }), CONTEXT)).toMatchObject([{ code: "EXOTIC_SOURCE" }])
    expect(checkLockfile(npm({ "node_modules/x": { ...other["node_modules/x"], integrity: sri(1, "sha1") } }), CONTEXT)).toMatchObject([{ code: "EXOTIC_SOURCE" }])
    expect(toRequests(npm({ "node_modules/x": { ...other["node_modules/x"], resolved: "https://evil.example/download/x" } }), CONTEXT)).toEqual([])
  })
})

describe("npm puts the configured registry where a package-lock names npm's own default", () => {
  const rewriting: LockfileContext = { ...CONTEXT, rewritten: { from: ["https://builtin.example/"], to: "https://registry.example/" } }
  const builtIn = (name: string): string => tarball(name, "1.0.0", "https://builtin.example/")

  test("so that is no other host", () => {
    expect(checkLockfile(npm(x({ resolved: builtIn("x") })), rewriting)).toEqual([])
    expect(toRequests(npm(x({ resolved: builtIn("x") })), rewriting)).toMatchObject([{ registry: "https://registry.example/" }])
  })

  test("unless the person has switched it off", () => {
    expect(checkLockfile(npm(x({ resolved: builtIn("x") })), { ...rewriting, rewritten: { from: [], to: "https://registry.example/" } })).toMatchObject([{ code: "WRONG_REGISTRY" }])
  })

  test("never for a scope with a registry of its own: npm would put the default one there", () => {
    expect(checkLockfile(npm({ "node_modules/@scope/x": { version: "1.0.0", resolved: builtIn("@scope/x"), integrity: sri(1) } }), rewriting)).toMatchObject([{ code: "WRONG_REGISTRY" }])
  })

  test("and not in the lockfiles of other package managers, which go to the address as it stands", () => {
    expect(checkLockfile(classic(`x@1:\n  version "1.0.0"\n  resolved "${builtIn("x")}"\n  integrity ${sri(1)}\n`), rewriting)).toMatchObject([{ code: "WRONG_REGISTRY" }])
    expect(checkLockfile(pnpm(`  x@1.0.0:\n    resolution: {integrity: ${sri(1)}, tarball: ${builtIn("x")}}\n`), rewriting)).toMatchObject([{ code: "WRONG_REGISTRY" }])
    expect(checkLockfile(berry(`x@npm:1.0.0::__archiveUrl=${encodeURIComponent(builtIn("x"))}`), rewriting)).toMatchObject([{ code: "WRONG_REGISTRY" }])
  })
})

describe("THREATS A6: inBundle is believed only where the attested parent's tarball holds that path", () => {
  const purl = "pkg:npm/a@1.0.0"
  const claim = (bundled: readonly string[], operator = "alpha"): Claim => ({ operator, origin: `${operator}/log`, index: 0, predicateType: "x", checkpointTime: 1, bundled })
  const verdict = (claims: readonly Claim[], ok = true): Verdict => ({ purl, registry: "https://registry.example/", sha512: "01".repeat(64), claims, findings: [], labels: [], ...(ok ? { ok } : { ok, code: "NOT_VOUCHED" as const }) }) as Verdict
  const a = { version: "1.0.0", resolved: tarball("a"), integrity: sri(1) }
  const bundled = { version: "1.0.0", inBundle: true }
  const one = npm({ "node_modules/a": a, "node_modules/a/node_modules/b": bundled })
  const nested = npm({ "node_modules/a": a, "node_modules/a/node_modules/@s/b": bundled, "node_modules/a/node_modules/@s/b/node_modules/c": bundled })
  const versionOne = parseLockfile("package-lock.json", JSON.stringify({ lockfileVersion: 1, dependencies: { a: { ...a, dependencies: { "@s/b": { version: "1.0.0", bundled: true } } } } }))

  test.each([
    { name: "every operator saw it there", lockfile: one, verdicts: [verdict([claim(["node_modules/b"]), claim(["node_modules/b", "node_modules/z"], "beta")])], refused: [] },
    { name: "nested ones are named by their whole path", lockfile: nested, verdicts: [verdict([claim(["node_modules/@s/b", "node_modules/@s/b/node_modules/c"])])], refused: [] },
    { name: "in version 1 as well", lockfile: versionOne, verdicts: [verdict([claim(["node_modules/@s/b"])])], refused: [] },
    { name: "nobody saw it there", lockfile: one, verdicts: [verdict([claim([])])], refused: ["node_modules/a/node_modules/b"] },
    { name: "one operator did not see it there", lockfile: one, verdicts: [verdict([claim(["node_modules/b"]), claim([], "beta")])], refused: ["node_modules/a/node_modules/b"] },
    { name: "it lies elsewhere in the tarball", lockfile: one, verdicts: [verdict([claim(["lib/node_modules/b"])])], refused: ["node_modules/a/node_modules/b"] },
    { name: "only the outer one is there", lockfile: nested, verdicts: [verdict([claim(["node_modules/@s/b"])])], refused: ["node_modules/a/node_modules/@s/b/node_modules/c"] },
    { name: "the parent is not vouched for", lockfile: one, verdicts: [verdict([claim(["node_modules/b"])], false)], refused: ["node_modules/a/node_modules/b"] },
    { name: "the parent was let through without anybody's word", lockfile: one, verdicts: [verdict([])], refused: ["node_modules/a/node_modules/b"] },
    { name: "the parent was not asked for", lockfile: one, verdicts: [], refused: ["node_modules/a/node_modules/b"] },
    { name: "another package's verdict", lockfile: one, verdicts: [{ ...verdict([claim(["node_modules/b"])]), purl: "pkg:npm/z@1.0.0" }], refused: ["node_modules/a/node_modules/b"] },
    { name: "the parent is git, which nobody attests", lockfile: npm({ "node_modules/a": { ...a, resolved: "git+ssh://git@git.example/a.git#abc" }, "node_modules/a/node_modules/b": bundled }), verdicts: [verdict([claim(["node_modules/b"])])], refused: ["node_modules/a/node_modules/b"] },
    { name: "in version 1, nobody saw it", lockfile: versionOne, verdicts: [verdict([claim(["node_modules/b"])])], refused: ["node_modules/a/node_modules/@s/b"] },
  ])("$name", ({ lockfile, verdicts, refused }) => {
    const findings = checkBundled(lockfile, verdicts)
    expect(findings.map(({ where }) => where)).toEqual(refused)
    for (const finding of findings) expect(finding).toMatchObject({ code: "EXOTIC_SOURCE", severity: "deny", message: expect.stringContaining("claims to be bundled") })
  })
})

describe("requests", () => {
  test("each artifact once, with the digests of the lockfile", () => {
    const lockfile = npm({ ...x({}), "node_modules/a/node_modules/x": { version: "1.0.0", integrity: sri(1) }, "node_modules/z": { version: "1.0.0", integrity: sri(2) } })
    expect(toRequests(lockfile, CONTEXT)).toEqual([
      { purl: "pkg:npm/x@1.0.0", registry: "https://registry.example/", sha512: "01".repeat(64), dependency: "prod" }, { purl: "pkg:npm/z@1.0.0", registry: "https://registry.example/", sha512: "02".repeat(64), dependency: "prod" },
    ])
  })

  test("one version with two digests is asked for with both, and cannot be allowed with both", () => {
    const lockfile = npm({ ...x({}), "node_modules/a/node_modules/x": { version: "1.0.0", integrity: sri(2) } })
    expect(toRequests(lockfile, CONTEXT).map(({ sha512 }) => sha512)).toEqual(["01".repeat(64), "02".repeat(64)])
  })

  test("nothing that is not of a registry is named to anybody", () => {
    const lockfile = npm({
      "packages/secret": { name: "secret", version: "1.0.0" }, "node_modules/secret": { resolved: "packages/secret", link: true }, "node_modules/g": { version: "1.0.0", resolved: "git+ssh://git@git.example/g.git#abc" },
      "node_modules/u": { version: "1.0.0", resolved: "https://files.example/u.tgz", integrity: sri(1) }, "node_modules/f": { version: "1.0.0", resolved: "file:f.tgz", integrity: sri(1) },
    })
    expect(toRequests(lockfile, CONTEXT)).toEqual([])
  })
})
