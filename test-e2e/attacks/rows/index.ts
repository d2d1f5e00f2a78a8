/** All rows of the replay, in the order of the reference. @packageDocumentation */
import type { Row } from "../types.ts"
import { BURSTS } from "./bursts.ts"
import { IDENTITIES } from "./identities.ts"
import { NAMES } from "./names.ts"
import { SOURCES } from "./sources.ts"
import { TAKEOVERS } from "./takeovers.ts"

export const ROWS: readonly Row[] = [...IDENTITIES, ...NAMES, ...TAKEOVERS, ...SOURCES, ...BURSTS].sort((a, b) => a.number - b.number)
