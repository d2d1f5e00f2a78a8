import { matrixOf } from "./suite.ts"

matrixOf(["yarn4"], { oldRuntime: ["yarn4"] })
