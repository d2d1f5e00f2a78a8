import { bundle } from "@vouchsafe/config/tsup"

// eslint-disable-next-line import/no-default-export -- tsup reads the default export
export default bundle({ entry: { bin: "src/bin.ts", index: "src/index.ts", "audit-worker": "../audit/src/worker.ts" } })
