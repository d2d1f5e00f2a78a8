/** Test doubles of the outside world. The fake registry is `@vouchsafe/testkit/registry`. @packageDocumentation */
export { startRegistry } from "./registry/index.ts"
