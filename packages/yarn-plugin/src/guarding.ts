/** All that a guarded fetch needs. In the bundle it is the late part: see `late.ts`. @packageDocumentation */
export { fetcherBefore, type Guard } from "./guard.ts"
export { wrapNetworkRequest } from "./network.ts"
export { judgeFor } from "./node.ts"
