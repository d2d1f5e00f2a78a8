/**
 * Where the roster's nodes say that their peers are: `peers.addresses` of their status documents (spec/peers.md, "Finding").
 *
 * Nothing is believed but that it is worth a try: who answers there shows by its binding who it is.
 *
 * @packageDocumentation
 */
import { isVouchsafeError, parseJson, utf8Decode } from "@vouchsafe/core"
import type { HttpTransport } from "@vouchsafe/ports"
import { checkPeerDial } from "./addresses.ts"
import { STATUS_ADDRESSES_MAX, STATUS_BYTES_MAX, STATUS_PARALLEL_MAX, STATUS_TIMEOUT_MS } from "./limits.ts"

/** Asks nodes for their peers' addresses, at least one of them each time. Those that do not answer, or answer nonsense, give none. */
export async function addressesOfNodes(urls: readonly string[], transport: HttpTransport): Promise<readonly string[]> {
  const found: string[] = []
  for (let at = 0; at < urls.length; at += STATUS_PARALLEL_MAX) {
    const answers = await Promise.all(urls.slice(at, at + STATUS_PARALLEL_MAX).map((url) => addressesOfNode(url, transport)))
    found.push(...answers.flat())
  }
  return found
}

async function addressesOfNode(url: string, transport: HttpTransport): Promise<readonly string[]> {
  try {
    const { status, body } = await transport.request({ method: "GET", url: `${url}v1/status`, timeoutMs: STATUS_TIMEOUT_MS, maxBytes: STATUS_BYTES_MAX })
    return status === 200 ? peerAddresses(utf8Decode(body)) : []
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return []
  }
}

/** Dialable addresses of a status document. Other members of it are other versions' business. @throws VouchsafeError for what is no JSON. */
export function peerAddresses(text: string): readonly string[] {
  const document = parseJson("REQUEST_MALFORMED", "status", text)
  const peers = memberOf(document, "peers")
  const addresses = memberOf(peers, "addresses")
  if (!Array.isArray(addresses)) return []
  return addresses.slice(0, STATUS_ADDRESSES_MAX).filter((address): address is string => typeof address === "string" && checkPeerDial(address))
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name) ? (value as Readonly<Record<string, unknown>>)[name] : undefined
}
