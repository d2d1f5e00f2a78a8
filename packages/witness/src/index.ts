/** Cosigns only consistent heads of other logs. Start at `openWitness`. @packageDocumentation */
export * from "./limits.ts"
export { openSqliteWitnessStore, type SqliteWitnessStore } from "./sqlite-store.ts"
export { openWitness, type Witness, type WitnessAnswer, type WitnessedLog, type WitnessOptions, type WitnessRole } from "./witness.ts"
