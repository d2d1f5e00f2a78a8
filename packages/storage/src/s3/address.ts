/**
 * Where objects are kept: one line of text, read strictly. Credentials are never part of it.
 *
 * @packageDocumentation
 */
import { shown, VouchsafeError } from "@vouchsafe/core"
import { refuseUnknown } from "../text.ts"

/** Whether the store refuses to overwrite where asked to: `required` relies on it and checks it, `emulated` looks first. */
export type ConditionalWrites = "required" | "emulated"

/** A bucket and a prefix within it, parsed. */
export interface ObjectsAddress {
  /** URL of the bucket, ending in `/`: keys are appended. */
  readonly bucketUrl: string
  /** "" or ends in `/`. */
  readonly prefix: string
  readonly region: string
  readonly conditional: ConditionalWrites
  /** What messages call it. */
  readonly shown: string
}

const PARAMETERS = ["endpoint", "region", "style", "conditional", "tls"]
/** Bucket names without dots: with them a virtual host has no certificate. */
const BUCKET = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/
const PREFIX_PART = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/
const REGION = /^[a-z0-9][a-z0-9-]{0,62}$/
const LOOPBACK = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])$/
const EXAMPLE = "s3://BUCKET/PREFIX?region=eu-central-1, or with endpoint=https://HOST&style=path"

function refuse(why: string): VouchsafeError {
  return new VouchsafeError("CONFIG_MALFORMED", `object storage address: ${why}`, { hint: `expected ${EXAMPLE}` })
}

function oneOf<T extends string>(parameters: URLSearchParams, name: string, values: readonly T[], otherwise: T): T {
  const given = parameters.get(name) ?? otherwise
  const found = values.find((value) => value === given)
  if (found === undefined) throw refuse(`${name} is ${shown(given)}, expected ${values.join(" or ")}`)
  return found
}

function endpointOf(parameters: URLSearchParams, region: string): URL {
  const given = parameters.get("endpoint")
  const url = URL.parse(given ?? `https://s3.${region}.amazonaws.com`)
  if (url === null) throw refuse("endpoint is no URL")
  if (url.username !== "" || url.password !== "") throw refuse("endpoint holds credentials; they belong into the environment or a file")
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") throw refuse("endpoint has a path, expected scheme, host and port only")
  const tls = oneOf(parameters, "tls", ["on", "off"], url.protocol === "http:" && LOOPBACK.test(url.hostname) ? "off" : "on")
  if (url.protocol !== (tls === "on" ? "https:" : "http:")) {
    throw refuse(`endpoint has scheme ${shown(url.protocol)}, expected ${tls === "on" ? "https: (http: elsewhere than on this machine needs tls=off)" : "http: with tls=off"}`)
  }
  return url
}

/**
 * Reads an address: `s3://BUCKET[/PREFIX]?…`. Parameters: `region` (default us-east-1); `endpoint`, scheme, host and port of a compatible store;
 * `style`, `path` (default with an endpoint) or `virtual`: where the bucket stands in URLs; `conditional`, see {@link ConditionalWrites};
 * `tls=off` for a plain connection elsewhere than on this machine.
 *
 * @throws VouchsafeError CONFIG_MALFORMED.
 */
export function parseObjectsAddress(text: string): ObjectsAddress {
  const match = /^s3:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(text)
  if (match === null) throw refuse("is no s3:// address")
  const [, bucket = "", path = "", query = ""] = match
  if (bucket.includes("@")) throw refuse("holds credentials; they belong into the environment or a file")
  if (!BUCKET.test(bucket)) throw refuse(`bucket is ${shown(bucket)}, expected 3 to 63 lower-case letters, digits and -`)
  const parts = path.split("/").filter((part, i, all) => part !== "" || i < all.length - 1)
  if (parts.some((part) => !PREFIX_PART.test(part))) throw refuse(`prefix is ${shown(path)}, expected names of letters, digits, ".", "_" and "-"`)
  const parameters = new URLSearchParams(query)
  refuseUnknown(parameters, PARAMETERS, refuse)
  const region = parameters.get("region") ?? "us-east-1"
  if (!REGION.test(region)) throw refuse(`region is ${shown(region)}`)
  const endpoint = endpointOf(parameters, region)
  const style = oneOf(parameters, "style", ["path", "virtual"], parameters.has("endpoint") ? "path" : "virtual")
  return {
    bucketUrl: style === "path" ? `${endpoint.origin}/${bucket}/` : `${endpoint.protocol}//${bucket}.${endpoint.host}/`,
    prefix: parts.map((part) => `${part}/`).join(""),
    region,
    conditional: oneOf(parameters, "conditional", ["required", "emulated"], "required"),
    shown: `bucket ${bucket} at ${endpoint.host}`,
  }
}
