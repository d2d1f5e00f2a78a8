/**
 * Resolves a host, judges every address, and pins the connection to what was judged.
 *
 * @packageDocumentation
 */
import { VouchsafeError } from "@vouchsafe/core"
import type { Clock } from "@vouchsafe/ports"
import { lookup as systemLookup, type LookupAddress } from "node:dns"
import { isIP, type LookupFunction } from "node:net"
import { ADDRESSES_FRESH_MS, HOSTS_REMEMBERED_MAX } from "../limits.ts"
import { isPublicAddress } from "./addresses.ts"

/** Resolves a host name to all its addresses. Tests inject one. */
export type ResolveHost = (host: string, done: (error: Error | null, addresses: readonly LookupAddress[]) => void) => void

/** The operating system's resolver. */
export const resolveBySystem: ResolveHost = (host, done) => {
  systemLookup(host, { all: true }, (error, addresses) => done(error, addresses ?? []))
}

/**
 * Remembers what a resolver answered for a short while, and asks once for all who want to know at the same time: a burst of
 * connections to one registry would otherwise be a burst of questions, of which resolvers drop some. Failures are not remembered.
 */
export function rememberingResolve(resolve: ResolveHost, clock: Clock): ResolveHost {
  const answers = new Map<string, { readonly asked: Promise<readonly LookupAddress[]>; readonly atMs: number }>()
  const ask = (host: string): Promise<readonly LookupAddress[]> => {
    const nowMs = clock.nowMs()
    const known = answers.get(host)
    if (known !== undefined && Math.abs(nowMs - known.atMs) < ADDRESSES_FRESH_MS) return known.asked
    const asked = new Promise<readonly LookupAddress[]>((settle, fail) => {
      resolve(host, (error, addresses) => (error === null ? settle(addresses) : fail(error)))
    })
    answers.delete(host)
    answers.set(host, { asked, atMs: nowMs })
    if (answers.size > HOSTS_REMEMBERED_MAX) answers.delete(answers.keys().next().value as string)
    asked.catch(() => answers.delete(host))
    return asked
  }
  return (host, done) => {
    ask(host).then((addresses) => done(null, addresses), (error: Error) => done(error, []))
  }
}

function refusal(host: string, address: string): VouchsafeError {
  return new VouchsafeError("ADDRESS_REFUSED", `host ${host} is at ${address}, expected a public address`, {
    details: { host, address },
    hint: "a node that may reach a registry inside its own network is started with --allow-private-addresses",
  })
}

/**
 * Refuses a host that is written as an address, since such a host is never looked up.
 * @throws VouchsafeError ADDRESS_REFUSED.
 */
export function checkLiteralHost(hostname: string): void {
  const address = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname
  if (isIP(address) !== 0 && !isPublicAddress(address)) throw refusal(hostname, address)
}

/**
 * A `lookup` for sockets which fails unless **all** addresses of a host are public.
 * The socket then connects to one of exactly these addresses: a second answer of the resolver is never asked for
 * (DNS rebinding), and a host that mixes public and private addresses is refused as a whole.
 */
export function publicLookup(resolve: ResolveHost): LookupFunction {
  return (host, options, callback) => {
    resolve(host, (error, addresses) => {
      const refused = addresses.find(({ address }) => !isPublicAddress(address))
      const first = addresses[0]
      if (error !== null) callback(error as NodeJS.ErrnoException, "", 0)
      else if (refused !== undefined) callback(refusal(host, refused.address) as NodeJS.ErrnoException, "", 0)
      else if (first === undefined) callback(new VouchsafeError("UNREACHABLE", `host ${host} has no address`) as NodeJS.ErrnoException, "", 0)
      else if (options.all === true) callback(null, [...addresses], undefined)
      else callback(null, first.address, first.family)
    })
  }
}
