/**
 * One run while it is under way: what was refused so far, and what it comes to.
 *
 * @packageDocumentation
 */
import { escapeForDisplay, npmNameOf } from "@vouchsafe/core"
import type { Project } from "@vouchsafe/client/node"
import { type CliIo, EXIT } from "../io.ts"
import { say } from "../output.ts"
import type { RunChild } from "./child.ts"
import type { GuardedCommand } from "./command.ts"
import type { ShimLine, StartShim } from "./shim-process.ts"

/** What a run came to. */
export interface RunResult {
  /** The command's own status; undefined when it was not started. */
  readonly commandStatus: number | undefined
  readonly denied: readonly { readonly purl: string; readonly code: string; readonly reason: string }[]
  readonly allowed: number
  readonly misbehavior: readonly { readonly origin: string; readonly path?: string }[]
  readonly exit: number
}

/** Parts that tests replace. */
export interface RunParts {
  readonly startShim: StartShim
  readonly runChild: RunChild
}

export interface Session {
  readonly io: CliIo
  readonly parts: RunParts
  readonly command: GuardedCommand
  readonly project: Project
  readonly denied: Map<string, { purl: string; code: string; reason: string }>
  readonly misbehavior: { origin: string; path?: string }[]
  readonly addresses: Map<string, string>
  /** Texts of the lockfiles as they were judged, by path. */
  readonly judged: Map<string, string>
  allowed: number
}

/** Takes a line of the shim's. */
export function take(session: Session, line: ShimLine): void {
  const { io, denied, misbehavior, addresses } = session
  switch (line.event) {
    case "denied":
      denied.set(line.purl, { purl: line.purl, code: line.code, reason: line.reason })
      say(io, `vouchsafe: refused ${escapeForDisplay(line.reason)}`)
      return
    case "warning": say(io, `vouchsafe: warning ${line.code}: ${escapeForDisplay(line.message)}`); return
    case "misbehavior":
      misbehavior.push({ origin: line.origin, ...(line.path === undefined ? {} : { path: line.path }) })
      say(io, `vouchsafe: LOG_MISBEHAVED: ${escapeForDisplay(line.origin)} is proven to have lied${line.path === undefined ? "" : `; the proof is kept in ${escapeForDisplay(line.path)}`}`)
      return
    case "address": {
      const { name, version } = npmNameOf(line.purl)
      addresses.set(`${name}@${version}`, line.tarball)
      return
    }
    case "summary": session.allowed = line.allowed; return
    case "ready": return
  }
}

/** A refusal outweighs the command's own word: managers end well without an optional package that was refused. */
export function exitOf({ denied, misbehavior }: Session, status: number): number {
  return misbehavior.length > 0 ? EXIT.misbehavior : denied.size > 0 ? EXIT.refused : status
}

export function result({ denied, misbehavior, allowed }: Session, commandStatus: number | undefined, exit: number): RunResult {
  return { commandStatus, denied: [...denied.values()], allowed, misbehavior, exit }
}
