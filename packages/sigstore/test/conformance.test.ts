import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { refusalOf } from "../src/conformance.ts"
import { parseTrustedRoot } from "../src/trust/trusted-root.ts"
import { attestationFile, conformanceFolders } from "./support/data.ts"

const FOLDERS = conformanceFolders()
const BEACON = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
const ISSUER = "https://token.actions.githubusercontent.com"
const PUBLIC_GOOD = attestationFile("trust", "trusted_root.public-good.json")

describe("sigstore-conformance, as the suite asks", () => {
  test.each(FOLDERS)("$name", ({ name, bundlePath, artifactPath, path }) => {
    const text = (file: string): string | undefined => { const found = path(file); return found === undefined ? undefined : readFileSync(found, "utf8") }
    const keyPem = text("key.pub")
    const refusal = refusalOf({
      bundle: readFileSync(bundlePath, "utf8"), trustedRoot: text("trusted_root.json") ?? PUBLIC_GOOD, artifact: { bytes: readFileSync(artifactPath) },
      signer: keyPem === undefined ? { identity: text("identity")?.trim() ?? BEACON, issuer: text("issuer")?.trim() ?? ISSUER } : { keyPem },
    })
    if (name.endsWith("_fail")) expect(refusal).toEqual(expect.any(String))
    else expect(refusal).toBeUndefined()
  })

  test("all 70 were there, among them the two that older verifiers misjudge", () => {
    const names = FOLDERS.map(({ name }) => name)
    console.log(`sigstore-conformance: ${names.length} cases on Node ${process.versions.node}`)
    expect(names).toHaveLength(70)
    expect(names).toEqual(expect.arrayContaining(["rekor2-dsse-happy-path", "trust-root-tlog-missing-validity-start_fail"]))
  })
})

describe("a trusted root is refused with", () => {
  type Root = Record<string, unknown> & { tlogs: { publicKey: { validFor: Record<string, unknown>; rawBytes: string } & Record<string, unknown>; logId: unknown; baseUrl: unknown }[]; certificateAuthorities: { certChain: { certificates: { rawBytes: unknown }[] }; validFor: unknown }[] }
  const log = (root: Root) => root.tlogs[0] as Root["tlogs"][0]
  const authority = (root: Root) => root.certificateAuthorities[0] as Root["certificateAuthorities"][0]
  test.each([
    { name: "another media type", change: (root: Root) => { root["mediaType"] = "application/json" }, says: "mediaType" },
    { name: "no logs", change: (root: Root) => { root.tlogs = [] }, says: "$.tlogs is empty" },
    { name: "logs that are no list", change: (root: Root) => { root["tlogs"] = {} as never }, says: "no array" },
    { name: "a log without a start", change: (root: Root) => { delete log(root).publicKey.validFor["start"] }, says: "validFor.start" },
    { name: "a log without validity", change: (root: Root) => { delete (log(root).publicKey as Record<string, unknown>)["validFor"] }, says: "validFor" },
    { name: "a start that is no time", change: (root: Root) => { log(root).publicKey.validFor["start"] = "yesterday" }, says: "is no time" },
    { name: "an end before the start", change: (root: Root) => { log(root).publicKey.validFor["end"] = "1999-01-01T00:00:00Z" }, says: "ends before" },
    { name: "a log without id", change: (root: Root) => { delete (log(root) as Record<string, unknown>)["logId"] }, says: "logId" },
    { name: "a log without address", change: (root: Root) => { log(root).baseUrl = "" }, says: "baseUrl" },
    { name: "a key in loose base64", change: (root: Root) => { log(root).publicKey.rawBytes += "\n" }, says: "base64" },
    { name: "an authority without certificates", change: (root: Root) => { authority(root).certChain.certificates = [] }, says: "certificates is empty" },
    { name: "an authority without validity", change: (root: Root) => { authority(root).validFor = undefined }, says: "validFor" },
    { name: "too many logs", change: (root: Root) => { root.tlogs = Array.from({ length: 65 }, () => log(root)) }, says: "at most 64" },
  ])("$name", ({ change, says }) => {
    const root = JSON.parse(PUBLIC_GOOD) as Root
    change(root)
    expect(() => parseTrustedRoot(JSON.stringify(root))).toThrow(expect.objectContaining({ code: "TRUST_ROOT_MALFORMED", message: expect.stringContaining(says) }))
  })
  test.each([{ name: "no JSON", text: "<html>" }, { name: "a list", text: "[]" }, { name: "two megabytes", text: " ".repeat(2_000_000) }])("$name", ({ text }) => {
    expect(() => parseTrustedRoot(text)).toThrow(expect.objectContaining({ code: "TRUST_ROOT_MALFORMED" }))
  })
})
