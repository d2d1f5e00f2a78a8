/** The node daemon: log, witness and attester over one data folder. Start at {@link startNode}. @packageDocumentation */
export type { NodeConfig } from "./config/arguments.ts"
export { main, type Process } from "./main.ts"
export { type NodeWorld, type RunningNode, startNode } from "./node.ts"
export { createNodeService, type NodeService } from "./node-service.ts"
export { openServices, type Services, type ServiceStores } from "./services.ts"
export { RUNTIME_MIN } from "./runtime.ts"
export type { Timers } from "./timers.ts"
export { VERSION } from "./version.ts"
