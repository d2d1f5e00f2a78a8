/** Every command of the program. @packageDocumentation */
import { registerCheck } from "./check.ts"
import { registerDoctor } from "./doctor.ts"
import { registerExplain } from "./explain.ts"
import { registerInit } from "./init.ts"
import { registerLockfile } from "./lockfile.ts"
import { registerLog } from "./log.ts"
import { registerNetwork } from "./network.ts"
import { registerKeys, registerNode } from "./node.ts"
import { registerStatus } from "./status.ts"
import type { Register } from "./types.ts"

export const COMMANDS: readonly Register[] = [registerInit, registerCheck, registerExplain, registerLog, registerDoctor, registerNode, registerNetwork, registerStatus, registerKeys, registerLockfile]
