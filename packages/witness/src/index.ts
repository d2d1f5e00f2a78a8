/** Cosigns only heads that extend what was cosigned before. Runs without a log. Start at {@link openWitness}. @packageDocumentation */
export * from "./limits.ts"
export { openWitness } from "./open.ts"
export { type AddCheckpoint, parseAddCheckpoint } from "./request.ts"
export { sqliteWitnessStore } from "./sqlite-store.ts"
export { createWitness, type Witness, type WitnessAnswer, type WitnessOptions } from "./witness.ts"
