/**
 * The mirror of a node's notices log: all entries, or nothing (THREATS A3; spec/client.md, "Notices").
 *
 * @packageDocumentation
 */
import {
  buildForkProof, equalBytes, type EvidenceAnswer, headChecker, type KnownHead, leafHash, nodeReaderFromLeaves, openHead, proveFork, rootOfLeaves, utf8Encode, type Bytes,
} from "@vouchsafe/core"
import type { NoticesMirror } from "@vouchsafe/ports"
import type { ContactFailure } from "./book.ts"
import { type Context, convict, convictWitnesses, failureOf } from "./context.ts"
import { NOTICES_LENGTH_MAX, NOTICES_MAX } from "./limits.ts"
import type { LogMemory } from "./memory.ts"

export type NoticesPart = EvidenceAnswer["notices"]

/** Requests that one reading of a notices log may take: its entries in parts of 10,000, twice, and some to spare. */
const REQUESTS_MAX = 64

function refuse(memory: LogMemory, message: string): ContactFailure {
  return { code: "PROOF_INVALID", message: `notices of ${memory.node.notices.name}: ${message}`, answered: true, retryable: false }
}

/**
 * Brings the mirror up to the head in `first`. `askMore` asks the node for entries from an index on.
 * Where new entries on top of old ones do not give the signed root, all are read again from 0 and compared: then either the old mirror was
 * damaged, or the node lied, or the log forked, which the two signed heads prove.
 *
 * @returns undefined when the mirror is whole and fits the head; else what to blame the node for. A fork convicts it.
 */
export async function readNotices(
  context: Context, memory: LogMemory, first: NoticesPart, askMore: (from: number) => Promise<NoticesPart | ContactFailure>,
  carrier: "node" | "daemon",
): Promise<ContactFailure | undefined> {
  let entries: readonly string[] = memory.mirror?.entries ?? []
  let isFromStart = entries.length === 0
  let part: NoticesPart | ContactFailure = first
  for (let requests = 0; requests < REQUESTS_MAX; requests++) {
    if ("code" in part) return part
    const head = openPart(context, memory, part)
    if ("code" in head) return head
    const conflict = await compareWithMirror(context, memory, head, carrier)
    if (conflict !== undefined) return conflict
    if (part.from !== entries.length) return refuse(memory, `begin at ${part.from}, expected ${entries.length}`)
    entries = [...entries, ...part.entries]
    const excess = whyTooMany(entries, head.size)
    if (excess !== undefined) return refuse(memory, excess)
    if (entries.length < head.size) {
      if (part.entries.length === 0) return refuse(memory, `stop at ${entries.length} of ${head.size}`)
      part = await askMore(entries.length)
      continue
    }
    const leaves = entries.map((entry) => leafHash(context.crypto, utf8Encode(entry)))
    if (equalBytes(rootOfLeaves(context.crypto, leaves), head.root)) return adopt(context, memory, { checkpoint: part.checkpoint, entries }, leaves)
    if (isFromStart) return refuse(memory, `the ${head.size} entries are not those under the signed head`)
    isFromStart = true
    entries = []
    part = await askMore(0)
  }
  return refuse(memory, `not complete after ${REQUESTS_MAX} requests`)
}

function whyTooMany(entries: readonly string[], size: number): string | undefined {
  if (size > NOTICES_MAX) return `${size} entries, expected at most ${NOTICES_MAX}`
  if (entries.length > size) return `${entries.length} entries under a head of ${size}`
  const length = entries.reduce((sum, entry) => sum + entry.length, 0)
  return length > NOTICES_LENGTH_MAX ? `${length} characters, expected at most ${NOTICES_LENGTH_MAX}` : undefined
}

function openPart(context: Context, memory: LogMemory, part: NoticesPart): KnownHead | ContactFailure {
  try {
    return openHead(context.crypto, memory.node.notices, part.checkpoint)
  } catch (error) {
    return refuse(memory, failureOf(error).message)
  }
}

/** What two signed heads alone can show: a smaller tree, or two trees of one size. */
async function compareWithMirror(context: Context, memory: LogMemory, head: KnownHead, carrier: "node" | "daemon"): Promise<ContactFailure | undefined> {
  const { mirror, node } = memory
  if (mirror === undefined) return undefined
  if (head.size < mirror.entries.length) {
    await convictWitnesses(context, { origin: node.notices.name, older: mirror.checkpoint, newer: head.signed })
    if (carrier === "daemon") return refuse(memory, "an old head")
    const message = `${node.notices.name} showed ${head.size} notices after it had signed ${mirror.entries.length}`
    return { code: "LOG_ROLLED_BACK", message, answered: true, retryable: false }
  }
  if (head.size === mirror.entries.length) return convictIfForked(context, memory, mirror.checkpoint, head.signed, [])
  return undefined
}

async function convictIfForked(context: Context, memory: LogMemory, older: string, newer: string, consistency: readonly Bytes[]): Promise<ContactFailure | undefined> {
  const key = memory.node.notices
  const proof = buildForkProof(context.crypto, { key, older, newer, consistency })
  if (proof === undefined) return undefined
  await convict(context, memory, key, proof)
  return refuse(memory, "two signed heads contradict each other")
}

/** Takes a whole and proven list as the mirror, unless the old one shows that the log was rewritten. */
async function adopt(context: Context, memory: LogMemory, next: NoticesMirror, leaves: readonly Bytes[]): Promise<ContactFailure | undefined> {
  const old = memory.mirror
  if (old !== undefined && old.entries.length > 0 && old.entries.some((entry, i) => entry !== next.entries[i])) {
    const sizes = { oldSize: old.entries.length, newSize: next.entries.length }
    const hashes = sizes.oldSize === sizes.newSize ? [] : await proveFork(context.crypto, nodeReaderFromLeaves(context.crypto, leaves), sizes)
    const conflict = await convictIfForked(context, memory, old.checkpoint, next.checkpoint, hashes)
    if (conflict !== undefined) return conflict
  }
  // An old answer, sent again by whoever sits between, must not make the mirror look older than it is.
  if (old === undefined || next.entries.length > old.entries.length || timeOf(context, memory, next) >= timeOf(context, memory, old)) memory.mirror = next
  return undefined
}

/** When a quorum of witnesses had cosigned a mirror's head; 0 when none has. */
function timeOf(context: Context, memory: LogMemory, mirror: NoticesMirror): number {
  const nowSeconds = Math.floor(context.options.clock.nowMs() / 1_000)
  const result = headChecker(context.crypto, context.options.roster, nowSeconds).check(memory.node, memory.node.notices, mirror.checkpoint)
  return result.ok ? result.head.timeSeconds : result.timeSeconds ?? 0
}

/** Compares two mirrors that other processes and this one read; the shorter must be the beginning of the longer. Convicts otherwise. */
export async function mirrorsAgree(context: Context, memory: LogMemory, a: NoticesMirror, b: NoticesMirror): Promise<boolean> {
  const [shorter, longer] = a.entries.length <= b.entries.length ? [a, b] : [b, a]
  if (shorter.entries.every((entry, i) => entry === longer.entries[i])) return true
  const leaves = longer.entries.map((entry) => leafHash(context.crypto, utf8Encode(entry)))
  const sizes = { oldSize: shorter.entries.length, newSize: longer.entries.length }
  const hashes = sizes.oldSize === sizes.newSize ? [] : await proveFork(context.crypto, nodeReaderFromLeaves(context.crypto, leaves), sizes)
  await convictIfForked(context, memory, shorter.checkpoint, longer.checkpoint, hashes)
  return false
}
