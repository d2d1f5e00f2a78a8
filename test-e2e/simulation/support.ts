import { type MisbehaviorProof, nobleCrypto, parseMisbehavior, type Verdict, type VerifierKey, verifyMisbehavior } from "@vouchsafe/core"
import { expect } from "vitest"
import type { Person } from "./world/world.ts"

/** Operators whose word counted for a verdict. */
export const counted = (verdict: Verdict): string[] => [...new Set(verdict.claims.map(({ operator }) => operator))].sort()

export function expectAllowed(verdict: Verdict): void {
  expect(verdict.ok, JSON.stringify(verdict.findings, null, 2)).toBe(true)
}

/** A refusal with its code, a reason and a hint. */
export function expectRefused(verdict: Verdict, ...codes: string[]): void {
  expect(verdict.ok, `${verdict.purl} was allowed by ${counted(verdict).join(", ")}`).toBe(false)
  if (verdict.ok) return
  expect(codes).toContain(verdict.code)
  for (const finding of verdict.findings.filter(({ severity }) => severity === "deny")) {
    expect(finding.message).not.toBe("")
    expect(finding.hint ?? "", finding.message).not.toBe("")
  }
}

/**
 * The proof against a key among those that a client keeps. Read from the file's text and nothing else, by an implementation of the cryptography that
 * nothing in the world uses.
 */
export function proofAgainst(person: Person, key: VerifierKey): MisbehaviorProof {
  const record = person.state.misbehavior().find(({ log }) => log === key.vkey)
  expect(record, `no proof against ${key.name} is kept`).toBeDefined()
  const proof = parseMisbehavior(record?.document ?? "")
  expect(verifyMisbehavior(nobleCrypto, proof, key)).toBe(true)
  return proof
}

/** Everything that a client remembers of logs. */
export function remembered(person: Person): { heads: [string, string][]; mirrors: [string, unknown][]; proofs: unknown[] } {
  return { heads: [...person.state.heads], mirrors: [...person.state.mirrors], proofs: [...person.state.misbehavior()] }
}
