import { matrixOf } from "./suite.ts"

matrixOf(["npm10", "npm11", "npm12"], { oldRuntime: ["npm10", "npm11"] })
