import { isVouchsafeError } from "../../errors.ts"
import { parseNote } from "../../note.ts"
import type { VerifierKey } from "../../vkey.ts"
import type { HeadChecker } from "../head.ts"
import type { RosterNode } from "../roster.ts"

/**
 * A signed head without the signatures that its quorum, and the time of it, do not need: what a lock keeps of it.
 * Returned as it was where it does not verify.
 */
export function compactHead(heads: HeadChecker, node: RosterNode, key: VerifierKey, signed: string): string {
  const whole = heads.check(node, key, signed)
  if (!whole.ok) return signed
  let text: string
  try {
    text = parseNote(signed).text
  } catch (error) {
    if (!isVouchsafeError(error)) throw error
    return signed
  }
  let lines = signed.slice(text.length + 1).split("\n").slice(0, -1)
  const write = (kept: readonly string[]): string => `${text}\n${kept.map((line) => `${line}\n`).join("")}`
  for (const line of [...lines].reverse()) {
    const fewer = lines.filter((other) => other !== line)
    const result = fewer.length === 0 ? undefined : heads.check(node, key, write(fewer))
    if (result?.ok === true && result.head.timeSeconds === whole.head.timeSeconds) lines = fewer
  }
  return write(lines)
}
