import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto"
import { KEY_TYPE, verifierKeyOf } from "@vouchsafe/core"

/** A key of an admin, made with nothing of the code under test. */
export interface AdminKey {
  readonly vkey: string
  readonly keyId: string
  readonly privateKey: KeyObject
}

export function newAdminKey(name: string): AdminKey {
  const { privateKey } = generateKeyPairSync("ed25519")
  return adminKeyOf(name, privateKey)
}

export function adminKeyOf(name: string, privateKey: KeyObject): AdminKey {
  const spki = createPublicKey(createPrivateKey(privateKey.export({ format: "pem", type: "pkcs8" }))).export({ format: "der", type: "spki" })
  const point = Uint8Array.from(spki.subarray(-32))
  return { vkey: verifierKeyOf(name, KEY_TYPE.ed25519, point).vkey, keyId: createHash("sha256").update(point).digest("hex"), privateKey }
}

/** What goes into a signature; each row of a table changes one thing of it. */
export interface Parts {
  readonly method: string
  readonly target: string
  readonly body: string
  readonly created: number
  readonly expires: number
  readonly nonce: string
  readonly keyId: string
  readonly algorithm: string
  readonly tag: string
  readonly label: string
  readonly contentType: string
  /** What is covered, in order. */
  readonly components: readonly string[]
}

/** Signature headers, written from the text of RFC 9421 and spec/admin.md alone. */
export function signedHeaders(key: AdminKey, target: string, body: string, at: number, more: Partial<Parts> = {}): Record<string, string> {
  const parts: Parts = {
    method: "POST", target, body, created: at, expires: at + 30, nonce: randomBytes(16).toString("base64url"), keyId: key.keyId, algorithm: "ed25519", tag: "vouchsafe-admin", label: "vouchsafe",
    contentType: "application/json", components: ["@method", "@target-uri", "content-digest", "content-type"], ...more,
  }
  const digest = `sha-256=:${createHash("sha256").update(parts.body).digest("base64")}:`
  const values: Record<string, string> = { "@method": parts.method, "@target-uri": parts.target, "content-digest": digest, "content-type": parts.contentType }
  const input = `(${parts.components.map((name) => `"${name}"`).join(" ")});created=${parts.created};expires=${parts.expires};nonce="${parts.nonce}";keyid="${parts.keyId}";alg="${parts.algorithm}";tag="${parts.tag}"`
  const base = [...parts.components.map((name) => `"${name}": ${values[name] ?? ""}`), `"@signature-params": ${input}`].join("\n")
  const signature = sign(null, Buffer.from(base), key.privateKey).toString("base64")
  return { "content-type": parts.contentType, "content-digest": digest, "signature-input": `${parts.label}=${input}`, "signature": `${parts.label}=:${signature}:` }
}
