/**
 * The SSH wire encoding (RFC 4251 §5), as far as public keys and signatures need it, read strictly: every length must be
 * met, every number has one spelling, nothing may follow the end.
 *
 * @packageDocumentation
 */
import { concatBytes, type Bytes } from "@vouchsafe/core"

/** Why foreign bytes were not taken. Thrown inside this folder only; callers of the folder get refusals as values. */
export class SshRefusal extends Error {
  override readonly name = "SshRefusal"
  readonly code: SshRefusalCode

  constructor(code: SshRefusalCode, message: string) {
    super(message)
    this.code = code
  }
}

/**
 * - `SSH_MALFORMED`: the bytes are no key or no signature.
 * - `SSH_UNSUPPORTED`: they may be, of a kind that is not judged here (certificates, DSA, a later version).
 * - `SSH_WEAK`: the key or the hash is too short to mean anything.
 * - `SSH_NAMESPACE`: a signature made for another purpose.
 * - `SSH_INVALID`: the signature is not one of this key over these bytes.
 */
export type SshRefusalCode = "SSH_MALFORMED" | "SSH_UNSUPPORTED" | "SSH_WEAK" | "SSH_NAMESPACE" | "SSH_INVALID"

/** Bits of the largest number that a key may hold; OpenSSH's own limit. */
export const SSH_NUMBER_BITS_MAX = 16_384

const LENGTH_BYTES = 4
const ASCII_PRINTABLE = /^[\x21-\x7e]*$/

/** Reads one blob from front to back. */
export interface SshReader {
  /** Raw bytes, for what has a length of its own. */
  take(length: number, what: string): Bytes
  uint32(what: string): number
  byte(what: string): number
  string(what: string): Bytes
  /** A string of printable ASCII: names of algorithms, curves and namespaces. */
  name(what: string): string
  /** A positive number in its one spelling, big endian without leading zeros. */
  number(what: string): Bytes
  /** @throws SshRefusal when bytes are left. */
  end(what: string): void
}

/** Starts reading `bytes`. Every method throws {@link SshRefusal} `SSH_MALFORMED`. */
export function sshReader(bytes: Bytes): SshReader {
  let at = 0
  const malformed = (message: string): SshRefusal => new SshRefusal("SSH_MALFORMED", message)
  const take = (length: number, what: string): Bytes => {
    if (length > bytes.length - at) throw malformed(`${what} wants ${length} bytes, found ${bytes.length - at}`)
    at += length
    return bytes.subarray(at - length, at)
  }
  const uint32 = (what: string): number => {
    const four = take(LENGTH_BYTES, what)
    return new DataView(four.buffer, four.byteOffset, LENGTH_BYTES).getUint32(0)
  }
  const string = (what: string): Bytes => take(uint32(`the length of ${what}`), what)
  return {
    take,
    uint32,
    string,
    byte: (what) => take(1, what)[0] as number,
    name: (what) => {
      const text = Buffer.from(string(what)).toString("latin1")
      if (!ASCII_PRINTABLE.test(text)) throw malformed(`${what} has characters outside of printable ASCII`)
      return text
    },
    number: (what) => readNumber(string(what), what),
    end: (what) => {
      if (at !== bytes.length) throw malformed(`${what} has ${bytes.length - at} bytes after its end`)
    },
  }
}

function readNumber(bytes: Bytes, what: string): Bytes {
  const [first = 0, second = 0] = bytes
  const malformed = (why: string): SshRefusal => new SshRefusal("SSH_MALFORMED", `${what} ${why}`)
  if (bytes.length === 0) throw malformed("is zero, expected a positive number")
  if (first >= 0x80) throw malformed("is negative, expected a positive number")
  if (first === 0 && second < 0x80) throw malformed("has leading zeros, expected the shortest spelling")
  const digits = first === 0 ? bytes.subarray(1) : bytes
  if (digits.length * 8 > SSH_NUMBER_BITS_MAX) throw malformed(`has ${digits.length * 8} bits, expected at most ${SSH_NUMBER_BITS_MAX}`)
  return digits
}

/** Writes an SSH string: its length in four bytes, then the bytes. */
export function sshString(value: Bytes | string): Bytes {
  const bytes = typeof value === "string" ? Buffer.from(value, "utf8") : value
  const length = new Uint8Array(LENGTH_BYTES)
  new DataView(length.buffer).setUint32(0, bytes.length)
  return concatBytes(length, bytes)
}
