/**
 * The node's keys: one Ed25519 key a role, in the private form of signed notes (STANDARDS §2).
 *
 * @packageDocumentation
 */
import { base64Decode, base64Encode, type Bytes, concatBytes, isVouchsafeError, KEY_TYPE, type Signer, type VerifierKey, verifierKeyOf, VouchsafeError } from "@vouchsafe/core"
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign } from "node:crypto"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { ensurePrivateFolder, readPrivateFile, writeFileWhole } from "./folder.ts"

/** What a node signs. `export` makes DSSE envelopes; no quorum counts it. */
export const ROLES = ["log", "notices", "witness", "export"] as const
export type Role = (typeof ROLES)[number]

/** The signers of one node. */
export type NodeKeys = Readonly<Record<Role, Signer>>

const TYPE_OF_ROLE: Readonly<Record<Role, number>> = {
  log: KEY_TYPE.ed25519,
  notices: KEY_TYPE.ed25519,
  witness: KEY_TYPE.cosignatureEd25519,
  export: KEY_TYPE.ed25519,
}

const OPERATOR_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/
const NAME_SUFFIX = ".vouchsafe.local"
const LOG_KEY_NAME = /^([a-z0-9][a-z0-9-]{0,62})\.vouchsafe\.local\/log(?:\/([2-9]|[1-9][0-9]))?$/
const PRIVATE_PREFIX = "PRIVATE+KEY+"
const SEED_BYTES = 32
/** DER of a PKCS #8 Ed25519 key up to its seed, and of an SPKI up to its point. */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex")

/** @throws VouchsafeError CONFIG_MALFORMED. */
export function checkOperatorName(operator: string): string {
  if (OPERATOR_NAME.test(operator)) return operator
  throw new VouchsafeError("CONFIG_MALFORMED", "the operator's name must be lower-case letters, digits and hyphens, at most 63, not starting with a hyphen")
}

/** The schema-less name under which a node's keys and logs appear. */
export function nodeNameOf(operator: string): string {
  return `${operator}${NAME_SUFFIX}`
}

/** Whose keys a data folder holds, and which generation of them: 1 until they were first handed over. */
export interface KeyOwner {
  readonly operator: string
  readonly generation: number
}

/** What the keys in a data folder are named after, or undefined where there are none yet. */
export function ownerOfKeys(data: string): KeyOwner | undefined {
  const path = keyPath(data, "log")
  if (!existsSync(path)) return undefined
  const { name } = parsePrivateKey(readPrivateFile(path)).verifier
  const match = LOG_KEY_NAME.exec(name)
  if (match === null) throw new VouchsafeError("STATE_UNSAFE", `${path} holds a key named ${name}, expected <operator>${NAME_SUFFIX}/log`)
  return { operator: match[1] as string, generation: Number(match[2] ?? 1) }
}

/** The operator whom the keys in a data folder name, or undefined where there are none yet. */
export function operatorOfKeys(data: string): string | undefined {
  return ownerOfKeys(data)?.operator
}

/**
 * Loads a node's keys, making the ones that do not exist yet.
 *
 * @param generation - of keys that are made; those that are there say their own
 * @throws VouchsafeError STATE_UNSAFE when a key file is readable by others, damaged, another operator's or of another generation.
 */
export function loadOrCreateKeys(data: string, operator: string, generation = 1): NodeKeys {
  ensurePrivateFolder(data)
  ensurePrivateFolder(join(data, "keys"))
  const own = ownerOfKeys(data)?.generation ?? generation
  const ending = own === 1 ? "" : `/${own}`
  const load = (role: Role): Signer => loadOrCreateKey(keyPath(data, role), `${nodeNameOf(operator)}/${role}${ending}`, TYPE_OF_ROLE[role])
  return { log: load("log"), notices: load("notices"), witness: load("witness"), export: load("export") }
}

function keyPath(data: string, role: Role): string {
  return join(data, "keys", `${role}.key`)
}

function loadOrCreateKey(path: string, name: string, type: number): Signer {
  if (!existsSync(path)) writeFileWhole(path, `${formatPrivateKey(name, type, randomBytes(SEED_BYTES))}\n`, 0o600)
  const signer = parsePrivateKey(readPrivateFile(path))
  if (signer.verifier.name !== name || signer.verifier.type !== type) {
    throw new VouchsafeError("STATE_UNSAFE", `${path} holds the key ${signer.verifier.name}, expected ${name}`, {
      details: { path },
      hint: "a data folder belongs to one operator for ever; give another operator its own --data",
    })
  }
  return signer
}

/** Writes the private form `PRIVATE+KEY+name+keyid+base64(type || seed)`. */
export function formatPrivateKey(name: string, type: number, seed: Bytes): string {
  const { keyId } = signerOf(name, type, seed).verifier
  return `${PRIVATE_PREFIX}${name}+${keyId}+${base64Encode(concatBytes(Uint8Array.of(type), seed))}`
}

/**
 * Reads the private form, recomputing the key ID. The error never repeats what the file holds.
 * @throws VouchsafeError STATE_UNSAFE.
 */
export function parsePrivateKey(text: string): Signer {
  const refuse = (why: string): VouchsafeError => new VouchsafeError("STATE_UNSAFE", `private key: ${why}`)
  const line = text.endsWith("\n") ? text.slice(0, -1) : text
  const match = /^PRIVATE\+KEY\+([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(line)
  if (match === null) throw refuse(`not of the form ${PRIVATE_PREFIX}name+keyid+base64`)
  const [, name = "", keyId = "", encoded = ""] = match
  let bytes: Bytes
  try {
    bytes = base64Decode(encoded)
  } catch (error) {
    if (isVouchsafeError(error)) throw refuse("its key part is not base64")
    throw error
  }
  if (bytes.length !== 1 + SEED_BYTES) throw refuse(`its key part has ${bytes.length} bytes, expected ${1 + SEED_BYTES}`)
  const signer = signerOf(name, bytes[0] as number, bytes.subarray(1))
  if (signer.verifier.keyId !== keyId) throw refuse(`its key ID is ${keyId}, expected ${signer.verifier.keyId} (computed from the key)`)
  return signer
}

function signerOf(name: string, type: number, seed: Bytes): Signer {
  const key: KeyObject = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: "der", type: "pkcs8" })
  const spki = createPublicKey(key).export({ format: "der", type: "spki" })
  const verifier: VerifierKey = verifierKeyOf(name, type, Uint8Array.from(spki.subarray(-32)))
  return { verifier, sign: (message) => Uint8Array.from(sign(null, message, key)) }
}
