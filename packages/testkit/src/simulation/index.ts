/** A network in one process that replays from a seed. Start at {@link createSimulation}. @packageDocumentation */
export { createMemoryCache, createMemoryState, type MemoryState } from "./client-memory.ts"
export type { Life } from "./hosts.ts"
export type { SimulatedHandler, SimulatedRequest } from "./http.ts"
export type { Cut, LinkRules, Links } from "./links.ts"
export type { PeerOptions } from "./peers.ts"
export { createRandom, type Random } from "./random.ts"
export { createSimulation, type Simulation } from "./simulation.ts"
export { START_MS, type VirtualTime } from "./time.ts"
