/**
 * CPU of verifying bundles: `node --conditions=source bench/verify.ts`. Prints the median of each file, first and remembered.
 *
 * @packageDocumentation
 */
import { readdirSync } from "node:fs"
import { sharedPath } from "@vouchsafe/config/shared"
import { createUpstreamVerifier } from "../src/index.ts"
import { attestationFile, inputFor, realTrust } from "../test/support/data.ts"

const ROUNDS = 41

function cpuMs(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

function median(values: number[]): number {
  values.sort((a, b) => a - b)
  return values[Math.floor(values.length / 2)] ?? 0
}

const trust = realTrust()
for (const name of readdirSync(sharedPath("data", "npm-attestations", "registry-shape"))) {
  const answer = JSON.parse(attestationFile("registry-shape", name)) as { attestations: { bundle: { dsseEnvelope: { payload: string } } }[] }
  const statement = JSON.parse(Buffer.from(answer.attestations[0]?.bundle.dsseEnvelope.payload ?? "", "base64").toString("utf8")) as { subject: { name: string; digest: { sha512: string } }[] }
  const subject = statement.subject[0]
  if (subject === undefined) throw new Error(`${name} names no subject`)
  const input = inputFor(subject.name, subject.digest.sha512, answer)
  const first: number[] = []
  const again: number[] = []
  for (let i = 0; i < ROUNDS; i++) {
    const verifier = createUpstreamVerifier(trust)
    first.push(cpuMs(() => verifier.verifyUpstream(input)))
    again.push(cpuMs(() => verifier.verifyUpstream(input)))
  }
  process.stdout.write(`${name}: ${answer.attestations.length} bundles, first ${median(first).toFixed(2)} ms CPU, ${(median([...first]) / answer.attestations.length).toFixed(2)} a bundle, again ${median(again).toFixed(2)} ms\n`)
}
