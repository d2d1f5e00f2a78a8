/** A registry on loopback that passes on only what the network vouches for. @packageDocumentation */
export { startShim, type Shim, type ShimOptions } from "./server.ts"
export type { Check, Checked, Refusal, Registries, ShimClock, ShimEvent } from "./types.ts"
