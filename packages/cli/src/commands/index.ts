/** All commands, in the order that help lists them. @packageDocumentation */
import { registerLockfile } from "./lockfile.ts"
import { registerNetwork } from "./network.ts"
import { registerKeys, registerNode } from "./node.ts"
import type { Register } from "./types.ts"

export const COMMANDS: readonly Register[] = [registerNode, registerNetwork, registerKeys, registerLockfile]
