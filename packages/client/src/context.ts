import { type Crypto, formatMisbehavior, isVouchsafeError, type MisbehaviorProof, type VerifierKey } from "@vouchsafe/core"
import type { LogBook } from "./book.ts"
import type { Budget } from "./budget.ts"
import type { ClientOptions, Failure, FoundMisbehavior } from "./types.ts"

/** What the steps of one check share. */
export interface CheckContext {
  readonly options: ClientOptions
  readonly crypto: Crypto
  readonly budget: Budget
  readonly sleep: (ms: number) => Promise<void>
  readonly found: FoundMisbehavior[]
  readonly notes: Failure[]
}

/** Turns a caught typed error into a failure; anything else is a bug and passes through. */
export function failureOf(error: unknown): Failure {
  if (isVouchsafeError(error)) return { code: error.code, message: error.message }
  throw error
}

/** Makes a log stop counting for good: in this check at once, for later ones through the state. */
export async function convict(context: CheckContext, book: LogBook, key: VerifierKey, proof: MisbehaviorProof): Promise<void> {
  const document = formatMisbehavior(proof)
  let path: string | undefined
  try {
    path = (await context.options.state.addMisbehavior(key.vkey, document)).path
  } catch (error) {
    const { code, message } = failureOf(error)
    context.notes.push({ code, message: `the proof against ${key.name} could not be kept: ${message}` })
  }
  book.misbehaved = `${proof.kind} of ${key.name}${path === undefined ? "" : ` (proof: ${path})`}`
  context.found.push({ operator: book.node.operator, origin: key.name, proof, isNew: true, ...(path === undefined ? {} : { path }) })
}

/** Makes a log not count in this check. */
export function distrust(book: LogBook, code: string, message: string): Failure {
  book.distrust = { code, message }
  return book.distrust
}
