/**
 * Who may talk to the shim at all (THREATS A7): the client that was given the token, and no web page.
 *
 * @packageDocumentation
 */
import { timingSafeEqual } from "node:crypto"
import type { IncomingMessage } from "node:http"

const METHODS = new Set(["GET", "HEAD", "PUT", "POST", "DELETE"])
const BEARER = /^Bearer ([\x21-\x7e]{1,512})$/i

export interface GuardRefusal { readonly status: 401 | 403 | 405 | 421; readonly error: string }

export interface Guard {
  /** Undefined: let the request in. The token is in the header still; what goes upstream never takes it from there. */
  refuse(request: IncomingMessage): GuardRefusal | undefined
}

/**
 * @param hosts - values of `Host` that are ours, lower case
 * @param token - the secret that the client was given
 */
export function createGuard(hosts: ReadonlySet<string>, token: string): Guard {
  const expected = Buffer.from(token, "latin1")
  return {
    refuse({ headers, method }) {
      // a name that resolves to loopback is how a page in a browser would come in
      if (!hosts.has((headers.host ?? "").toLowerCase())) return { status: 421, error: "vouchsafe: this is no address of the shim; use the loopback address that it printed" }
      if (headers.origin !== undefined) return { status: 403, error: "vouchsafe: requests of web pages are refused" }
      const site = headers["sec-fetch-site"]
      if (site !== undefined && site !== "none") return { status: 403, error: "vouchsafe: requests of web pages are refused" }
      const given = BEARER.exec(headers.authorization ?? "")?.[1]
      if (given === undefined || !isSame(given, expected)) return { status: 401, error: "vouchsafe: the shim's token is missing or wrong; it is in the npm configuration that the run made" }
      if (!METHODS.has(method ?? "")) return { status: 405, error: "vouchsafe: method not allowed" }
      return undefined
    },
  }
}

/** The time tells the token's length at most, which is no secret. */
function isSame(given: string, expected: Buffer): boolean {
  return given.length === expected.length && timingSafeEqual(Buffer.from(given, "latin1"), expected)
}
