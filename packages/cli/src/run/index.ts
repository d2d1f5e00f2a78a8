/** Commands behind a shim. @packageDocumentation */
export { registriesFor } from "./registries.ts"
export { run, type RunOptions } from "./run.ts"
export type { RunParts, RunResult } from "./session.ts"
export { type RunningShim, type ShimLine, startShimProcess, type StartShim } from "./shim-process.ts"
export { formatRunSummary } from "./summary.ts"
