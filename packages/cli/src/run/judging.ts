/**
 * What a run judges before and after the command.
 *
 * @packageDocumentation
 */
import { escapeForDisplay } from "@vouchsafe/core"
import { checkLockfile, type LockfileFinding, parseLockfile } from "@vouchsafe/client/lockfile"
import { systemClock } from "@vouchsafe/client/node"
import { formatLockfileReport, judgeLockfile, type LockfileReport } from "../check/lockfile.ts"
import { weighFindings } from "../check/rules.ts"
import { EXIT } from "../io.ts"
import { say } from "../output.ts"
import { lockfilesFor } from "./lockfiles.ts"
import { readIfThere } from "./registries.ts"
import type { Session } from "./session.ts"

/** Judges every lockfile that the command would install from and that is not as it was judged; prints what stands against it. */
export async function judgeLockfiles(session: Session, how: string): Promise<number> {
  const { command, judged } = session
  for (const path of lockfilesFor(command.manager, command.dir).paths) {
    const text = readIfThere(path)
    if (judged.get(path) === text) continue
    judged.set(path, text)
    const exit = await judgeText(session, path, text, `${path} ${how}`)
    if (exit !== EXIT.done) return exit
  }
  return EXIT.done
}

/** Judges one lockfile's text; prints what stands against it. @returns exit status. */
export async function judgeText({ io, project, denied }: Session, path: string, text: string, said: string): Promise<number> {
  const report = await judgeLockfile(project, parseLockfile(path, text))
  if (report.exit === EXIT.done) return report.exit
  say(io, `vouchsafe: ${escapeForDisplay(said)}`)
  say(io, formatLockfileReport(report).join("\n"))
  for (const refusal of refusalsIn(report)) denied.set(refusal.purl, refusal)
  return report.exit
}

/**
 * Judges what the command wrote. npm's packages all came through the shim: its lockfile is only looked at for what came from elsewhere, since
 * it also lists what other platforms would install, which nobody has asked the network about.
 */
export async function judgeWritten(session: Session): Promise<number> {
  const { command, project, judged } = session
  const how = "holds what was not judged before it was installed: remove node_modules"
  if (command.manager !== "npm") return judgeLockfiles(session, how)
  for (const path of lockfilesFor(command.manager, command.dir).paths) {
    const text = readIfThere(path)
    if (judged.get(path) === text) continue
    const suspects = checkLockfile(parseLockfile(path, text), { registryFor: (name) => project.registries.registryFor(name) })
    if (refuseFindings(session, suspects, `${path} ${how}`)) return EXIT.refused
  }
  return EXIT.done
}

/** Tells of what the policy denies; true when there is any. */
export function refuseFindings({ io, project, denied }: Session, suspects: readonly LockfileFinding[], said: string): boolean {
  const found = weighFindings(project.policy, suspects, Math.floor(systemClock.nowMs() / 1_000)).filter(({ severity }) => severity === "deny")
  if (found.length > 0) say(io, `vouchsafe: ${escapeForDisplay(said)}`)
  for (const { code, message, hint, where } of found) {
    say(io, `  ${code}: ${escapeForDisplay(message)}`)
    if (hint !== undefined) say(io, `    next  ${escapeForDisplay(hint)}`)
    denied.set(where, { purl: where, code, reason: message })
  }
  return found.length > 0
}

function refusalsIn({ findings, result: { verdicts } }: LockfileReport): { purl: string; code: string; reason: string }[] {
  const own = findings.filter(({ severity }) => severity === "deny").map(({ code, message, where }) => ({ purl: where, code, reason: message }))
  const judged = verdicts.flatMap((verdict) => verdict.ok ? [] : [{ purl: verdict.purl, code: verdict.code, reason: verdict.findings.find(({ code }) => code === verdict.code)?.message ?? verdict.code }])
  return [...own, ...judged]
}
