import { createPublicKey, verify } from "node:crypto"

/** An in-toto statement, as other people's tools read it. */
export interface OpenedStatement {
  readonly _type: string
  readonly subject: readonly { readonly name: string; readonly digest: Readonly<Record<string, string>> }[]
  readonly predicateType: string
  readonly predicate: Readonly<Record<string, unknown>>
}

/**
 * Opens a DSSE envelope by its specification alone, with nothing of ours: what a verifier of somebody else's does.
 * @param vkey - `name+id+base64(type || key)`; only the last 32 bytes count here
 */
export function openEnvelope(line: string, vkey: string): OpenedStatement {
  const { payload, payloadType, signatures } = JSON.parse(line) as { payload: string; payloadType: string; signatures: { sig: string }[] }
  const body = Buffer.from(payload, "base64")
  const message = Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${body.length} `), body])
  const raw = Buffer.from(vkey.split("+").slice(2).join("+"), "base64").subarray(-32)
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") }, format: "jwk" })
  if (payloadType !== "application/vnd.in-toto+json") throw new Error(`payload type is ${payloadType}`)
  if (!signatures.some(({ sig }) => verify(null, message, key, Buffer.from(sig, "base64")))) throw new Error(`no signature of ${vkey}`)
  const statement = JSON.parse(body.toString("utf8")) as OpenedStatement
  if (statement._type !== "https://in-toto.io/Statement/v1") throw new Error(`_type is ${statement._type}`)
  for (const { digest } of statement.subject) for (const hex of Object.values(digest)) if (!/^(?:[0-9a-f]{2})+$/.test(hex)) throw new Error(`digest is ${hex}`)
  return statement
}

const URI = /^[a-z][a-z0-9+.-]*:\S+$/i
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/

/** What SLSA Provenance v1 asks of its fields; the messages of what is missing. */
export function provenanceFaults({ predicateType, predicate }: OpenedStatement): string[] {
  const build = predicate["buildDefinition"] as { buildType?: string; externalParameters?: object; internalParameters?: object; resolvedDependencies?: { uri?: string; digest?: object }[] } | undefined
  const run = predicate["runDetails"] as { builder?: { id?: string }; metadata?: { startedOn?: string; finishedOn?: string } } | undefined
  const known = ["buildDefinition", "runDetails"]
  return [
    ...(predicateType === "https://slsa.dev/provenance/v1" ? [] : ["predicateType"]), ...(URI.test(build?.buildType ?? "") ? [] : ["buildType"]),
    ...(typeof build?.externalParameters === "object" ? [] : ["externalParameters"]), ...(URI.test(run?.builder?.id ?? "") ? [] : ["builder.id"]),
    ...[run?.metadata?.startedOn, run?.metadata?.finishedOn].flatMap((time) => (TIME.test(time ?? "") ? [] : [`time ${time ?? "missing"}`])),
    ...(build?.resolvedDependencies ?? []).flatMap(({ uri, digest }) => (URI.test(uri ?? "") && Object.keys(digest ?? {}).length > 0 ? [] : ["resolvedDependencies"])),
    // Extensions are spelled <vendor>_<field>.
    ...Object.keys(predicate).filter((name) => !known.includes(name) && !/^[a-z]+_[a-z]+$/i.test(name)),
  ]
}

/** The same of a VSA v1. */
export function summaryFaults({ predicateType, predicate, subject }: OpenedStatement): string[] {
  const { verifier, timeVerified, resourceUri, policy, verificationResult, verifiedLevels } = predicate as {
    verifier?: { id?: string }; timeVerified?: string; resourceUri?: string; policy?: { uri?: string; digest?: object }; verificationResult?: string; verifiedLevels?: string[]
  }
  const levels = verifiedLevels ?? []
  return [
    ...(predicateType === "https://slsa.dev/verification_summary/v1" ? [] : ["predicateType"]), ...(URI.test(verifier?.id ?? "") ? [] : ["verifier.id"]), ...(TIME.test(timeVerified ?? "") ? [] : ["timeVerified"]),
    ...(URI.test(resourceUri ?? "") && subject[0]?.name === resourceUri ? [] : ["resourceUri"]), ...(URI.test(policy?.uri ?? "") ? [] : ["policy.uri"]),
    ...(["PASSED", "FAILED"].includes(verificationResult ?? "") ? [] : ["verificationResult"]),
    ...(levels.length > 0 && levels.every((level) => /^(?:SLSA_[A-Z]+_LEVEL_\d|SLSA_BUILD_REPRODUCED|FAILED)$/.test(level)) && levels.filter((level) => /_LEVEL_/.test(level)).length <= 1 ? [] : [`verifiedLevels ${levels.join(" ")}`]),
  ]
}
