import { sqliteWitnessStore } from "./sqlite-store.ts"
import { createWitness, type Witness, type WitnessOptions } from "./witness.ts"

/** Opens a witness over a folder of its own, or over a store. */
export async function openWitness(options: Omit<WitnessOptions, "store"> & ({ readonly directory: string } | Pick<WitnessOptions, "store">)): Promise<Witness> {
  return createWitness("directory" in options ? { ...options, store: sqliteWitnessStore(options.directory) } : options)
}
