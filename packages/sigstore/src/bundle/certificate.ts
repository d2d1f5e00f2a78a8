/**
 * What a Fulcio certificate says about who signed: extensions 1.3.6.1.4.1.57264.1.*. Certificates from before 2023 have only the first six.
 *
 * @packageDocumentation
 */
import { X509Certificate } from "@sigstore/core"
import { FACT_LENGTH_MAX } from "../limits.ts"
import { plainText } from "../json.ts"

/** A signer's certificate, as it says itself. Believed only once its chain, log entry and signature verified. */
export interface SignerCertificate {
  /** OIDC issuer. */
  readonly issuer: string | undefined
  /** Subject alternative name, and whether it is a URI (a workflow) or an e-mail address (a person). */
  readonly san: string | undefined
  readonly sanKind: "uri" | "email" | "other"
  readonly repository: string | undefined
  readonly repositoryId: string | undefined
  readonly ownerId: string | undefined
  readonly commit: string | undefined
  readonly ref: string | undefined
  readonly trigger: string | undefined
  readonly runner: string | undefined
  /** URI of the top-level build configuration, with `@ref`. */
  readonly buildConfig: string | undefined
}

const FULCIO = "1.3.6.1.4.1.57264.1"
const UTF8_STRING_TAG = 0x0c

/** Names of forges whose old certificates give only `owner/name`. */
const OLD_FORGE = "https://github.com/"

/** Reads a certificate in DER. Undefined for what is none. */
export function readCertificate(der: Uint8Array): SignerCertificate | undefined {
  try {
    const certificate = X509Certificate.parse(Buffer.from(der))
    const names = certificate.extSubjectAltName
    const raw = (number: number): string | undefined => plainText(certificate.extension(`${FULCIO}.${number}`)?.value.toString("utf8"), FACT_LENGTH_MAX)
    const text = (number: number): string | undefined => {
      const value = certificate.extension(`${FULCIO}.${number}`)?.valueObj.subs[0]
      return value?.tag.number === UTF8_STRING_TAG ? plainText(value.value.toString("utf8"), FACT_LENGTH_MAX) : undefined
    }
    const oldName = raw(5)
    return {
      issuer: text(8) ?? raw(1),
      san: plainText(names?.uri ?? names?.rfc822Name, FACT_LENGTH_MAX),
      sanKind: names?.rfc822Name !== undefined ? "email" : names?.uri !== undefined ? "uri" : "other",
      repository: text(12) ?? (oldName === undefined ? undefined : `${OLD_FORGE}${oldName}`),
      commit: text(13) ?? raw(3),
      ref: text(14) ?? raw(6),
      repositoryId: text(15),
      ownerId: text(17),
      runner: text(11),
      buildConfig: text(18),
      trigger: text(20) ?? raw(2),
    }
  } catch {
    // The library's reader throws errors of many kinds for bytes that are no certificate.
    return undefined
  }
}
