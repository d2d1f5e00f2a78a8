import { matrixOf } from "./suite.ts"

matrixOf(["pnpm10", "pnpm11", "pnpm12"], { oldRuntime: ["pnpm10", "pnpm12"] })
