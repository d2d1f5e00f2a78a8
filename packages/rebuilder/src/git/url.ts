/**
 * Which repositories are cloned: URLs as people and package.json files write them, and the one form that git is given.
 *
 * git reads more into an URL than an address (`ext::` runs programs, `-u` is an option, a name in front of a colon is a
 * host to log in at), so nothing reaches it that is not exactly `scheme://host[:port]/path` of a few plain characters.
 *
 * @packageDocumentation
 */
import { shown } from "@vouchsafe/core"

/** What git may speak. `http` and `file` are for tests and for networks of one's own. */
export type GitProtocol = "https" | "http" | "file"

/** Characters of an URL or a directory. */
const TEXT_LENGTH_MAX = 2048
/** Hosts that npm's shorthands name. */
const SHORTHAND_HOSTS: Readonly<Record<string, string>> = { github: "github.com", gitlab: "gitlab.com", bitbucket: "bitbucket.org", gist: "gist.github.com" }
/** What people write instead of a repository. */
const PLACEHOLDER = /^(?:unknown|none|n\/?a|null|undefined|todo|placeholder|-+|\.+)$/i
const PLAIN_PATH = /^\/[A-Za-z0-9._~/@+:-]*[A-Za-z0-9._~@+-]$/
const HOST = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$|^\[[0-9a-f:.]+\]$/

/** A repository that may be cloned, with the package's folder in it, or why there is none. */
export type NormalisedRepository =
  | { readonly ok: true; readonly url: string; readonly directory: string }
  | { readonly ok: false; readonly reason: string }

/**
 * Reads the `repository` member of a package.json, or a repository as people write it.
 *
 * `git:`, `ssh:`, `git+https:`, `git@host:owner/name`, `github:owner/name` and `owner/name` all become https, which is what
 * is cloned; a browser's address of a folder (`/tree/<branch>/<folder>`) becomes repository and directory.
 *
 * @param protocols - kept as they are where they are named here; http becomes https otherwise
 */
export function normaliseRepository(field: unknown, protocols: readonly GitProtocol[] = ["https"]): NormalisedRepository {
  const isObject = typeof field === "object" && field !== null && !Array.isArray(field)
  const { url: inner, directory: folder } = isObject ? field as { url?: unknown; directory?: unknown } : { url: field, directory: undefined }
  if (typeof inner !== "string") return refused(`the repository is ${inner === undefined || inner === null ? "not given" : `of the type ${typeof inner}`}, expected a text`)
  if (inner.length > TEXT_LENGTH_MAX) return refused(`the repository has ${inner.length} characters, expected at most ${TEXT_LENGTH_MAX}`)
  const text = inner.trim()
  if (text === "" || PLACEHOLDER.test(text)) return refused(`the repository is ${shown(text)}, which names none`)
  const absolute = absoluteOf(text)
  if (absolute === undefined) return refused(`the repository ${shown(text)} is no address of a known form`)
  const parsed = parseAddress(absolute, protocols)
  if (!parsed.ok) return parsed
  const directory = folder === undefined || folder === null ? parsed.directory : normaliseDirectory(folder)
  if (directory === undefined) return refused(`the directory ${typeof folder === "string" ? shown(folder) : "given"} is no folder inside of the repository`)
  return { ok: true, url: parsed.url, directory }
}

/**
 * A folder inside of a repository, without `./`, doubled slashes and slashes at the ends; undefined where it is none.
 * A slash in front, which some packages write, means the repository's root.
 */
export function normaliseDirectory(folder: unknown): string | undefined {
  if (typeof folder !== "string" || folder.length > TEXT_LENGTH_MAX) return undefined
  const parts = folder.trim().split("/").filter((part) => part !== "" && part !== ".")
  const wrong = parts.some((part) => part === ".." || part.toLowerCase() === ".git" || part.startsWith("-") || /[\\:\p{Cc}\p{Cf}\p{Cs}]/u.test(part))
  return wrong ? undefined : parts.join("/")
}

/** Shorthands and scp-like forms become URLs; URLs stay. */
function absoluteOf(text: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return text
  const scp = /^(?:git|ssh)@([^:/@\s]+):(?!\d+\/)([^:@\s]+)$/i.exec(text)
  if (scp !== null) return `ssh://git@${scp[1]}/${scp[2]}`
  const named = /^(github|gitlab|bitbucket|gist):([\w.-]+(?:\/[\w.-]+)*)(#.*)?$/i.exec(text)
  if (named !== null) {
    const [host = "", path = ""] = [named[1]?.toLowerCase(), named[2]]
    return host === "gist" || path.includes("/") ? `https://${SHORTHAND_HOSTS[host]}/${path}` : undefined
  }
  const short = /^([\w][\w.-]*)\/([\w.-]+)(#.*)?$/.exec(text)
  if (short !== null) return short[1]?.includes(".") === true ? `https://${text}` : `https://github.com/${short[1]}/${short[2]}`
  return /^[\w-]+(?:\.[\w-]+)+\/[\w.-]+\/[\w.-]/.test(text) ? `https://${text}` : undefined
}

type Address = { readonly ok: true; readonly url: string; readonly directory: string } | { readonly ok: false; readonly reason: string }

const SCHEMES: Readonly<Record<string, GitProtocol>> = {
  "https:": "https", "git+https:": "https", "git:": "https", "git+ssh:": "https", "ssh:": "https", "http:": "http", "git+http:": "http", "file:": "file", "git+file:": "file",
}

function parseAddress(text: string, protocols: readonly GitProtocol[]): Address {
  const scheme = text.slice(0, text.indexOf(":") + 1).toLowerCase()
  const wanted = SCHEMES[scheme]
  if (wanted === undefined) return refused(`the repository ${shown(text)} has the scheme ${shown(scheme)}, expected one that stands for https`)
  const protocol = wanted === "http" && !protocols.includes("http") ? "https" : wanted
  // Read as https, so that every scheme has the rules of hosts and paths.
  const url = parseUrl(`${protocol === "file" ? "file" : "https"}:${text.slice(scheme.length)}`)
  if (url === undefined) return refused(`the repository ${shown(text)} is no URL`)
  const login = url.username !== "" || url.password !== ""
  const harmless = url.username === "git" && url.password === "" && scheme.endsWith("ssh:")
  if (login && !harmless) return refused("the repository's URL holds a user or a password; credentials never stand in one")
  if (url.search !== "") return refused(`the repository ${shown(text)} has a query, expected a plain address`)
  const { path, directory } = splitBrowserPath(url.hostname, url.pathname.replace(/\/+$/, ""))
  // Only http and https ports mean anything over https.
  const port = url.port === "" || scheme.includes("ssh") || scheme === "git:" ? "" : `:${url.port}`
  const host = url.hostname === "www.github.com" ? "github.com" : url.hostname
  if (directory === undefined) return refused(`the repository ${shown(text)} leads to no folder`)
  if (path === "" || path === "/") return refused(`the repository ${shown(text)} has no path`)
  return { ok: true, url: protocol === "file" ? `file://${path}` : `${protocol}://${host}${port}${path}`, directory }
}

/** `/owner/name/tree/<branch>/<folder>` and `/owner/name/-/tree/…`, as browsers show folders. A branch with a slash in it cannot be told from a folder. */
function splitBrowserPath(host: string, path: string): { path: string; directory: string | undefined } {
  const match = /^(\/[^/]+\/[^/]+)(?:\/-)?\/(tree|blob|src)\/[^/]+(?:\/(.*))?$/.exec(path)
  if (match === null || !["github.com", "www.github.com", "gitlab.com", "bitbucket.org"].includes(host)) return { path, directory: "" }
  return { path: match[1] ?? path, directory: match[2] === "blob" ? "" : normaliseDirectory(decodePath(match[3] ?? "")) }
}

function decodePath(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined
}

/** What may be cloned here. */
export interface GitUrlRules {
  readonly protocols: readonly GitProtocol[]
  /** Host names as URLs show them, with `:port` where it is not the protocol's own. `file` has none. */
  readonly hosts: readonly string[]
}

/** An URL in the form that git is given. */
export type CheckedGitUrl =
  | { readonly ok: true; readonly url: string; readonly protocol: GitProtocol; readonly host: string | null; readonly path: string }
  | { readonly ok: false; readonly reason: string }

/** Checks an URL before git sees it (THREATS A8, A10). The answer's `url` is written anew from its parts. */
export function checkGitUrl(text: string, { protocols, hosts }: GitUrlRules): CheckedGitUrl {
  if (text.length > TEXT_LENGTH_MAX) return refused(`the URL has ${text.length} characters, expected at most ${TEXT_LENGTH_MAX}`)
  const match = /^(https|http|file):\/\/([^/?#]*)(\/.*)$/.exec(text)
  if (match === null) return refused(`the repository is ${shown(text)}, expected an URL such as https://host/owner/name.git`)
  const [protocol, authority, path] = [match[1] as GitProtocol, match[2] ?? "", match[3] ?? ""]
  if (!protocols.includes(protocol)) return refused(`the repository's protocol is ${protocol}, expected ${protocols.join(" or ")}`)
  if (authority.includes("@")) return refused("the repository's URL holds a user or a password; credentials never stand in one")
  if (!PLAIN_PATH.test(path) || path.split("/").some((part, index) => index > 0 && (part === "" || part === "." || part === ".." || part.startsWith("-")))) {
    return refused(`the repository's path is ${shown(path)}, expected plain names with a slash between`)
  }
  if (protocol === "file") return authority === "" ? { ok: true, url: `file://${path}`, protocol, host: null, path } : refused("a file URL names a host, expected file:///path")
  const [, name = "", port] = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(authority) ?? []
  if (!HOST.test(name)) return refused(`the repository's host is ${shown(authority)}, expected a plain lower-case name`)
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535 || port.startsWith("0"))) return refused(`the repository's port is ${shown(port)}`)
  const ownPort = port === undefined || port === (protocol === "https" ? "443" : "80")
  const host = ownPort ? name : `${name}:${port}`
  if (!hosts.includes(host)) return refused(`the repository's host is ${shown(host)}, which is not among those that may be cloned from: ${hosts.join(", ") || "none"}`)
  return { ok: true, url: `${protocol}://${host}${path}`, protocol, host, path }
}

function refused(reason: string): { readonly ok: false; readonly reason: string } {
  return { ok: false, reason }
}
