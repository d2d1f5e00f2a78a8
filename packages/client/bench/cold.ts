// One process that verifies once and ends: what the first check costs before the engine has compiled anything, which is what an install pays.
// node --conditions=source cold.ts FILE      prints CPU milliseconds
import { readFileSync } from "node:fs"
import { type ArtifactRequest, parsePolicy, parseRoster, verify } from "@vouchsafe/core"
import { nodeCrypto } from "../src/node/crypto.ts"
import { evidenceFrom, mustAllow, type NodeAnswer } from "./evidence.ts"
import { cpuMs } from "./measure.ts"

/** What the measured process reads: the answers as they come over the wire, and what is asked of them. */
export interface ColdInput {
  readonly rosterText: string
  readonly policyText: string
  readonly now: number
  readonly requests: readonly ArtifactRequest[]
  readonly answers: readonly NodeAnswer[]
}

const { rosterText, policyText, now, requests, answers } = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as ColdInput
const roster = parseRoster(nodeCrypto, rosterText)
const policy = parsePolicy(policyText)
process.stdout.write(String(cpuMs(() => { mustAllow(verify({ crypto: nodeCrypto, roster, policy, now, requests, evidence: evidenceFrom(answers) })) })))
