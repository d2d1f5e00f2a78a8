import { createPublicKey, verify } from "node:crypto"

/** DSSE as its specification says it, with nothing of ours: the payload, if this raw Ed25519 key signed it. */
export function openDsse(text: string, publicKey: Uint8Array): { readonly payloadType: string; readonly payload: unknown; readonly body: string } | undefined {
  const { payload, payloadType, signatures } = JSON.parse(text) as { payload: string; payloadType: string; signatures: { keyid?: string; sig: string }[] }
  const body = Buffer.from(payload, "base64")
  const message = Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${body.length} `), body])
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(publicKey).toString("base64url") }, format: "jwk" })
  const isSigned = signatures.some(({ sig }) => verify(null, message, key, Buffer.from(sig, "base64")))
  return isSigned ? { payloadType, payload: JSON.parse(body.toString("utf8")) as unknown, body: body.toString("utf8") } : undefined
}
