import { buildWitnessProof, type Bytes, type Crypto, formatMisbehavior, isVouchsafeError, type MisbehaviorProof, type VerifierKey } from "@vouchsafe/core"
import type { Budget } from "./budget.ts"
import { type LogMemory, noteConviction } from "./memory.ts"
import type { ClientOptions, Failure } from "./types.ts"

/** What the steps of one check, or of one exchange that several checks share, work with. */
export interface Context {
  readonly options: ClientOptions
  readonly crypto: Crypto
  readonly budget: Budget
  readonly notes: Failure[]
  /** Of all nodes of the roster. */
  readonly memories: readonly LogMemory[]
}

/** Turns a caught typed error into a failure; anything else is a bug and passes through. */
export function failureOf(error: unknown): Failure {
  if (isVouchsafeError(error)) return { code: error.code, message: error.message }
  throw error
}

/** Makes a log or a witness stop counting for good: at once for all checks of this client, for later ones through the state. */
export async function convict(context: Context, memory: LogMemory, key: VerifierKey, proof: MisbehaviorProof): Promise<void> {
  const document = formatMisbehavior(proof)
  const conviction = { operator: memory.node.operator, origin: key.name, proof, document }
  try {
    const { path } = await context.options.state.addMisbehavior(key.vkey, document)
    noteConviction(memory, { ...conviction, ...(path === undefined ? {} : { path }) })
  } catch (error) {
    const { code, message } = failureOf(error)
    context.notes.push({ code, message: `the proof against ${key.name} could not be kept: ${message}` })
    noteConviction(memory, conviction)
  }
  if (proof.kind === "fork") await convictWitnesses(context, proof)
}

/** Convicts every witness that cosigned two heads of one log which it must not cosign both: a fork with `consistency`, a rollback without. */
export async function convictWitnesses(context: Context, heads: { readonly origin: string; readonly older: string; readonly newer: string; readonly consistency?: readonly Bytes[] }): Promise<void> {
  for (const memory of context.memories) {
    const key = memory.node.witness
    const proof = memory.witnessLied === undefined ? buildWitnessProof(context.crypto, key, heads) : undefined
    if (proof !== undefined) await convict(context, memory, key, proof)
  }
}
