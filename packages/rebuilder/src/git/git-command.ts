/**
 * Runs git in the sandbox, without anything that a repository, a person's configuration or a server could add to it: no
 * hooks, helpers, prompts, submodules, large-file storage or replaced objects, and only the protocols that were asked for
 * (THREATS A8, A10).
 *
 * @packageDocumentation
 */
import { constants } from "node:fs"
import { open, rm } from "node:fs/promises"
import { join } from "node:path"
import { isVouchsafeError } from "@vouchsafe/core"
import type { Executor, SandboxLimits, SandboxOutcome } from "../sandbox/executor.ts"
import type { CheckedGitUrl } from "./url.ts"

/** Where the working folder stands inside. */
export const GIT_INSIDE = "/git"
/** Bytes of one answer of git: the refs of a repository with 200,000 tags take some 20 MB. */
export const ANSWER_BYTES_MAX = 32 * 1024 * 1024
/** Characters of what git wrote last, kept for people. */
const TROUBLE_LENGTH_MAX = 2000
/** git gives a server up that sends less than this for so long. */
const LOW_SPEED_BYTES = 1000
const LOW_SPEED_SECONDS = 60
const ANSWER_FILE = "answer"

/** Why the source could not be had. Codes are those of a failed rebuild. */
export interface GitFailure {
  readonly code: "SOURCE_NOT_FOUND" | "COMMIT_UNREACHABLE" | "CLONE_FAILED" | "SANDBOX_UNAVAILABLE"
  /** One line; may repeat what git said, printable. */
  readonly detail: string
  /** What git said, where git itself said no rather than a limit or the sandbox. */
  readonly said?: string
}

/** A value, or why there is none. */
export type GitResult<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: GitFailure }

/** An URL that {@link checkGitUrl} let pass. */
export type GitUrl = Extract<CheckedGitUrl, { ok: true }>

/** Where git works and how it reaches the world. */
export interface GitPlace {
  readonly executor: Executor
  /** An empty folder of the host, which the caller removes. */
  readonly folder: string
  /** The only way out: a proxy on a unix socket of the host, and its port inside. Not needed for `file`. */
  readonly proxy?: { readonly socket: string; readonly port: number } | undefined
  /** `timeMs` is for all steps together. */
  readonly limits: SandboxLimits
  /** Milliseconds of any clock that goes on. */
  readonly now: () => number
  /** Milliseconds of that clock at which everything must be over. */
  readonly deadlineMs: number
  /** What git says, for the log of a build. */
  readonly onOutput?: ((chunk: Uint8Array) => void) | undefined
}

/** One run of git. */
export interface GitRun {
  /** Folder under the place in which it runs; `""`: the place itself. */
  readonly repository: string
  /** What follows `git` and its settings. An URL or a name that came from outside stands behind `--`. */
  readonly args: readonly string[]
  /** The repository it may talk to; undefined: it has no network and no other folder. */
  readonly remote?: GitUrl | undefined
  /** Lines for its standard input. */
  readonly input?: string | undefined
  /** Name of a file in the place to which git writes its packets; not made where none is exchanged. */
  readonly packets?: string | undefined
}

const SETTINGS: Readonly<Record<string, string>> = {
  "core.hooksPath": "/dev/null", "core.attributesFile": "/dev/null", "core.excludesFile": "/dev/null", "core.askPass": "/bin/false",
  "core.sshCommand": "/bin/false", "core.fsmonitor": "false", "core.autocrlf": "false", "core.symlinks": "true", "core.protectHFS": "true",
  "core.protectNTFS": "true", "core.pager": "cat", "credential.helper": "", "submodule.recurse": "false", "fetch.recurseSubmodules": "false",
  "transfer.fsckObjects": "true", "gc.auto": "0", "maintenance.auto": "false", "advice.detachedHead": "false", "safe.directory": "*",
  "protocol.version": "2", "protocol.ext.allow": "never", "http.followRedirects": "initial", "http.sslVerify": "true",
  "http.lowSpeedLimit": String(LOW_SPEED_BYTES), "http.lowSpeedTime": String(LOW_SPEED_SECONDS), "log.showSignature": "false",
}

/** Flaws that old and honest repositories have, and that mislead nobody about what a commit holds. */
const OLD_FLAWS = ["zeroPaddedFilemode", "badTimezone", "missingEmail", "badEmail", "missingNameBeforeEmail", "missingSpaceBeforeEmail", "missingSpaceBeforeDate", "zeroPaddedDate"]

const ENV: Readonly<Record<string, string>> = {
  PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", TZ: "UTC", HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_ATTR_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0", GIT_ASKPASS: "/bin/false", SSH_ASKPASS: "/bin/false", GIT_SSH_COMMAND: "/bin/false",
  GIT_LFS_SKIP_SMUDGE: "1", GIT_NO_REPLACE_OBJECTS: "1", GIT_OPTIONAL_LOCKS: "0", GIT_CEILING_DIRECTORIES: GIT_INSIDE,
}

/** Runs git; its standard output, or why it failed. Exit statuses other than 0 are failures. */
export async function runGit(place: GitPlace, { repository, args, remote, input, packets }: GitRun): Promise<GitResult<Buffer>> {
  const leftMs = Math.floor(place.deadlineMs - place.now())
  if (leftMs <= 0) return failed("CLONE_FAILED", `the time limit of ${place.limits.timeMs} ms is over`)
  const answer = join(place.folder, ANSWER_FILE)
  await rm(answer, { recursive: true, force: true })
  let trouble = ""
  const cwd = repository === "" ? GIT_INSIDE : `${GIT_INSIDE}/${repository}`
  // One stream carries both outputs, so the answer goes to a file and only what is for people comes through.
  const argv = ["/bin/sh", "-c", 'command -v git >/dev/null || { echo "git is not installed" >&2; exit 127; }; answer=$1; input=$2; shift 2; printf %s "$input" | git "$@" >"$answer"', "git", `${GIT_INSIDE}/${ANSWER_FILE}`, input ?? "", ...settings(place, remote), ...args]
  const env = { ...ENV, GIT_ALLOW_PROTOCOL: remote?.protocol ?? "none", ...(packets === undefined ? {} : { GIT_TRACE_PACKET: `${GIT_INSIDE}/${packets}` }) }
  const outcome = await place.executor.run(specOf(place, remote), { argv, cwd, env, timeoutMs: leftMs }, (chunk) => {
    trouble = (trouble + Buffer.from(chunk).toString("latin1")).slice(-TROUBLE_LENGTH_MAX)
    place.onOutput?.(chunk)
  })
  const failure = failureOf(outcome, trouble, place)
  return failure ?? await readAnswer(answer)
}

function settings(place: GitPlace, remote: GitUrl | undefined): string[] {
  const all: [string, string][] = [...Object.entries(SETTINGS), ...OLD_FLAWS.map((flaw): [string, string] => [`fetch.fsck.${flaw}`, "ignore"])]
  if (place.proxy !== undefined && remote !== undefined) all.push(["http.proxy", `http://127.0.0.1:${place.proxy.port}`])
  return all.flatMap(([name, value]) => ["-c", `${name}=${value}`])
}

function specOf({ folder, limits, proxy }: GitPlace, remote: GitUrl | undefined): Parameters<Executor["run"]>[0] {
  const mounts = [{ host: folder, inside: GIT_INSIDE, writable: true }]
  if (remote?.protocol === "file") mounts.push({ host: remote.path, inside: remote.path, writable: false })
  return { mounts, forwards: remote !== undefined && remote.protocol !== "file" && proxy !== undefined ? [proxy] : [], limits }
}

/** What shells answer for a program that is not there. */
const NOT_INSTALLED = 127
const WAS_NEVER_THERE = /repository '[^']*' not found|does not appear to be a git repository|not a git repository|could not read Username|Authentication failed|URL returned error: (?:401|404|410|451)\b/

/** A file that outgrew what a process may write (signal 25 is SIGXFSZ), before the sandbox counted it. */
const DISK_IS_FULL = /died of signal 25|File too large|No space left on device|File size limit exceeded/

function failureOf(outcome: SandboxOutcome, trouble: string, { limits }: GitPlace): GitResult<never> | undefined {
  if (outcome.status === "unavailable") return failed("SANDBOX_UNAVAILABLE", outcome.detail)
  if (outcome.status === "timeout") return failed("CLONE_FAILED", `git was ended at the time limit of ${limits.timeMs} ms`)
  if (outcome.status === "disk") return failed("CLONE_FAILED", `the repository is larger than the disk limit of ${limits.diskBytes} bytes: ${outcome.detail}`)
  if (outcome.status !== "exited") return failed("CLONE_FAILED", `git was ended at the limit on ${outcome.status}: ${outcome.detail}`)
  if (outcome.exitCode === 0) return undefined
  const said = printable(trouble)
  if (DISK_IS_FULL.test(trouble)) return failed("CLONE_FAILED", `the repository is larger than the disk limit of ${limits.diskBytes} bytes: ${said}`)
  if (outcome.exitCode === NOT_INSTALLED) return failed("SANDBOX_UNAVAILABLE", `git cannot be run in the sandbox: ${said}`)
  if (WAS_NEVER_THERE.test(trouble)) return failed("SOURCE_NOT_FOUND", `the repository is gone, private, or was never there: ${said}`)
  return { ok: false, failure: { code: "CLONE_FAILED", detail: `git ended with status ${outcome.exitCode}: ${said}`, said } }
}

/** What git wrote, on one line, without what would move a terminal's cursor. */
function printable(text: string): string {
  const lines = Buffer.from(text, "latin1").toString("utf8").split(/[\r\n]+/).map((line) => line.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "?").trim())
  return lines.filter((line) => line !== "").slice(-4).join(" / ").slice(-600) || "it said nothing"
}

/** Reads a file that the sandbox wrote, and that it may have made into something else. */
async function readAnswer(path: string): Promise<GitResult<Buffer>> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const { size } = await file.stat()
      if (!(await file.stat()).isFile() || size > ANSWER_BYTES_MAX) return failed("CLONE_FAILED", `git's answer is no file of at most ${ANSWER_BYTES_MAX} bytes`)
      const bytes = Buffer.alloc(size)
      const { bytesRead } = await file.read(bytes, 0, size, 0)
      return { ok: true, value: bytes.subarray(0, bytesRead) }
    } finally {
      await file.close()
    }
  } catch (cause) {
    if (isVouchsafeError(cause)) throw cause
    return failed("CLONE_FAILED", `git's answer cannot be read: ${cause instanceof Error ? cause.message : "unknown"}`)
  }
}

/** A failure as a result. */
export function failed(code: GitFailure["code"], detail: string): { readonly ok: false; readonly failure: GitFailure } {
  return { ok: false, failure: { code, detail } }
}
