export { run, type Command, type Ended } from "./command.ts"
export { failure, NOTHING, readReport, sum, summaryLine, type Count } from "./report.ts"
export { formatTable } from "./table.ts"
export { runAll, STEPS, type Step } from "./steps.ts"
