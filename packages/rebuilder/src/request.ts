/**
 * Reads the request document strictly (packages/spec/rebuilding.md, "Process").
 *
 * @packageDocumentation
 */
import { isAbsolute } from "node:path"
import { npmNameOf, shown, VouchsafeError } from "@vouchsafe/core"
import { asObject, type ForeignObject, member } from "@vouchsafe/tarball"
import { isObjectId } from "./git/index.ts"
import { problemsOfSigners } from "./git/signers-file.ts"
import { REBUILD_LIMITS } from "./limits.ts"
import { parseRecipe } from "./recipe/recipe.ts"
import { REQUEST_FORMAT, type RebuildLimits, type RebuildRequest } from "./types.ts"

const MEMBERS = [
  "format", "purl", "registry", "tarball", "sha512", "manifest", "publishedAt", "frozenAt", "source", "provenance", "recipe", "allowedSigners", "workspace", "toolchains",
  "upstream", "gitProtocols", "gitHosts", "allowPrivateAddresses", "limits",
]
const OPTIONAL = ["source", "provenance", "recipe", "allowedSigners", "toolchains", "limits"]
const PROTOCOLS: readonly unknown[] = ["https", "http", "file"]

function malformed(why: string): VouchsafeError {
  return new VouchsafeError("REQUEST_MALFORMED", `rebuild request: ${why}`)
}

/** @throws VouchsafeError REQUEST_MALFORMED, PURL_MALFORMED. */
export function parseRequest(text: string): RebuildRequest {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new VouchsafeError("REQUEST_MALFORMED", "rebuild request: no JSON", { cause })
  }
  const request = asObject(value)
  if (request === undefined) throw malformed("no object")
  const odd = Object.keys(request).find((name) => !MEMBERS.includes(name)) ?? MEMBERS.find((name) => !OPTIONAL.includes(name) && !Object.hasOwn(request, name))
  if (odd !== undefined) throw malformed(`${Object.hasOwn(request, odd) ? "unknown" : "missing"} member ${shown(odd)}`)
  expect(request, "format", (format) => format === REQUEST_FORMAT, REQUEST_FORMAT)
  npmNameOf(textOf(request, "purl"))
  expect(request, "registry", isUrl, "a registry's URL with a slash at its end")
  for (const name of ["tarball", "workspace", ...(request["toolchains"] === undefined ? [] : ["toolchains"])]) expect(request, name, (path) => typeof path === "string" && isAbsolute(path), "an absolute path")
  expect(request, "sha512", (digest) => typeof digest === "string" && /^[0-9a-f]{128}$/.test(digest), "128 lower-case hex digits")
  expect(request, "frozenAt", isSeconds, "unix seconds")
  expect(request, "publishedAt", (time) => time === null || isSeconds(time), "unix seconds or null")
  for (const name of ["source", "provenance"]) if (request[name] !== undefined) checkCommit(asObject(request[name]) ?? {}, name)
  checkUpstream(request)
  expect(request, "gitProtocols", (list) => isListOf(list, (item) => PROTOCOLS.includes(item)), "a list of https, http, file")
  expect(request, "gitHosts", (list) => isListOf(list, (item) => typeof item === "string"), "a list of hosts")
  expect(request, "allowPrivateAddresses", (flag) => typeof flag === "boolean", "true or false")
  if (request["allowedSigners"] !== undefined) checkSigners(textOf(request, "allowedSigners"))
  if (request["limits"] !== undefined) checkLimits(asObject(request["limits"]) ?? { "": 0 })
  const recipe = request["recipe"] === undefined ? {} : { recipe: parseRecipe(request["recipe"]) }
  return { ...(request as unknown as RebuildRequest), ...recipe }
}

/** The bounds of a request, with the defaults. */
export function limitsOf(request: RebuildRequest): RebuildLimits {
  return { ...REBUILD_LIMITS, ...request.limits }
}

function checkCommit(source: ForeignObject, name: string): void {
  const commit = member(source, "commit")
  if (typeof commit !== "string" || !isObjectId(commit)) throw malformed(`${name}.commit is ${shown(String(commit))}, expected 40 or 64 lower-case hex digits`)
  if (typeof member(source, "repository") !== "string") throw malformed(`${name}.repository is no text`)
  const directory = member(source, "directory")
  if (directory !== undefined && typeof directory !== "string") throw malformed(`${name}.directory is no text`)
}

/** Who names signers believes that all of them count. No text at all names none. */
function checkSigners(text: string): void {
  const [problem] = text === "" ? [] : problemsOfSigners(text)
  if (problem !== undefined) throw malformed(`allowedSigners: ${problem.line === 0 ? "" : `line ${problem.line}: `}${problem.reason}`)
}

function checkUpstream(request: ForeignObject): void {
  const upstream = asObject(request["upstream"]) ?? {}
  expect(upstream, "registry", isUrl, "a registry's URL with a slash at its end")
  const scopes = member(upstream, "scopes")
  if (scopes !== undefined && (asObject(scopes) === undefined || !Object.values(scopes as object).every(isUrl))) throw malformed("upstream.scopes holds something else than URLs")
}

function checkLimits(limits: ForeignObject): void {
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(REBUILD_LIMITS, name) || !Number.isSafeInteger(value) || (value as number) < 1) throw malformed(`limits.${shown(name)} is no bound that there is, or no positive integer`)
  }
}

function isUrl(value: unknown): boolean {
  return typeof value === "string" && value.endsWith("/") && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol) && new URL(value).username === "" && new URL(value).password === ""
}

function isSeconds(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) > 0
}

function isListOf(value: unknown, check: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(check)
}

function textOf(object: ForeignObject, name: string): string {
  const value = object[name]
  if (typeof value !== "string") throw malformed(`${name} is no text`)
  return value
}

function expect(object: ForeignObject, name: string, check: (value: unknown) => boolean, wanted: string): void {
  if (!check(object[name])) throw malformed(`${name} is not ${wanted}`)
}
