/** Commands behind a shim. @packageDocumentation */
export { registriesFor } from "./registries.ts"
export { run, type RunOptions, type RunParts, type RunResult } from "./run.ts"
export { type RunningShim, type ShimLine, startShimProcess, type StartShim } from "./shim-process.ts"
export { formatRunSummary } from "./summary.ts"
