/**
 * The registry's own word that it published a version: npm publish v0.1.
 *
 * @packageDocumentation
 */
import type { Bundle } from "@sigstore/bundle"
import type { PublishCode } from "../codes.ts"
import { memberOf } from "../json.ts"
import type { ForeignStatement } from "../statement.ts"
import type { RegistryKeys } from "../trust/keys.ts"
import type { ExpectedArtifact } from "./subject.ts"

export const PUBLISH_TYPE = "https://github.com/npm/attestation/tree/main/specs/publish/v0.1"

/** The key that a bundle says it is signed with: its hint; undefined for one signed with a certificate. */
export function keyHintOf(bundle: Bundle): string | undefined {
  const { content } = bundle.verificationMaterial
  return content.$case === "publicKey" ? content.publicKey.hint : undefined
}

/** What cryptography does not look at. */
export function checkPublish(bundle: Bundle, statement: ForeignStatement, expected: ExpectedArtifact, keys: RegistryKeys): PublishCode[] {
  const codes: PublishCode[] = []
  const hint = keyHintOf(bundle)
  if (hint === undefined) return ["PUBLISH_NOT_BY_REGISTRY"]
  if (keys.find(hint, "attestations") === undefined) codes.push("PUBLISH_KEY_UNKNOWN")
  const keyid = bundle.content.$case === "dsseEnvelope" ? bundle.content.dsseEnvelope.signatures[0]?.keyid : undefined
  if (keyid !== hint) codes.push("PUBLISH_KEYID_MISMATCH")
  const { predicate } = statement
  if (memberOf(predicate, "name") !== expected.name || memberOf(predicate, "version") !== expected.version) codes.push("PUBLISH_PREDICATE_MISMATCH")
  return codes
}
