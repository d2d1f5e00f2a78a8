/**
 * The allowed_signers file of ssh-keygen(1): which keys sign for whom, for what, and when.
 *
 * Read as ssh-keygen reads it: a line that does not parse is passed over, and never matches. `problems` names those lines,
 * because a person who wrote one believes that it counts. Lines with `cert-authority` never match either: certificates are
 * not judged here. Where this is stricter than ssh-keygen is said in {@link parseSshTime} and {@link parseSshPublicKey}.
 *
 * @packageDocumentation
 */
import { shown } from "@vouchsafe/core"
import { matchesPatternList } from "./ssh-pattern.ts"
import { parseSshPublicKeyText, sameSshKey, type SshPublicKey } from "./ssh-key.ts"
import { parseSshTime } from "./ssh-time.ts"
import { SshRefusal } from "./ssh-wire.ts"

/** Characters of the text. */
export const ALLOWED_SIGNERS_LENGTH_MAX = 1024 * 1024
/** Lines of the text, comments included. */
export const ALLOWED_SIGNERS_LINES_MAX = 10_000

/** One line that counts. */
export interface AllowedSigner {
  /** Counted from 1. */
  readonly line: number
  /** Pattern list, as it stands. */
  readonly principals: string
  readonly key: SshPublicKey
  /** Pattern list of namespaces; undefined: all. */
  readonly namespaces: string | undefined
  /** Seconds since 1970; the first at which the key counts. */
  readonly validAfter: number | undefined
  /** Seconds since 1970; the last at which the key counts. */
  readonly validBefore: number | undefined
}

/** What was read. */
export interface AllowedSigners {
  readonly signers: readonly AllowedSigner[]
  /** Lines that never match, with the reason. */
  readonly problems: readonly { readonly line: number; readonly reason: string }[]
}

/** Reads the text of an allowed_signers file. Never throws: what cannot be read does not count. */
export function parseAllowedSigners(text: string): AllowedSigners {
  if (text.length > ALLOWED_SIGNERS_LENGTH_MAX) return refusedWhole(`the text has ${text.length} characters, expected at most ${ALLOWED_SIGNERS_LENGTH_MAX}`)
  const lines = text.split("\n")
  if (lines.length > ALLOWED_SIGNERS_LINES_MAX) return refusedWhole(`the text has ${lines.length} lines, expected at most ${ALLOWED_SIGNERS_LINES_MAX}`)
  const signers: AllowedSigner[] = []
  const problems: { line: number; reason: string }[] = []
  lines.forEach((content, index) => {
    try {
      const signer = parseLine(content.replace(/^[ \t\r]+/, ""), index + 1)
      if (signer !== undefined) signers.push(signer)
    } catch (error) {
      if (!(error instanceof SshRefusal)) throw error
      problems.push({ line: index + 1, reason: error.message })
    }
  })
  return { signers, problems }
}

function refusedWhole(reason: string): AllowedSigners {
  return { signers: [], problems: [{ line: 0, reason }] }
}

function parseLine(content: string, line: number): AllowedSigner | undefined {
  if (content === "" || content.startsWith("#")) return undefined
  const { principals, rest } = splitPrincipals(content)
  const bare = parseKey(rest)
  if (bare !== undefined) return { line, principals, key: bare, namespaces: undefined, validAfter: undefined, validBefore: undefined }
  const end = endOfOptions(rest)
  const options = parseOptions(rest.slice(0, end))
  const [type = "", base64 = ""] = rest.slice(end).replace(/^[ \t]+/, "").split(/[ \t\r]+/)
  return { line, principals, key: parseSshPublicKeyText(type, base64), ...options }
}

function splitPrincipals(content: string): { principals: string; rest: string } {
  const match = /^(?:"([^"]*)"|([^ \t\r"]+)(?=[ \t\r]))[ \t\r]*(.*)$/.exec(content)
  const principals = match?.[1] ?? match?.[2] ?? ""
  if (match === null || principals === "") throw malformed("the line does not start with principals and a key")
  return { principals, rest: match[3] ?? "" }
}

/** The key, where no options stand before it. */
function parseKey(rest: string): SshPublicKey | undefined {
  const [type = "", base64] = rest.split(/[ \t\r]+/)
  if (base64 === undefined || /[",=]/.test(type) || /^cert-authority$/i.test(type)) return undefined
  return parseSshPublicKeyText(type, base64)
}

/** Options end at the first blank outside of quotes. */
function endOfOptions(text: string): number {
  let quoted = false
  let at = 0
  for (; at < text.length; at++) {
    if (text[at] === "\\" && text[at + 1] === '"') at++
    else if (text[at] === '"') quoted = !quoted
    else if (!quoted && (text[at] === " " || text[at] === "\t")) break
  }
  if (quoted) throw malformed("a quote in the options is not closed")
  return at
}

type Options = Pick<AllowedSigner, "namespaces" | "validAfter" | "validBefore">

const OPTION = /^([a-z-]+)(?:="((?:\\"|[^"])*)")?(,|$)/i

function parseOptions(text: string): Options {
  const found = new Map<string, string>()
  let left = text
  while (left !== "" || found.size === 0) {
    const match = OPTION.exec(left)
    const name = match?.[1]?.toLowerCase() ?? ""
    if (match === null) throw malformed(`the options at ${shown(left)} do not parse, expected name="value" with commas between`)
    if (found.has(name)) throw malformed(`the option ${shown(name)} is there twice`)
    checkOption(name, match[2])
    found.set(name, (match[2] ?? "").replace(/\\"/g, '"'))
    left = left.slice(match[0].length)
    if (match[3] === "," && left === "") throw malformed("the options end in a comma")
  }
  if (found.has("cert-authority")) throw new SshRefusal("SSH_UNSUPPORTED", "cert-authority: certificates are not judged here, so this line never matches")
  const validAfter = timeOf(found, "valid-after")
  const validBefore = timeOf(found, "valid-before")
  if (validAfter !== undefined && validBefore !== undefined && validBefore <= validAfter) throw malformed("valid-before is not later than valid-after")
  return { namespaces: found.get("namespaces"), validAfter, validBefore }
}

function checkOption(name: string, value: string | undefined): void {
  if (name === "cert-authority" && value === undefined) return
  if ((name === "namespaces" || name === "valid-after" || name === "valid-before") && value !== undefined) return
  throw malformed(`the option ${shown(name)} is unknown or lacks its value`)
}

function timeOf(found: ReadonlyMap<string, string>, name: string): number | undefined {
  const text = found.get(name)
  if (text === undefined) return undefined
  const time = parseSshTime(text)
  if (time === undefined) throw malformed(`${name} is ${shown(text)}, expected YYYYMMDD[HHMM[SS]][Z]`)
  return time
}

/** Why a key is nobody's that counts, or whose it is. */
export type SignerFound =
  | { readonly ok: true; readonly signer: string; readonly line: number }
  | { readonly ok: false; readonly detail: string }

/** What is asked of a list. */
export interface SignerQuestion {
  readonly key: SshPublicKey
  readonly namespace: string
  /** Seconds since 1970 at which the signature was made. */
  readonly time: number
  /** The principal that must be meant; undefined: any, as git asks. */
  readonly identity?: string | undefined
}

/**
 * Finds who signs with a key, in the order of the lines.
 *
 * Without an identity the signer is the first of the line's principals that the line itself matches: what
 * `ssh-keygen -Y find-principals` prints and git then shows.
 */
export function findSigner({ signers }: AllowedSigners, question: SignerQuestion): SignerFound {
  const lines = signers.filter(({ key }) => sameSshKey(key, question.key))
  if (lines.length === 0) return { ok: false, detail: `no allowed signer has the key ${question.key.fingerprint}` }
  const reasons: string[] = []
  for (const candidate of lines) {
    const reason = reasonAgainst(candidate, question)
    const names = question.identity === undefined ? candidate.principals.split(",") : [question.identity]
    const signer = names.find((name) => name !== "" && matchesPatternList(bytesOf(name), bytesOf(candidate.principals)))
    if (reason === undefined && signer !== undefined) return { ok: true, signer, line: candidate.line }
    reasons.push(`line ${candidate.line} ${reason ?? "is for other principals"}`)
  }
  return { ok: false, detail: `the key ${question.key.fingerprint} does not count: ${reasons.slice(0, 3).join("; ")}` }
}

function reasonAgainst(signer: AllowedSigner, { namespace, time }: SignerQuestion): string | undefined {
  if (signer.namespaces !== undefined && !matchesPatternList(namespace, signer.namespaces)) return `is for the namespaces ${shown(signer.namespaces)}`
  if (signer.validAfter !== undefined && time < signer.validAfter) return "is valid later only"
  if (signer.validBefore !== undefined && time > signer.validBefore) return "was valid earlier only"
  return undefined
}

/** `?` matches one byte, as in OpenSSH: one character of this string is one byte of UTF-8. */
function bytesOf(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1")
}

function malformed(message: string): SshRefusal {
  return new SshRefusal("SSH_MALFORMED", message)
}
