export { checkOutput } from "./check.ts"
export { collectLicences } from "./licences.ts"
export { requireWhereNeeded } from "./require.ts"
export { runnableBins } from "./runnable.ts"
