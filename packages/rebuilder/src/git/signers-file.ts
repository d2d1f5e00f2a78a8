/**
 * A file of allowed signers as a person hands it over: an allowed_signers file of ssh-keygen(1), armored OpenPGP public keys, or both.
 *
 * Rebuilds pass over a line that does not parse, as git does. Whoever names a file is told instead, before anything is built:
 * a line that never counts would make signed commits look unsigned.
 *
 * @packageDocumentation
 */
import { ALLOWED_SIGNERS_LENGTH_MAX, ALLOWED_SIGNERS_LINES_MAX, parseAllowedSigners } from "./allowed-signers.ts"
import { PUBLIC_KEY_BLOCK } from "./openpgp.ts"

/** OpenPGP public keys of one file. */
export const OPENPGP_KEYS_MAX = 100
/** Number of the packet that a public key starts with (RFC 9580, 5). */
const PUBLIC_KEY_PACKET = 6
const CRC24_INIT = 0xb704ce
const CRC24_POLYNOMIAL = 0x1864cfb

/** What never counts in a file of signers. */
export interface SignersProblem {
  /** Counted from 1; 0: the file as a whole. */
  readonly line: number
  readonly reason: string
}

/** Every reason why a text is no file of allowed signers, in the order of the lines. Empty: all of it counts. */
export function problemsOfSigners(text: string): readonly SignersProblem[] {
  if (text.length > ALLOWED_SIGNERS_LENGTH_MAX) return [whole(`it has ${text.length} characters, expected at most ${ALLOWED_SIGNERS_LENGTH_MAX}`)]
  const lines = text.split("\n")
  if (lines.length > ALLOWED_SIGNERS_LINES_MAX) return [whole(`it has ${lines.length} lines, expected at most ${ALLOWED_SIGNERS_LINES_MAX}`)]
  const problems: SignersProblem[] = []
  let keys = 0
  // Blocks leave their line ends, so that the lines below keep their numbers.
  const ssh = text.replace(PUBLIC_KEY_BLOCK, (block, at: number) => {
    keys += 1
    const reason = keys > OPENPGP_KEYS_MAX ? `more than ${OPENPGP_KEYS_MAX} OpenPGP keys` : reasonAgainstBlock(block)
    if (reason !== undefined) problems.push({ line: text.slice(0, at).split("\n").length, reason })
    return block.replace(/[^\n]/g, "")
  })
  const { signers, problems: ofLines } = parseAllowedSigners(ssh)
  for (const problem of ofLines) {
    // What follows an opened block is of that block.
    const begin = ssh.split("\n")[problem.line - 1] ?? ""
    if (begin.startsWith("-----")) return sorted([...problems, { line: problem.line, reason: reasonAgainstBegin(begin) }])
    problems.push(problem)
  }
  if (keys === 0 && signers.length === 0 && problems.length === 0) return [whole("it names no key")]
  return sorted(problems)
}

function whole(reason: string): SignersProblem {
  return { line: 0, reason }
}

function sorted(problems: readonly SignersProblem[]): readonly SignersProblem[] {
  return [...problems].sort((a, b) => a.line - b.line)
}

function reasonAgainstBegin(begin: string): string {
  if (/PRIVATE KEY/.test(begin)) return "a private key stands here, expected public keys"
  return "what begins here is no whole block of an OpenPGP public key"
}

/** Armor of RFC 9580, 6.2: headers, an empty line, base64, perhaps a checksum. */
function reasonAgainstBlock(block: string): string | undefined {
  const lines = block.split("\n").map((line) => line.trimEnd()).slice(1, -1)
  const empty = lines.indexOf("")
  if (empty < 0 || !lines.slice(0, empty).every((line) => /^[A-Za-z]+: /.test(line))) return "the OpenPGP key has no empty line before its data"
  const body = lines.slice(empty + 1).filter((line) => line !== "")
  const checksum = body.at(-1)?.startsWith("=") === true ? body.pop() : undefined
  const base64 = body.join("")
  const bytes = Buffer.from(base64, "base64")
  if (bytes.length === 0 || bytes.toString("base64") !== base64) return "the OpenPGP key is no base64"
  if (checksum !== undefined && checksum !== `=${checksumOf(bytes)}`) return "the OpenPGP key does not have its checksum"
  const [first = 0] = bytes
  const packet = (first & 0x40) === 0 ? (first >> 2) & 0xf : first & 0x3f
  return (first & 0x80) === 0 || packet !== PUBLIC_KEY_PACKET ? "the block holds something else than an OpenPGP public key" : undefined
}

/** CRC-24 in base64. */
function checksumOf(bytes: Uint8Array): string {
  let crc = CRC24_INIT
  for (const byte of bytes) {
    crc ^= byte << 16
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x800000) === 0 ? crc << 1 : (crc << 1) ^ CRC24_POLYNOMIAL
  }
  return Buffer.from([crc >> 16, crc >> 8, crc].map((part) => part & 0xff)).toString("base64")
}
