import type { Finding, TreeFile } from "./finding.ts"
import { isRecorded, isSource } from "./place.ts"

/** Bytes of one file in git. Larger material is generated or fetched. */
export const FILE_BYTES_MAX = 512 * 1024

// Needles are built from parts, so that this file and its tests pass their own rules.
const REGISTRY_HOST = new RegExp([["npm", "js\\.org"], ["registry\\.yarn", "pkg\\.com"]].map((parts) => parts.join("")).join("|"), "i")
const PROMISE = new RegExp(`\\b(?:${["TO", "DO"].join("")}|${["FIX", "ME"].join("")})\\b`)
const NOT_RUN = /\b(?:it|test|describe|suite|bench)(?:\.\w+)*\.(?:only|skip|todo|fails|skipIf|runIf)\b/

const LOCKFILE = "pnpm-lock.yaml"
const LICENCE = "LICENSE"

/** Checks what holds for any file in git, whatever its language. */
export function checkText(file: TreeFile): Finding[] {
  const findings: Finding[] = []
  const refuse = (line: number, rule: string, message: string): void => {
    findings.push({ file: file.path, line, rule, message })
  }
  if (file.bytes > FILE_BYTES_MAX) refuse(1, "size", `${file.bytes} bytes in git, expected at most ${FILE_BYTES_MAX}`)
  if (file.text === undefined || file.path === LOCKFILE || file.path === LICENCE) return findings
  const ours = !isRecorded(file.path)
  for (const [index, line] of file.text.split("\n").entries()) {
    const number = index + 1
    if (REGISTRY_HOST.test(line)) refuse(number, "registry-host", "a package registry's host is written out; take it from npm's configuration, or write registry.example")
    if (!ours) continue
    if (/[ \t\r]$/.test(line)) refuse(number, "trailing-whitespace", "white space at the end of the line")
    if (PROMISE.test(line)) refuse(number, "promise", "a promise in the tree: finish it, or write an issue")
    if (isSource(file.path) && NOT_RUN.test(line)) refuse(number, "not-run", "a test that does not always run proves nothing")
  }
  return findings
}
