/**
 * A publisher's key on disk: one line in the private form of signed notes, or that line sealed under a passphrase (packages/spec/release.md names the key, builds.md the file).
 *
 * @packageDocumentation
 */
import { base64Decode, base64Encode, formatSigningKey, isKeyName, isVouchsafeError, KEY_TYPE, parseJson, parseSigningKey, shapeReader, shellWord, type Signer, signerFromSeed, utf8Decode, utf8Encode, VouchsafeError } from "@vouchsafe/core"
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto"
import { chmodSync, closeSync, constants, fchmodSync, fstatSync, fsyncSync, openSync, readFileSync, writeFileSync } from "node:fs"

const FORMAT = "vouchsafe-key/v1"
const CIPHER = "aes-256-gcm"
const FILE_MODE = 0o600
/** Access of anybody but the owner. */
const OTHERS = 0o077
const FILE_LENGTH_MAX = 16_384
const SEED_BYTES = 32
const KEY_BYTES = 32
const SALT_BYTES = 16
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** Work of one guess: 128 MiB and about half a second. */
const SCRYPT = { N: 131_072, r: 8, p: 1 } as const
/** A file may ask for more work than ours, but not for a machine's whole memory. */
const SCRYPT_N_MAX = 1_048_576
/** scrypt needs 128 · N · r bytes; twice that is room enough. */
const SCRYPT_MEMORY_FACTOR = 256
/** A shorter passphrase is guessed. */
export const PASSPHRASE_LENGTH_MIN = 8

/** Makes a key and writes it to a file that must not be there yet. @throws VouchsafeError USAGE for a wrong name or a file that is there, DISK. */
export async function createKeyFile(path: string, name: string, passphrase: string | undefined): Promise<Signer> {
  if (!isKeyName(name)) throw new VouchsafeError("USAGE", "--name has white space, a plus or control characters, or more than 255 bytes", { hint: "take a name such as acme.example/releases" })
  if (passphrase !== undefined && passphrase.length < PASSPHRASE_LENGTH_MIN) throw new VouchsafeError("USAGE", `the passphrase has ${passphrase.length} characters, expected at least ${PASSPHRASE_LENGTH_MIN}`)
  const seed = Uint8Array.from(randomBytes(SEED_BYTES))
  const signer = signerFromSeed(name, KEY_TYPE.ed25519, seed)
  const line = `${formatSigningKey(signer.verifier, seed)}\n`
  writeNew(path, passphrase === undefined ? line : await seal(line, signer.verifier.vkey, passphrase))
  return signer
}

function writeNew(path: string, text: string): void {
  let file: number
  try {
    // Never over a key that is there: it would be lost. Never through a link that somebody laid there.
    file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, FILE_MODE)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause
    throw new VouchsafeError("USAGE", `${path} is there already, expected a new file`, { hint: "see whose it is with `vouchsafe keys show`, or choose another name", cause })
  }
  try {
    fchmodSync(file, FILE_MODE)
    // Not `writeSync`: it may write a part, and says so by its result alone.
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  chmodSync(path, FILE_MODE)
}

/** The public half of a key file, which needs no passphrase. @throws as {@link openKeyFile}. */
export function readVerifier(path: string): { readonly vkey: string; readonly sealed: boolean } {
  const text = readPrivate(path)
  if (text.startsWith("{")) return { vkey: parseSealed(text).vkey, sealed: true }
  return { vkey: parseSigningKey(text.replace(/\n$/, "")).signer.verifier.vkey, sealed: false }
}

/**
 * Opens a key file.
 * @param passphrase - asked for only where the file is sealed
 * @throws VouchsafeError STATE_UNSAFE when others can read it, VKEY_MALFORMED, USAGE for a wrong passphrase or no file. No message repeats what the file holds.
 */
export async function openKeyFile(path: string, passphrase: () => string | undefined): Promise<Signer> {
  const text = readPrivate(path)
  const line = text.startsWith("{") ? await unseal(text, passphrase()) : text
  return parseSigningKey(line.replace(/\n$/, "")).signer
}

function openPrivate(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause
    throw new VouchsafeError("USAGE", `${path} is not there, expected a key`, { hint: "name your key's file; `vouchsafe keys new FILE --name NAME` makes one", cause })
  }
}

function readPrivate(path: string): string {
  const file = openPrivate(path)
  try {
    const found = fstatSync(file)
    const isOwn = process.getuid === undefined || found.uid === process.getuid()
    // Windows has neither owners nor modes of this kind.
    const isPrivate = process.platform === "win32" || (isOwn && (found.mode & OTHERS) === 0)
    if (!found.isFile() || !isPrivate) throw new VouchsafeError("STATE_UNSAFE", `${path} is no file of yours that only you can read, expected mode 0600`, { hint: `run: chmod 600 ${shellWord(path)}, and think about whether somebody read it` })
    if (found.size > FILE_LENGTH_MAX) throw new VouchsafeError("VKEY_MALFORMED", `${path} has ${found.size} bytes, expected a key`)
    return readFileSync(file, "utf8")
  } finally {
    closeSync(file)
  }
}

interface Sealed {
  readonly vkey: string
  readonly N: number
  readonly salt: Uint8Array
  readonly nonce: Uint8Array
  readonly sealed: Uint8Array
}

async function seal(line: string, vkey: string, passphrase: string): Promise<string> {
  const [salt, nonce] = [randomBytes(SALT_BYTES), randomBytes(NONCE_BYTES)]
  const cipher = createCipheriv(CIPHER, await derive(passphrase, salt, SCRYPT.N), nonce).setAAD(utf8Encode(vkey))
  const sealed = Buffer.concat([cipher.update(utf8Encode(line)), cipher.final(), cipher.getAuthTag()])
  return `${JSON.stringify({ format: FORMAT, vkey, cipher: CIPHER, scrypt: { ...SCRYPT, salt: base64Encode(salt) }, nonce: base64Encode(nonce), sealed: base64Encode(sealed) }, null, 2)}\n`
}

async function unseal(text: string, passphrase: string | undefined): Promise<string> {
  const { vkey, N, salt, nonce, sealed } = parseSealed(text)
  if (passphrase === undefined) throw new VouchsafeError("USAGE", "the key is sealed under a passphrase, and none was given", { hint: "name a file with it (--passphrase-file), or put it into VOUCHSAFE_PASSPHRASE" })
  const decipher = createDecipheriv(CIPHER, await derive(passphrase, salt, N), nonce).setAAD(utf8Encode(vkey)).setAuthTag(sealed.subarray(-TAG_BYTES))
  let line: string
  try {
    line = utf8Decode(Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]))
  } catch {
    // OpenSSL's words say nothing that a person could use.
    throw new VouchsafeError("USAGE", "the passphrase does not open this key, or the file is damaged")
  }
  if (parseSigningKey(line.replace(/\n$/, "")).signer.verifier.vkey !== vkey) throw new VouchsafeError("VKEY_MALFORMED", "key file: the key inside is another than the one that the file names")
  return line
}

function parseSealed(text: string): Sealed {
  const read = shapeReader("VKEY_MALFORMED", "key file")
  const file = read.object(parseJson("VKEY_MALFORMED", "key file", text), "document", ["format", "vkey", "cipher", "scrypt", "nonce", "sealed"])
  read.oneOf(file["format"], "format", [FORMAT])
  read.oneOf(file["cipher"], "cipher", [CIPHER])
  const cost = read.object(file["scrypt"], "scrypt", ["N", "r", "p", "salt"])
  const N = read.integer(cost["N"], "scrypt.N", 2, SCRYPT_N_MAX)
  if (!Number.isInteger(Math.log2(N))) read.fail("scrypt.N", "a power of two", N)
  read.integer(cost["r"], "scrypt.r", SCRYPT.r, SCRYPT.r)
  read.integer(cost["p"], "scrypt.p", SCRYPT.p, SCRYPT.p)
  const bytes = (value: unknown, at: string, check: (length: number) => boolean): Uint8Array => {
    let decoded: Uint8Array
    try {
      decoded = base64Decode(read.string(value, at, FILE_LENGTH_MAX))
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
      return read.fail(at, "base64", "other text")
    }
    return check(decoded.length) ? decoded : read.fail(at, "bytes of another number", `${decoded.length} bytes`)
  }
  return {
    vkey: read.string(file["vkey"], "vkey", FILE_LENGTH_MAX), N,
    salt: bytes(cost["salt"], "scrypt.salt", (length) => length === SALT_BYTES),
    nonce: bytes(file["nonce"], "nonce", (length) => length === NONCE_BYTES),
    sealed: bytes(file["sealed"], "sealed", (length) => length > TAG_BYTES),
  }
}

function derive(passphrase: string, salt: Uint8Array, N: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize("NFC"), salt, KEY_BYTES, { ...SCRYPT, N, maxmem: SCRYPT_MEMORY_FACTOR * N * SCRYPT.r }, (error, key) => {
      if (error === null) resolve(key)
      else reject(error)
    })
  })
}
