/**
 * Who may ask for builds, or for what an admin may: holders of a bearer token (THREATS, row "resource exhaustion").
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import { createHash, timingSafeEqual } from "node:crypto"
import { readPrivateFile } from "../state/folder.ts"

/** Who holds a token, as limits are kept. */
export interface Tokens {
  /** The holder of the token in an `Authorization` header; undefined when there is none, or it is nobody's. */
  holderOf(authorization: string): string | undefined
  /** The secrets themselves, for the logger to leave out. */
  readonly secrets: readonly string[]
}

const TOKENS_MAX = 100
const TOKEN = /^[A-Za-z0-9._~+/=-]{16,512}$/
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/

/**
 * Reads a token file: a line each, `token` or `name token`. Empty lines and lines that start with `#` are left out.
 * @throws VouchsafeError STATE_UNSAFE when others can read it, CONFIG_MALFORMED for what is no token; the message never repeats one.
 */
export function readTokens(path: string, what = "build token file"): Tokens {
  const malformed = (why: string, cause?: unknown): VouchsafeError => new VouchsafeError("CONFIG_MALFORMED", `${what} ${path} ${why}`, { cause })
  const lines = readText(path, malformed).split("\n").map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"))
  if (lines.length === 0 || lines.length > TOKENS_MAX) throw malformed(`has ${lines.length} tokens, expected 1 to ${TOKENS_MAX}`)
  const holders = lines.map((line, i) => {
    const words = line.split(/\s+/)
    const token = words[words.length - 1] ?? ""
    const name = words.length === 1 ? `token-${i + 1}` : words[0] ?? ""
    if (words.length > 2 || !TOKEN.test(token) || !NAME.test(name)) {
      throw malformed(`token ${i + 1} is unreadable, expected "token" or "name token" with a token of 16 to 512 letters, digits and ._~+/=-`)
    }
    return { name, token, digest: digestOf(token) }
  })
  if (new Set(holders.map(({ name }) => name)).size !== holders.length) throw malformed("names one holder twice, expected a name each")
  return {
    secrets: holders.map(({ token }) => token),
    holderOf(authorization) {
      const [, token] = /^Bearer +([^\s]+)$/i.exec(authorization) ?? []
      if (token === undefined) return undefined
      const digest = digestOf(token)
      // Each one is compared, and by digest, so that neither time nor length tells how much of a guess is right.
      const [found] = holders.filter((holder) => timingSafeEqual(holder.digest, digest))
      return found?.name
    },
  }
}

function readText(path: string, malformed: (why: string, cause?: unknown) => VouchsafeError): string {
  try {
    return readPrivateFile(path)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).syscall === undefined) throw cause
    throw malformed("cannot be read", cause)
  }
}

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest()
}
