import { bundle } from "@vouchsafe/config/tsup"

// eslint-disable-next-line import/no-default-export -- tsup reads the default export
export default bundle({ entry: { core: "src/core.ts" }, ending: ".mjs" })
