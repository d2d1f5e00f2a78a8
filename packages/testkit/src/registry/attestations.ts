import type { PackumentDoc } from "./store.ts"
import type { RegistryOptions, TamperRule } from "./types.ts"

/** What the attestations endpoint answers: bytes as they are, which need not be JSON. */
export interface AttestationsAnswer { readonly status: number; readonly text: string }

const NONE: AttestationsAnswer = { status: 404, text: JSON.stringify({ error: "not found" }) }
const BASE64_PLACE = 20

/** Own entry of a record whose keys are somebody's words. */
function entryOf(record: Readonly<Record<string, unknown>> | undefined, spec: string): unknown {
  return record !== undefined && Object.hasOwn(record, spec) ? record[spec] : undefined
}

/** Answers for `name@version`; undefined where the options hold nothing for it. */
export function attestationsAnswer(options: RegistryOptions, spec: string, rule: TamperRule | undefined): AttestationsAnswer | undefined {
  const honest = entryOf(options.attestations, spec)
  switch (rule?.mode) {
    case "drop-attestations":
    case "lose-attestations": return NONE
    case "swap-attestations": return answer(entryOf(options.attestations, rule.other ?? ""))
    case "corrupt-attestations": return answer(JSON.parse(JSON.stringify(honest ?? null), corrupt))
    case "cut-attestations": { const text = JSON.stringify(honest ?? null); return { status: 200, text: text.slice(0, text.length / 2) } }
    default: return honest === undefined ? undefined : answer(honest)
  }
}

function answer(document: unknown): AttestationsAnswer {
  return document === undefined ? NONE : { status: 200, text: JSON.stringify(document) }
}

/** Another letter inside of every signature of an envelope: still base64, no signature any more. */
function corrupt(key: string, value: unknown): unknown {
  if (key !== "sig" || typeof value !== "string") return value
  return `${value.slice(0, BASE64_PLACE)}${value[BASE64_PLACE] === "A" ? "B" : "A"}${value.slice(BASE64_PLACE + 1)}`
}

/** A packument with what the options add to `dist`. `isDropped` tells which versions announce nothing. */
export function withAttestations(doc: PackumentDoc, options: RegistryOptions, base: string, isDropped: (version: string) => boolean): PackumentDoc {
  if (options.attestations === undefined && options.signatures === undefined) return doc
  const versions: PackumentDoc["versions"] = {}
  for (const [version, manifest] of Object.entries(doc.versions)) {
    const spec = `${doc.name}@${version}`
    const document = isDropped(version) ? undefined : entryOf(options.attestations, spec)
    const signatures = entryOf(options.signatures, spec)
    const dist = {
      ...manifest.dist,
      ...(signatures === undefined ? {} : { signatures }),
      ...(document === undefined ? {} : { attestations: { url: `${base}-/npm/v1/attestations/${spec}`, ...announcedProvenance(document) } }),
    }
    versions[version] = { ...manifest, dist }
  }
  return { ...doc, versions }
}

/** As the public registry announces it: the type of the provenance, where there is one. */
function announcedProvenance(document: unknown): object {
  const { attestations } = document as { readonly attestations?: unknown }
  const types = Array.isArray(attestations) ? attestations.map((one) => (one as { readonly predicateType?: unknown } | null)?.predicateType) : []
  const predicateType = types.find((type) => typeof type === "string" && type.startsWith("https://slsa.dev/provenance/"))
  return predicateType === undefined ? {} : { provenance: { predicateType } }
}
