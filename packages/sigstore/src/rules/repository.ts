/**
 * Where a repository is, from the many ways in which packages write it (`repository` of package.json, provenance predicates).
 *
 * @packageDocumentation
 */
import { FACT_LENGTH_MAX } from "../limits.ts"

const SHORTHANDS: Readonly<Record<string, string>> = { github: "github.com", gitlab: "gitlab.com", bitbucket: "bitbucket.org", gist: "gist.github.com" }
const SHORTHAND = /^(?:(github|gitlab|bitbucket|gist):)?([A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)+)$/
const SCP = /^(?:[A-Za-z0-9_.-]+@)([A-Za-z0-9.-]+):(?!\/)(.+)$/
const SCHEMES: ReadonlySet<string> = new Set(["https:", "http:", "ssh:", "git:"])
const HOST = /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/
const SEGMENT = /^[A-Za-z0-9._~%+-]+$/
/** Forges that take owner and name in any case for the same repository. */
const CASELESS: ReadonlySet<string> = new Set(["github.com", "gitlab.com", "bitbucket.org"])
/** What a browser adds behind a repository: `/tree/main/packages/a`, GitLab's `/-/tree/…`, `/issues`. */
const GITHUB_SEGMENTS = 2

/** A repository's https URL, without credentials, `.git`, branch or folder. Undefined for what names none. */
export function normaliseRepository(text: string): string | undefined {
  if (text.length > FACT_LENGTH_MAX) return undefined
  const plain = text.trim().replace(/[#?].*$/, "").replace(/^git\+/, "")
  const shorthand = SHORTHAND.exec(plain)
  if (shorthand !== null) return assemble(SHORTHANDS[shorthand[1] ?? "github"] as string, shorthand[2] as string)
  const scp = SCP.exec(plain)
  if (scp !== null && !plain.includes("://")) return assemble(scp[1] as string, scp[2] as string)
  // URL knows no host in schemes that it does not know.
  const url = parseUrl(plain)
  return url === undefined ? undefined : assemble(url.hostname, url.pathname, url.protocol === "https:" ? url.port : "")
}

function parseUrl(text: string): URL | undefined {
  const scheme = /^[a-z+]+:/i.exec(text)?.[0].toLowerCase()
  if (scheme === undefined || !SCHEMES.has(scheme)) return undefined
  const httpsText = `https:${text.slice(scheme.length)}`
  if (!URL.canParse(httpsText)) return undefined
  const url = new URL(httpsText)
  if (scheme === "https:") return url
  url.port = ""
  return url
}

function assemble(host: string, path: string, port = ""): string | undefined {
  const name = host.toLowerCase().replace(/^www\.(?=github\.com$)/, "")
  const [beforeView] = path.split("/-/")
  let segments = (beforeView as string).split("/").filter((segment) => segment !== "")
  if (name === "github.com") segments = segments.slice(0, GITHUB_SEGMENTS)
  const last = segments.at(-1)?.replace(/\.git$/i, "")
  if (last === undefined || last === "" || segments.length < GITHUB_SEGMENTS || !HOST.test(name)) return undefined
  const all = [...segments.slice(0, -1), last]
  if (all.some((segment) => !SEGMENT.test(segment) || segment === "." || segment === "..")) return undefined
  return `https://${name}${port === "" ? "" : `:${port}`}/${all.join("/")}`
}

/** Tells whether two normalised URLs name one repository. */
export function sameRepository(a: string, b: string): boolean {
  const fold = (url: string): string => (CASELESS.has(new URL(url).host) ? url.toLowerCase() : url)
  return fold(a) === fold(b)
}

/** Splits a predicate's `git+https://host/owner/name@refs/…` into repository and ref. */
export function splitSourceUri(uri: string): { readonly repository: string | undefined; readonly ref: string | undefined } {
  const at = uri.lastIndexOf("@refs/")
  const repository = normaliseRepository(at < 0 ? uri : uri.slice(0, at))
  return { repository, ref: at < 0 ? undefined : uri.slice(at + 1) }
}
