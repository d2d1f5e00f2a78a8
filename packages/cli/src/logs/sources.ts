/**
 * Where a log may be read: at its origin, or from the copies that other nodes of the roster keep (spec/mirror.md). Who sent a log matters to
 * nobody: it is recomputed and compared with what its key signed.
 *
 * @packageDocumentation
 */
import type { HttpTransport } from "@vouchsafe/client"
import { type Crypto, hexEncode, isVouchsafeError, type Roster, type RosterNode, utf8Encode } from "@vouchsafe/core"
import { placeOf } from "../nodes.ts"
import { usage } from "../usage.ts"
import { type LogSource, readWholeLog, type WholeLog } from "./read.ts"

/** A place for one log. */
export interface NamedSource extends LogSource {
  /** Whose copy it is; undefined for the origin, or what stands for it. */
  readonly copyOf?: string
}

/** Places of a node's log, to be tried in order. */
export type LogSources = (node: RosterNode, which: "log" | "notices") => readonly NamedSource[]

/** Codes of an origin that does not answer. What it answers wrongly is its own doing, and is told. */
const SILENT_CODES: ReadonlySet<string> = new Set(["UNREACHABLE", "TIMEOUT", "UPSTREAM_FAILED", "NOT_FOUND"])

/** @param said - `mirror`: the URL of one node whose copies are read instead; `from`: what stands for the origin, without copies beside it. @throws VouchsafeError USAGE. */
export function logSources(crypto: Crypto, roster: Roster, said: { readonly mirror?: string | undefined; readonly from?: string | undefined }): LogSources {
  if (said.mirror !== undefined && said.from !== undefined) throw usage("--mirror and --from both say where to read, expected one of them")
  const mirror = said.mirror === undefined ? undefined : placeOf(said.mirror)
  const copyAt = (url: string, name: string, node: RosterNode, which: "log" | "notices"): NamedSource => {
    const key = node[which]
    return { url: `${url}mirror/${hexEncode(crypto.sha256(utf8Encode(key.name)))}/`, key, copyOf: name }
  }
  return (node, which) => {
    if (mirror !== undefined) return [copyAt(mirror.url, mirror.name, node, which)]
    const origin: NamedSource = { url: `${node.url}${which}/`, key: node[which] }
    const others = said.from !== undefined ? [] : roster.nodes.filter(({ log }) => log.vkey !== node.log.vkey)
    return [origin, ...others.map((other) => copyAt(other.url, other.operator, node, which))]
  }
}

/** A whole log, and whose copy it was read from, if from one. */
export interface FoundLog extends WholeLog {
  readonly copyOf?: string
}

/**
 * Reads a log from the first place that has it whole. An origin that answers, and wrongly, is not replaced by a copy.
 * @throws VouchsafeError what the first place failed with, where none has it.
 */
export async function readAnywhere(crypto: Crypto, transport: HttpTransport, sources: readonly NamedSource[]): Promise<FoundLog> {
  let first: unknown
  for (const source of sources) {
    try {
      const log = await readWholeLog(crypto, transport, source)
      return source.copyOf === undefined ? log : { ...log, copyOf: source.copyOf }
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
      first ??= error
      if (source.copyOf === undefined && !SILENT_CODES.has(error.code)) break
    }
  }
  throw first
}
