export {} from "./limits.ts"
