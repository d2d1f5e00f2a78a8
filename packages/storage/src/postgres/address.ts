/**
 * Where a PostgreSQL database is and how to speak to it: one line of text, read strictly.
 *
 * @packageDocumentation
 */
import { isAbsolute } from "node:path"
import { shown, VouchsafeError } from "@vouchsafe/core"
import { readSecretFile, refuseUnknown } from "../text.ts"

/** A database, parsed. */
export interface PostgresAddress {
  /** A host name, an address, or the directory of a unix socket. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string | undefined
  /** Schema that holds the tables. */
  readonly schema: string
  /** undefined: no TLS. Else the server's certificate must verify for `host`, under `ca` where given, else under the system's. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } | undefined
  /** What messages call it: host, port and database, nothing secret. */
  readonly shown: string
}

const PARAMETERS = ["schema", "sslmode", "sslrootcert", "sslcert", "sslkey", "password_file", "host"]
const DEFAULT_PORT = 5432
const PORT_MAX = 65_535
const DEFAULT_SCHEMA = "vouchsafe"
/** An identifier that needs no quotes, of at most PostgreSQL's 63 bytes. */
const SCHEMA = /^[a-z_][a-z0-9_]{0,62}$/
const LOOPBACK = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]|::1)$/
const EXAMPLE = "postgres://USER@HOST:5432/DATABASE?schema=vouchsafe&sslmode=verify-full"

function refuse(why: string): VouchsafeError {
  return new VouchsafeError("CONFIG_MALFORMED", `PostgreSQL address: ${why}`, { hint: `expected ${EXAMPLE}` })
}

function decode(part: string, what: string): string {
  try {
    const text = decodeURIComponent(part)
    if (/\p{Cc}/u.test(text)) throw refuse(`${what} holds control characters`)
    return text
  } catch (error) {
    if (error instanceof URIError) throw refuse(`${what} is not percent-encoded text`)
    throw error
  }
}

function hostOf(hostname: string, parameters: URLSearchParams): string {
  const socket = parameters.get("host")
  if (socket === null) {
    if (hostname === "") throw refuse("names no host")
    return hostname.replace(/^\[(.*)\]$/, "$1")
  }
  if (hostname !== "") throw refuse("names a host twice")
  if (!isAbsolute(socket)) throw refuse(`parameter host is ${shown(socket)}, expected the directory of a unix socket`)
  return socket
}

function tlsOf(host: string, parameters: URLSearchParams): PostgresAddress["tls"] {
  const isLocal = isAbsolute(host) || LOOPBACK.test(host)
  const mode = parameters.get("sslmode") ?? (isLocal ? "disable" : "verify-full")
  const files = ["sslrootcert", "sslcert", "sslkey"].filter((name) => parameters.has(name))
  if (mode === "disable") {
    if (files.length > 0) throw refuse(`has ${files[0]} without TLS`)
    return undefined
  }
  // The weaker modes of other clients encrypt without knowing for whom.
  if (mode !== "verify-full") throw refuse(`sslmode is ${shown(mode)}, expected verify-full or disable`)
  if (isAbsolute(host)) throw refuse("asks for TLS on a unix socket")
  if (parameters.has("sslcert") !== parameters.has("sslkey")) throw refuse("has one of sslcert and sslkey, expected both or none")
  const read = (name: string, as: string) => (parameters.has(name) ? { [as]: readSecretFile(parameters.get(name) as string, `${name} of the PostgreSQL address`) } : {})
  return { ...read("sslrootcert", "ca"), ...read("sslcert", "cert"), ...read("sslkey", "key") }
}

function portOf(url: URL, place: string): number {
  // Port 80 is the default of the scheme that it was read under.
  const port = url.port !== "" ? Number(url.port) : place.includes(":80/") ? 80 : DEFAULT_PORT
  if (port < 1 || port > PORT_MAX) throw refuse(`port is ${shown(url.port)}, expected 1 to ${PORT_MAX}`)
  return port
}

function passwordOf(url: URL, parameters: URLSearchParams, env: Readonly<Record<string, string | undefined>>): string | undefined {
  const file = parameters.get("password_file")
  const given = [url.password !== "", file !== null].filter((is) => is).length
  if (given > 1) throw refuse("has a password and a password_file, expected one of them")
  if (file !== null) return readSecretFile(file, "password_file of the PostgreSQL address").replace(/\r?\n$/, "")
  return url.password === "" ? env["PGPASSWORD"] : decode(url.password, "password")
}

/**
 * Reads an address: `postgres://USER[:PASSWORD]@HOST[:PORT]/DATABASE[?…]`, or `postgres://USER@/DATABASE?host=/socket/directory`.
 * Parameters: `schema`; `sslmode` `verify-full` (default, but for this machine) or `disable`; `sslrootcert`, `sslcert`, `sslkey`,
 * `password_file`: files. A password may also come from the environment's `PGPASSWORD`.
 *
 * @throws VouchsafeError CONFIG_MALFORMED, which never repeats the address; DISK when a file named there cannot be read.
 */
export function parsePostgresAddress(text: string, env: Readonly<Record<string, string | undefined>> = process.env): PostgresAddress {
  const match = /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^@?#]*)(?:\?([^#]*))?$/.exec(text)
  if (match === null) throw refuse("is no postgres:// address")
  const [, login, place = "", query = ""] = match
  const isSocket = place.startsWith("/")
  // Read under a scheme whose hosts the URL standard checks; a socket's address has none.
  const url = URL.parse(`http://${login === undefined ? "" : `${login}@`}${isSocket ? "localhost" : ""}${place}`)
  if (url === null) throw refuse("names no valid host and port")
  const parameters = new URLSearchParams(query)
  refuseUnknown(parameters, PARAMETERS, refuse)
  const host = hostOf(isSocket ? "" : url.hostname, parameters)
  const user = decode(url.username, "user")
  if (user === "") throw refuse("names no user")
  const database = decode(url.pathname.slice(1), "database")
  if (database === "" || database.includes("/")) throw refuse("names no database")
  const schema = parameters.get("schema") ?? DEFAULT_SCHEMA
  if (!SCHEMA.test(schema) || schema.startsWith("pg_")) throw refuse(`schema is ${shown(schema)}, expected lower-case letters, digits and _`)
  const port = portOf(url, place)
  return {
    host, port, database, user, schema, password: passwordOf(url, parameters, env), tls: tlsOf(host, parameters),
    shown: `PostgreSQL ${shown(database)} at ${isAbsolute(host) ? host : `${host}:${port}`}`,
  }
}
