/**
 * The part `locksets`: `POST /v1/lockset` (spec/lock.md, "Asking for a lockset").
 *
 * Anybody may ask, within budgets: what is appended is this node's own word about its own observations, made of nothing that the caller says
 * but which lines to look at (ADR 0060).
 *
 * @packageDocumentation
 */
import { createLocksets, type MadeLockset } from "@vouchsafe/attester"
import { type Crypto, formatLocksetAnswer, hexEncode, isVouchsafeError, type NoticesHead, parseCheckpoint, parseLocksetRequest, parseNote, type RosterNode, utf8Decode, utf8Encode } from "@vouchsafe/core"
import { createBudget } from "../evidence/budget.ts"
import { type Answer, refusal, textAnswer } from "../http/answer.ts"
import { bodyText, readBody } from "../http/body.ts"
import { guardJson } from "../http/guard.ts"
import type { Exchange } from "../http/router.ts"
import { createSlots } from "../http/slots.ts"
import type { NodePart, PartContext } from "../parts.ts"
import type { Services } from "../services.ts"
import { within } from "../timers.ts"
import { LOCKSET_BODY_BYTES_MAX, LOCKSET_MS_MAX, LOCKSETS_CONCURRENT_MAX, LOCKSETS_CONCURRENT_PER_ADDRESS_MAX, LOCKSETS_GLOBAL, LOCKSETS_PER_ADDRESS } from "./limits.ts"

/** @see PartContext */
export async function openLocksetPart(context: PartContext): Promise<NodePart> {
  const { services, own, clock, crypto } = context
  const locksets = createLocksets({
    log: services.statements, blobs: services.blobs, clock, crypto, registries: context.registries, roster: () => own.roster.version,
    notices: () => noticesHeads(services, own.roster.nodes, own.self, crypto),
    pause: () => new Promise((resolve) => setImmediate(resolve)),
  })
  const budget = createBudget(clock, LOCKSETS_PER_ADDRESS, LOCKSETS_GLOBAL)
  const stopping = new AbortController()
  const counts = { made: 0, known: 0, refused: 0 }
  const slots = createSlots({ all: LOCKSETS_CONCURRENT_MAX, perCaller: LOCKSETS_CONCURRENT_PER_ADDRESS_MAX })
  const running = new Set<Promise<unknown>>()

  const answer = async (text: string, signal: AbortSignal): Promise<Answer> => {
    const request = parseLocksetRequest(text)
    const endMs = clock.nowMs() + LOCKSET_MS_MAX
    const late = new AbortController()
    const cancel = context.timers.after(LOCKSET_MS_MAX, () => late.abort())
    try {
      const made = await locksets.make(request, AbortSignal.any([signal, stopping.signal, late.signal]))
      counts[made.isNew ? "made" : "known"] += 1
      return await proven(context, made, Math.max(0, endMs - clock.nowMs()), [signal, stopping.signal])
    } catch (error) {
      if (isVouchsafeError(error, "TIMEOUT")) return refusal("BUSY", "the lines were not derived in time", "ask again in some seconds", { "retry-after": "2" })
      throw error
    } finally {
      cancel()
    }
  }
  const post = async ({ request, from, signal }: Exchange): Promise<Answer> => {
    const refused = guardJson(request)
    if (refused !== undefined) return refused
    // Before the body is read: it is what the budget protects.
    if (budget.take(from) !== "granted") {
      counts.refused += 1
      return refusal("RATE_LIMITED", "this address has asked for too many locksets", "ask again later", { "retry-after": "30", connection: "close" })
    }
    // A body may take its time to come: nobody keeps all places that way.
    const full = slots.refusal(from)
    if (full !== undefined) return refusal("BUSY", full === "all" ? `${slots.running()} locksets are in work` : `${LOCKSETS_CONCURRENT_PER_ADDRESS_MAX} locksets of this address are in work`, "ask again in some seconds", { "retry-after": "2", connection: "close" })
    const end = slots.take(from)
    const work = readBody(request, LOCKSET_BODY_BYTES_MAX).then((body) => (body.ok ? answer(bodyText(body.bytes), signal) : body.answer))
    running.add(work)
    try {
      return await work
    } finally {
      running.delete(work)
      end()
    }
  }
  return {
    name: "locksets",
    publicRoutes: [{ path: "/v1/lockset", post }],
    status: () => ({ ...counts, running: running.size }),
    async stop() {
      stopping.abort()
      await Promise.allSettled(running)
    },
  }
}

/** The lockset with its proof under the newest cosigned head, once that covers it. */
async function proven({ services, timers }: PartContext, { index, entry }: MadeLockset, leftMs: number, signals: readonly AbortSignal[]): Promise<Answer> {
  const { log, cosigner } = services.observations
  await within(timers, leftMs, cosigner.reached(index + 1), signals)
  const head = log.cosigned()
  if (head === undefined || head.size <= index) {
    return refusal("NOT_COSIGNED", "the witnesses have not cosigned the lockset yet", "ask again in some seconds: it is not written twice", { "retry-after": "2" })
  }
  const proof = await log.proveInclusion(index, head.size)
  return textAnswer(200, formatLocksetAnswer({ index, checkpoint: head.text, proof, entry }), { "content-type": "application/json" })
}

/** The notices heads that this node's witness cosigned last, and its own newest. */
async function noticesHeads({ witness, notices }: Services, nodes: readonly RosterNode[], self: RosterNode, crypto: Crypto): Promise<NoticesHead[]> {
  const heads = await Promise.all(nodes.map(async (node): Promise<NoticesHead[]> => {
    const log = node.notices.name
    if (log === self.notices.name) {
      const head = notices.log.cosigned()
      return head === undefined ? [] : [{ log, size: head.size, root: head.root }]
    }
    const { status, body } = await witness.monitor(`${hexEncode(crypto.sha256(utf8Encode(log)))}/checkpoint`)
    if (status !== 200) return []
    const { origin, size, root } = parseCheckpoint(parseNote(utf8Decode(body)).text)
    return origin === log ? [{ log, size, root }] : []
  }))
  return heads.flat()
}
