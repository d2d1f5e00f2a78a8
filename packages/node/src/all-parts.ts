import { openArtifactsPart } from "./artifacts/part.ts"
import { openGovernancePart } from "./governance/part.ts"
import { openGossipPart } from "./gossip/part.ts"
import { openLocksetPart } from "./lockset/part.ts"
import { openMirrorPart } from "./mirror/mirror.ts"
import { openMonitorPart } from "./monitor/monitor.ts"
import type { OpenPart } from "./parts.ts"
import { openPeersPart } from "./peers/peers.ts"

/** The parts in the order in which they start; they end in the reverse. */
export const ALL_PARTS: readonly OpenPart[] = [openPeersPart, openMirrorPart, openGossipPart, openArtifactsPart, openMonitorPart, openGovernancePart, openLocksetPart]
