import { describe, expect, test } from "vitest"
import { limitsOf, parseRequest } from "../src/request.ts"
import { REBUILD_LIMITS } from "../src/limits.ts"
import { REQUEST_FORMAT } from "../src/types.ts"

const GOOD = {
  format: REQUEST_FORMAT, purl: "pkg:npm/x@1.0.0", registry: "https://registry.example/", tarball: "/a/x.tgz", sha512: "ab".repeat(64), manifest: null, publishedAt: null, frozenAt: 1_700_000_000,
  workspace: "/a/work", upstream: { registry: "https://registry.example/" }, gitProtocols: ["https"], gitHosts: ["git.example"], allowPrivateAddresses: false,
}
const COMMIT = "0123456789abcdef0123456789abcdef01234567"

test("reads what it is given, limits with their defaults", () => {
  const request = { ...GOOD, source: { repository: "https://git.example/a/b", commit: COMMIT, directory: "packages/x" }, limits: { processes: 5 } }
  expect(parseRequest(JSON.stringify(request))).toEqual(request)
  expect(limitsOf(parseRequest(JSON.stringify(request)))).toEqual({ ...REBUILD_LIMITS, processes: 5 })
})

describe("refuses", () => {
  test.each<{ name: string, text: string, says: string }>([
    { name: "no JSON", text: "{", says: "no JSON" },
    { name: "a list", text: "[]", says: "no object" },
    ...([
      ["another format", { format: "x" }, "format"], ["a member more", { token: "x" }, "\"token\""], ["a relative tarball", { tarball: "x.tgz" }, "tarball"],
      ["a relative workspace", { workspace: "work" }, "workspace"], ["a short digest", { sha512: "ab" }, "sha512"], ["a digest in capitals", { sha512: "AB".repeat(64) }, "sha512"],
      ["no frozen time", { frozenAt: 0 }, "frozenAt"], ["a frozen time that is text", { frozenAt: "2026" }, "frozenAt"], ["a registry without its slash", { registry: "https://registry.example" }, "registry"],
      ["credentials in the upstream", { upstream: { registry: "https://a:b@registry.example/" } }, "registry"], ["a scope that is no URL", { upstream: { registry: GOOD.registry, scopes: { "@a": "x" } } }, "scopes"],
      ["a protocol that runs programs", { gitProtocols: ["ext"] }, "gitProtocols"], ["a placeholder commit", { source: { repository: "https://git.example/a/b", commit: "0".repeat(40) } }, "source.commit"],
      ["a branch for a commit", { source: { repository: "https://git.example/a/b", commit: "main" } }, "source.commit"], ["no repository", { provenance: { commit: COMMIT } }, "provenance.repository"],
      ["a limit that there is not", { limits: { cpus: 4 } }, "limits"], ["a limit of nothing", { limits: { processes: 0 } }, "limits"], ["limits that are no object", { limits: 3 }, "limits"],
      ["a recipe that is none", { recipe: {} }, "recipe"], ["a line of signers that never counts", { allowedSigners: "# ours\nnobody\n" }, "allowedSigners: line 2: "],
    ] as const).map(([name, change, says]) => ({ name, text: JSON.stringify({ ...GOOD, ...change }), says })),
    ...["purl", "tarball", "sha512", "manifest", "gitHosts"].map((name) => ({ name: `no ${name}`, text: JSON.stringify(Object.fromEntries(Object.entries(GOOD).filter(([key]) => key !== name))), says: name })),
  ])("$name", ({ text, says }) => {
    expect(() => parseRequest(text)).toThrow(expect.objectContaining({ code: "REQUEST_MALFORMED", message: expect.stringContaining(says) as string }))
  })
})
