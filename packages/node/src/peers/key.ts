/**
 * The key of a node's peer: `<data>/keys/peer.key`, mode 0600, in the private form of signed notes.
 *
 * It names the node on the overlay and signs nothing else, so that it is in no backup: a restored node gets a new name, bound by the same log key.
 *
 * @packageDocumentation
 */
import { type Bytes, formatSigningKey, isVouchsafeError, KEY_TYPE, parseSigningKey, signerFromSeed, VouchsafeError } from "@vouchsafe/core"
import { randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import { readPrivateFile, writeFileWhole } from "../state/folder.ts"

const SEED_BYTES = 32
const KEY_MODE = 0o600

/**
 * Loads a peer's key, making it where there is none.
 * @param name - what the key is called, `<node name>/peer`
 * @throws VouchsafeError STATE_UNSAFE when the file is readable by others, damaged, or another operator's. The message never repeats what it holds.
 */
export function loadOrCreatePeerKey(path: string, name: string): Bytes {
  if (!existsSync(path)) {
    const seed = randomBytes(SEED_BYTES)
    writeFileWhole(path, `${formatSigningKey(signerFromSeed(name, KEY_TYPE.ed25519, seed).verifier, seed)}\n`, KEY_MODE)
  }
  const { signer, seed } = parseKey(path, readPrivateFile(path).replace(/\n$/, ""))
  if (signer.verifier.name !== name || signer.verifier.type !== KEY_TYPE.ed25519) {
    throw new VouchsafeError("STATE_UNSAFE", `${path} holds the key ${signer.verifier.name}, expected ${name}`, { details: { path }, hint: "remove it, and the next start makes a new one" })
  }
  return seed
}

function parseKey(path: string, text: string): ReturnType<typeof parseSigningKey> {
  try {
    return parseSigningKey(text)
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    // The cause is left out on purpose, as wherever secrets are read.
    throw new VouchsafeError("STATE_UNSAFE", `${path}: ${error.message}`, { details: { path }, hint: "remove it, and the next start makes a new one" })
  }
}
