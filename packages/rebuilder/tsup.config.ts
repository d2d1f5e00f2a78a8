import { bundle } from "@vouchsafe/config/tsup"

// eslint-disable-next-line import/no-default-export -- tsup reads the default export
export default bundle({ entry: { "vouchsafe-rebuilder": "src/bin.ts", "index": "src/index.ts" }, ending: ".mjs", target: "node22" })
