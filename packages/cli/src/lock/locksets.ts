import type { HttpTransport, NodeFailure } from "@vouchsafe/client"
import {
  type Bytes, equalBytes, formatLocksetRequest, isVouchsafeError, type LockedLockset, lockedLocksetOf, LOCKSET_ANSWER_LENGTH_MAX, type LocksetRequest, parseLocksetAnswer, type Roster, type RosterNode, utf8Decode, utf8Encode, VouchsafeError,
} from "@vouchsafe/core"
import { refusalOf } from "../nodes.ts"

/** Time for one node to derive the lines, and to have its log cosigned, in ms. */
const TIMEOUT_MS = 60_000
/** A code unit takes at most three bytes. */
const ANSWER_BYTES_MAX = 3 * LOCKSET_ANSWER_LENGTH_MAX

/** What the nodes said of a whole lock. */
export interface Asked {
  readonly locksets: readonly LockedLockset[]
  readonly failures: readonly NodeFailure[]
}

/**
 * Sends the lines to every node of the roster at once. Each derives them from its own statements and says which it has (THREATS A2).
 *
 * @param root - of the lines, which an answer must be about
 */
export async function askLocksets(roster: Roster, transport: HttpTransport, request: LocksetRequest, root: Bytes): Promise<Asked> {
  const body = utf8Encode(formatLocksetRequest(request))
  const answers = await Promise.all(roster.nodes.map(async (node): Promise<LockedLockset | NodeFailure> => {
    try {
      return await askOne(node, transport, body, request, root)
    } catch (error) {
      if (!isVouchsafeError(error)) throw error
      return { operator: node.operator, origin: node.log.name, code: error.code, message: error.message }
    }
  }))
  return { locksets: answers.filter((answer) => "proof" in answer), failures: answers.filter((answer) => "code" in answer) }
}

async function askOne(node: RosterNode, transport: HttpTransport, body: Bytes, request: LocksetRequest, root: Bytes): Promise<LockedLockset> {
  const answer = await transport.request({
    method: "POST", url: `${node.url}v1/lockset`, headers: { "content-type": "application/json" }, body, timeoutMs: TIMEOUT_MS, maxBytes: ANSWER_BYTES_MAX,
  })
  const text = utf8Decode(answer.body)
  if (answer.status !== 200) throw refused(node, answer.status, text)
  const { locked, said } = lockedLocksetOf(parseLocksetAnswer(text))
  if (locked.log !== node.log.name || !equalBytes(said.root, root) || said.registry !== request.registry || said.count !== request.lines.length) {
    throw new VouchsafeError("EVIDENCE_MALFORMED", `node of ${node.operator} answered about other lines than it was sent`)
  }
  return locked
}

function refused({ operator }: RosterNode, status: number, text: string): VouchsafeError {
  const { code, message } = refusalOf({ status, document: documentOf(text) })
  return new VouchsafeError("UPSTREAM_FAILED", `node of ${operator} answered ${code}: ${message}`, status === 404 ? { hint: "does it run a version that makes locksets?" } : {})
}

function documentOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
