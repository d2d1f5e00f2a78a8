/**
 * Whom a log's entry names as the signer. The library compares an entry's signature and digest with the bundle's, and not the signer: but of one
 * ECDSA signature two keys can be made, so an entry could show whoever watches the log another signer than the bundle has.
 *
 * @packageDocumentation
 */
import type { Bundle } from "@sigstore/bundle"
import type { KeyObject } from "node:crypto"
import { memberAt, memberOf } from "../json.ts"

/** Where each kind of entry has its signer: PEM in base64, or the message of a verifier with raw bytes. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  "intoto 0.0.2": ["content", "envelope", "signatures", "0", "publicKey"],
  "dsse 0.0.1": ["signatures", "0", "verifier"],
  "dsse 0.0.2": ["dsseV002", "signatures", "0", "verifier"],
  "hashedrekord 0.0.1": ["signature", "publicKey", "content"],
  "hashedrekord 0.0.2": ["hashedRekordV002", "signature", "verifier"],
}
const PEM = /^\s*-----BEGIN (CERTIFICATE|PUBLIC KEY)-----\s+([A-Za-z0-9+/=\s]+)-----END \1-----/

/**
 * Tells whether all log entries of a bundle that verified name its signer: its certificate, or its key.
 * @param key - that verified the signature
 */
export function areOfSigner({ verificationMaterial: { content, tlogEntries } }: Bundle, key: KeyObject): boolean {
  const certificate = content.$case === "certificate" ? content.certificate : content.$case === "x509CertificateChain" ? content.x509CertificateChain.certificates[0] : undefined
  const isKey = content.$case === "publicKey"
  const expected = isKey ? key.export({ format: "der", type: "spki" }) : certificate?.rawBytes
  return expected !== undefined && tlogEntries.every(({ canonicalizedBody }) => {
    const found = signerIn(canonicalizedBody)
    return found !== undefined && found.isKey === isKey && found.der.equals(expected)
  })
}

/** Undefined where an entry names none that is read here. */
function signerIn(body: Uint8Array): { readonly isKey: boolean; readonly der: Buffer } | undefined {
  const entry: unknown = JSON.parse(Buffer.from(body).toString("utf8"))
  const named = `${String(memberOf(entry, "kind"))} ${String(memberOf(entry, "apiVersion"))}`
  const place = Object.hasOwn(PLACES, named) ? PLACES[named] as readonly string[] : []
  const value = place.reduce((inner: unknown, name) => (Array.isArray(inner) ? inner[Number(name)] as unknown : memberOf(inner, name)), memberOf(entry, "spec"))
  if (typeof value === "string") {
    const [, label, base64 = ""] = PEM.exec(Buffer.from(value, "base64").toString("latin1")) ?? []
    return label === undefined ? undefined : { isKey: label === "PUBLIC KEY", der: Buffer.from(base64, "base64") }
  }
  const [certificate, key] = [memberAt(value, "x509Certificate", "rawBytes"), memberAt(value, "publicKey", "rawBytes")]
  const raw = certificate ?? key
  return typeof raw === "string" && (certificate === undefined) !== (key === undefined) ? { isKey: key !== undefined, der: Buffer.from(raw, "base64") } : undefined
}
