/**
 * Package URLs (purl), and the form that npm packages take (STANDARDS §13).
 *
 * @packageDocumentation
 */
import { isWellFormed, utf8Decode, utf8Encode } from "./bytes.ts"
import { refusals, shown } from "./errors.ts"

/** Longest purl accepted, in UTF-16 units. */
export const PURL_LENGTH_MAX = 4096

/** A package URL taken apart. Absent parts are absent, never empty. */
export interface Purl {
  readonly type: string
  readonly namespace?: string
  readonly name: string
  readonly version?: string
  readonly qualifiers: Readonly<Record<string, string>>
  readonly subpath?: string
}

const TYPE = /^[a-z][a-z0-9.-]*$/
const QUALIFIER_KEY = /^[a-z][a-z0-9._-]*$/
/** Letters, digits, `.-_~` and the colon stand for themselves in the current standard; all else is percent-encoded. */
const PLAIN = /^[A-Za-z0-9._~:-]$/

const refuse = /* @__PURE__ */ refusals("PURL_MALFORMED", "purl ")

function encode(text: string): string {
  let encoded = ""
  for (const byte of utf8Encode(text)) {
    const character = String.fromCharCode(byte)
    encoded += PLAIN.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`
  }
  return encoded
}

function decode(text: string, what: string): string {
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) throw refuse(`has the ${what} ${shown(text)} with a broken percent escape`)
  const bytes = utf8Encode(text)
  const decoded: number[] = []
  for (let i = 0; i < bytes.length; i++) {
    const isEscape = bytes[i] === 0x25
    decoded.push(isEscape ? Number.parseInt(String.fromCharCode(bytes[i + 1] as number, bytes[i + 2] as number), 16) : (bytes[i] as number))
    if (isEscape) i += 2
  }
  try {
    return utf8Decode(Uint8Array.from(decoded))
  } catch (cause) {
    throw refuse(`has the ${what} ${shown(text)}, which is not UTF-8`, cause)
  }
}

/** Splits at slashes, drops empty segments, decodes each. A segment may not hide a slash. */
function decodeSegments(text: string, what: string): string[] {
  return text.split("/").filter((segment) => segment !== "").map((segment) => {
    const decoded = decode(segment, what)
    if (decoded.includes("/")) throw refuse(`has the ${what} segment ${shown(segment)} with an encoded slash`)
    return decoded
  })
}

function parseQualifiers(text: string): Record<string, string> {
  const qualifiers = new Map<string, string>()
  for (const pair of text.split("&")) {
    const equals = pair.indexOf("=")
    if (equals < 0) throw refuse(`has the qualifier ${shown(pair)}, expected key=value`)
    const key = pair.slice(0, equals).toLowerCase()
    if (!QUALIFIER_KEY.test(key)) throw refuse(`has the qualifier key ${shown(key)}, expected a letter, then letters, digits, ".", "-", "_"`)
    if (qualifiers.has(key)) throw refuse(`has the qualifier ${shown(key)} twice`)
    const value = decode(pair.slice(equals + 1), "qualifier")
    if (value !== "") qualifiers.set(key, value)
  }
  return Object.fromEntries(qualifiers)
}

/** Cuts `text` at the first or last `mark`; without it the tail is undefined. */
function cut(text: string, mark: string, from: "first" | "last"): [string, string | undefined] {
  const at = from === "first" ? text.indexOf(mark) : text.lastIndexOf(mark)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

function check(purl: Purl): Purl {
  const { type, namespace, name, version, qualifiers, subpath } = purl
  if (!TYPE.test(type)) throw refuse(`has the type ${shown(type)}, expected a letter, then letters, digits, "." or "-"`)
  if (name === "") throw refuse("has no name")
  if (name.includes("/")) throw refuse(`has the name ${shown(name)}, expected no slash`)
  for (const key of Object.keys(qualifiers)) if (!QUALIFIER_KEY.test(key)) throw refuse(`has the qualifier key ${shown(key)}`)
  for (const part of [namespace, name, version, subpath, ...Object.values(qualifiers)]) {
    if (part === undefined) continue
    if (part === "") throw refuse("has an empty part, expected it absent")
    if (!isWellFormed(part) || /\p{Cc}/u.test(part)) throw refuse(`has the part ${shown(part)}, expected no control characters`)
  }
  return purl
}

/**
 * Reads a package URL, also in spellings that are not canonical (upper-case type, superfluous slashes, npm's bare `@scope`).
 * @throws VouchsafeError PURL_MALFORMED.
 */
export function parsePurl(text: string): Purl {
  if (text.length > PURL_LENGTH_MAX) throw refuse(`has ${text.length} characters, expected at most ${PURL_LENGTH_MAX}`)
  if (!isWellFormed(text)) throw refuse("has a lone surrogate")
  const [beforeSubpath, subpathText = ""] = cut(text, "#", "last")
  const [beforeQualifiers, qualifierText] = cut(beforeSubpath, "?", "last")
  const [scheme, rest] = cut(beforeQualifiers, ":", "first")
  if (rest === undefined || scheme.toLowerCase() !== "pkg") throw refuse(`${shown(text)} does not start with "pkg:"`)
  const [typeText, path] = cut(rest.replace(/^\/+|\/+$/g, ""), "/", "first")
  if (path === undefined) throw refuse(`${shown(text)} has no type or no name, expected pkg:type/name`)
  const slash = path.lastIndexOf("/")
  const [nameText, versionText] = cut(path.slice(slash + 1), "@", "last")
  const namespaceText = path.slice(0, Math.max(slash, 0))
  // A bare "@" separates the version, except at the start of an npm scope.
  if (nameText.includes("@") || namespaceText.replace(/^\/*@/, "").includes("@")) throw refuse(`${shown(text)} has more than one "@"`)
  if (namespaceText.includes("@") && typeText.toLowerCase() !== "npm") throw refuse(`${shown(text)} has an "@" in its namespace`)
  const namespace = decodeSegments(namespaceText, "namespace").join("/")
  const subpath = decodeSegments(subpathText, "subpath").filter((segment) => segment !== "." && segment !== "..").join("/")
  const version = versionText === undefined ? "" : decode(versionText, "version")
  return check({
    type: typeText.toLowerCase(),
    ...(namespace === "" ? {} : { namespace }),
    name: decode(nameText, "name"),
    ...(version === "" ? {} : { version }),
    qualifiers: qualifierText === undefined ? {} : parseQualifiers(qualifierText),
    ...(subpath === "" ? {} : { subpath }),
  })
}

/**
 * Writes a package URL in its canonical form.
 * @throws VouchsafeError PURL_MALFORMED for parts that make none.
 */
export function formatPurl(purl: Omit<Purl, "qualifiers"> & { readonly qualifiers?: Readonly<Record<string, string>> }): string {
  const { type, namespace, name, version, qualifiers, subpath } = check({ ...purl, qualifiers: purl.qualifiers ?? {} })
  const path = [type, ...(namespace ?? "").split("/").filter((segment) => segment !== ""), name]
  const pairs = Object.keys(qualifiers).sort().map((key) => `${key}=${encode(qualifiers[key] as string)}`)
  return `pkg:${path.map(encode).join("/")}` +
    (version === undefined ? "" : `@${encode(version)}`) +
    (pairs.length === 0 ? "" : `?${pairs.join("&")}`) +
    (subpath === undefined ? "" : `#${subpath.split("/").map(encode).join("/")}`)
}

const SCOPED = /^(@[^/@]+)\/([^/@]+)$/

/**
 * The canonical purl of an npm package version.
 * @throws VouchsafeError PURL_MALFORMED for a name that is neither `name` nor `@scope/name`.
 */
export function npmPurl(name: string, version: string, more: { readonly repositoryUrl?: string } = {}): string {
  const [, scope, bare] = SCOPED.exec(name) ?? []
  if (bare === undefined && /[/@]/.test(name)) throw refuse(`cannot be made for the package name ${shown(name)}`)
  return formatPurl({
    type: "npm",
    ...(scope === undefined ? {} : { namespace: scope }),
    name: bare ?? name,
    version,
    ...(more.repositoryUrl === undefined ? {} : { qualifiers: { repository_url: more.repositoryUrl } }),
  })
}

/** Most npm purls as they are written: nothing in them to escape but the scope's "@" and a version's "+". */
const PLAIN_NPM = /^pkg:npm\/(?:%40[A-Za-z0-9._~-]+\/)?[A-Za-z0-9._~-]+@[A-Za-z0-9._~-]+(?:%2B[A-Za-z0-9._~-]+)?$/

/**
 * The one spelling of an npm package version's purl, from whatever spelling; as `npmPurl` of {@link npmNameOf}, quicker where nothing is to be done.
 * @throws VouchsafeError PURL_MALFORMED.
 */
export function spellNpmPurl(text: string): string {
  if (text.length <= PURL_LENGTH_MAX && PLAIN_NPM.test(text)) return text
  const { name, version } = npmNameOf(text)
  return npmPurl(name, version)
}

/** An npm package version. `name` includes the scope. */
export interface NpmName { readonly name: string; readonly version: string }

/**
 * Reads the purl of an npm package version in the default registry. Qualifiers are refused: dropping `repository_url` would turn
 * a private package into the public one of the same name.
 * @throws VouchsafeError PURL_MALFORMED.
 */
export function npmNameOf(text: string): NpmName {
  const { type, namespace, name, version, qualifiers, subpath } = parsePurl(text)
  if (type !== "npm") throw refuse(`${shown(text)} has the type ${shown(type)}, expected npm`)
  if (version === undefined) throw refuse(`${shown(text)} has no version`)
  if (Object.keys(qualifiers).length > 0 || subpath !== undefined) throw refuse(`${shown(text)} has qualifiers or a subpath, expected neither`)
  const fullName = namespace === undefined ? name : `${namespace}/${name}`
  if (namespace === undefined ? /[/@]/.test(name) : !SCOPED.test(fullName)) throw refuse(`${shown(text)} names no npm package`)
  return { name: fullName, version }
}
