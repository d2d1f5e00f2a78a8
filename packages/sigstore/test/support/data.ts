import { sharedPath } from "@vouchsafe/config/shared"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { npmNameOf } from "@vouchsafe/core"
import { loadTrust, type Trust, type UpstreamInput } from "../../src/index.ts"

export const REGISTRY = "https://registry.example/"

/** A file under `data/npm-attestations`. */
export function attestationFile(...path: string[]): string {
  return readFileSync(sharedPath("data", "npm-attestations", ...path), "utf8")
}

/** One bundle of an index, as the index describes it. */
export interface IndexedBundle {
  readonly verify: string
  readonly error?: string
  readonly predicateType: string
  readonly outerPredicateType?: string
  readonly mediaType: string
  readonly key: string
  readonly subject?: string
  readonly subjects: number
  readonly sha512: string
  readonly tlog: readonly { readonly integratedTime: string }[]
  readonly identity?: { readonly san: string; readonly issuer: string; readonly sourceRepository?: string; readonly sourceRef?: string; readonly sourceCommit?: string; readonly trigger?: string; readonly runner?: string }
  readonly predicateBuilder?: string
  readonly predicateCommit?: string
}
export interface IndexEntry { readonly file: string; readonly package?: string; readonly bundles: readonly IndexedBundle[] }

export function readIndex(name: "valid" | "negatives"): readonly IndexEntry[] {
  return JSON.parse(attestationFile(`${name}.index.json`)) as IndexEntry[]
}

/** Real roots of trust, with the registry's keys under the name that the data has for it. */
export function realTrust(): Trust {
  return loadTrust({ trustedRootJson: attestationFile("trust", "trusted_root.public-good.json"), registryKeysByRegistry: new Map([[REGISTRY, attestationFile("trust", "npm-keys.tuf.json")]]) })
}

/** A registry's answer: files that hold one bundle alone are wrapped as the registry would. */
export function asAnswer(text: string, bundles: readonly IndexedBundle[]): unknown {
  const document = JSON.parse(text) as { readonly attestations?: unknown; readonly mediaType?: unknown }
  return document.mediaType === undefined ? document : { attestations: [{ predicateType: bundles[0]?.predicateType, bundle: document }] }
}

/** What is asked about a package whose attestations say `purl` and `sha512`. */
export function inputFor(purl: string, sha512: string, attestations: unknown, more: Partial<UpstreamInput> = {}): UpstreamInput {
  const { name, version } = npmNameOf(purl)
  const integrity = `sha512-${Buffer.from(sha512, "hex").toString("base64")}`
  return { name, version, registry: REGISTRY, sha512, integrity, signatures: undefined, attestations, repository: null, publishedAt: null, ...more }
}

/** One case of the conformance suite. */
export interface ConformanceFolder { readonly name: string; readonly bundlePath: string; readonly path: (file: string) => string | undefined; readonly artifactPath: string }

export function conformanceFolders(): ConformanceFolder[] {
  const root = sharedPath("vectors", "sigstore-conformance", "bundle-verify")
  return readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => {
    const path = (file: string): string | undefined => (existsSync(join(root, name, file)) ? join(root, name, file) : undefined)
    return { name, path, bundlePath: join(root, name, "bundle.sigstore.json"), artifactPath: path("artifact") ?? join(root, "a.txt") }
  })
}
