import { yarnBundle } from "@vouchsafe/config/tsup"

// eslint-disable-next-line import/no-default-export -- tsup reads the default export
export default yarnBundle({ entry: { "yarn-plugin": "src/index.ts" }, name: "@vouchsafe/yarn-plugin" })
