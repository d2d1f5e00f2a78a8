/**
 * What ties two heads of a log: its tiles, from wherever they can be had (spec/gossip.md, "Ties"). Tiles prove by what they hash to, so it does not
 * matter who gives them.
 *
 * @packageDocumentation
 */
import { type Crypto, isVouchsafeError, relateByTiles, type TileReader, tilesFrom, type VerifierKey, VouchsafeError } from "@vouchsafe/core"
import type { AskConsistency } from "@vouchsafe/gossip"
import { mirrorName } from "@vouchsafe/mirror"
import type { HttpTransport, ServedFile } from "@vouchsafe/ports"
import { MIRROR_PREFIX } from "../mirror/limits.ts"
import type { PartContext } from "../parts.ts"
import { COPIES_ASKED_MAX, TILE_BYTES_MAX, TILE_TIMEOUT_MS } from "./limits.ts"

function servedTiles(serve: (path: string) => Promise<ServedFile>): TileReader {
  return tilesFrom(async (path) => {
    const { status, body } = await serve(path)
    if (status !== 200) throw new VouchsafeError("NOT_FOUND", `${path} is not served`)
    return body
  })
}

function fetchedTiles(transport: HttpTransport, base: string, signal: AbortSignal): TileReader {
  return tilesFrom(async (path) => {
    const { status, body } = await transport.request({ method: "GET", url: `${base}${path}`, timeoutMs: TILE_TIMEOUT_MS, maxBytes: TILE_BYTES_MAX, signal })
    if (status !== 200) throw new VouchsafeError("NOT_FOUND", `${base}${path} answered ${status}, expected 200`)
    return body
  })
}

/** This node's own log or copy, the log itself, then copies of other nodes: of a log that shows two histories somebody else may have the other one. */
function* sourcesOf({ own, services, mirrors, transport, crypto }: PartContext, key: VerifierKey, signal: AbortSignal): Iterable<TileReader> {
  const role = own.roster.nodes.some(({ notices }) => notices.vkey === key.vkey) ? "notices" : "log"
  const origin = own.roster.nodes.find((node) => node[role].vkey === key.vkey)
  if (origin === own.self) {
    const { log } = role === "log" ? services.observations : services.notices
    yield servedTiles((path) => log.serve(path))
  }
  const copy = mirrors?.of(key.name)
  if (copy !== undefined) yield servedTiles((path) => copy.mirror.serve(path))
  if (origin !== undefined && origin !== own.self) yield fetchedTiles(transport, `${origin.url}${role}/`, signal)
  const others = own.roster.nodes.filter((node) => node !== origin && node !== own.self)
  for (const { url } of others.slice(0, COPIES_ASKED_MAX)) yield fetchedTiles(transport, `${url}${MIRROR_PREFIX.slice(1)}${nameOf(crypto, key)}/`, signal)
}

const nameOf = (crypto: Crypto, key: VerifierKey): string => mirrorName(crypto, key.name)

/** Asks one source after the other until one shows how the heads stand to each other. */
export function askByTiles(context: PartContext, signal: AbortSignal): AskConsistency {
  return async (key, older, newer) => {
    for (const tiles of sourcesOf(context, key, signal)) {
      if (signal.aborted) break
      try {
        const relation = await relateByTiles(context.crypto, key, older, newer, tiles)
        if (relation.kind !== "unproven") return relation
      } catch (error) {
        if (!isVouchsafeError(error)) throw error
        context.logger.debug({ origin: key.name, code: error.code }, "tiles that should tie two heads cannot be read")
      }
    }
    return { kind: "unproven" }
  }
}
