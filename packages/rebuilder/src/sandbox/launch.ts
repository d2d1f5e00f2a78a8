import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process"
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs"
import type { Readable, Writable } from "node:stream"
import { type Launch, SECCOMP_FD, STATUS_FD } from "./arguments.ts"
import type { SandboxLimits } from "./executor.ts"
import { readOrGone } from "./processes.ts"

/** Bytes of bubblewrap's own words that are kept for a report. */
const TAIL_BYTES_MAX = 2048
const STATUS_BYTES_MAX = 64 * 1024
const KIB = 1024
const O_CLOEXEC = 0o2000000
/** `ulimit -f` counts in these. */
const FILE_BLOCK_BYTES = 512
/**
 * Private memory of one process at most: so many times the whole run's limit, and a gibibyte that engines like V8 reserve and never
 * touch. A wall for what happens between two looks of the watchdog.
 */
const DATA_SHARE = 2
const DATA_RESERVED_BYTES = 1024 * 1024 * 1024

/**
 * Runs outside, before bubblewrap, since Node cannot set limits of its children: waits for the go-ahead (by then it is in its
 * control group), then no core files, limits on open files, the size of a file and the private memory of a process. Where the
 * host's own limit is lower, that stays.
 */
const ENTRY = 'read -r go; [ "$go" = go ] || exit 1; ulimit -c 0; ulimit -n "$1" 2>/dev/null; ulimit -f "$2" 2>/dev/null; ulimit -d "$3" 2>/dev/null; shift 3; exec "$@" </dev/null'

/** Starts bubblewrap; it waits until {@link writeData}. */
export function startBubblewrap(program: string, launch: Launch, limits: SandboxLimits, outputFd: number, user: { readonly uid: number; readonly gid: number } | undefined): ChildProcess {
  const empty = openSync("/dev/null", "r")
  try {
    return start(program, launch, limits, { ...user, stdio: openFiles(launch, outputFd, empty) })
  } finally {
    closeSync(empty)
  }
}

function start(program: string, launch: Launch, limits: SandboxLimits, options: SpawnOptions): ChildProcess {
  const numbers = [limits.openFiles, Math.ceil(limits.diskBytes / FILE_BLOCK_BYTES), Math.ceil((limits.memoryBytes * DATA_SHARE + DATA_RESERVED_BYTES) / KIB)]
  return spawn("/bin/sh", ["-c", ENTRY, "sh", ...numbers.map(String), program, ...launch.args], { cwd: "/", env: {}, ...options })
}

/**
 * Pipes for what the sandbox needs, and nothing in place of whatever else this process was started with: Node closes what it opened
 * by itself, and lets through what it inherited.
 */
function openFiles(launch: Launch, outputFd: number, empty: number): ("pipe" | "ignore" | number)[] {
  const wanted: ("pipe" | "ignore" | number)[] = ["pipe", outputFd, outputFd, "pipe", "pipe", ...launch.data.map(() => "pipe" as const)]
  for (const name of readdirSync("/proc/self/fd")) {
    const fd = Number(name)
    const flags = readOrGone(() => /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"))?.[1])
    if (fd < wanted.length && wanted[fd] !== "ignore") continue
    if (flags === undefined || (Number.parseInt(flags, 8) & O_CLOEXEC) !== 0) continue
    while (wanted.length < fd) wanted.push("ignore")
    wanted[fd] = empty
  }
  return wanted
}

/** Hands over the filter and the small files, and lets it go. */
export function writeData(child: ChildProcess, seccomp: Uint8Array, data: readonly string[]): void {
  const write = (fd: number, bytes: Uint8Array | string): void => {
    const stream = child.stdio[fd] as Writable
    // it ended before it read; how it ended says why
    stream.on("error", () => stream.destroy())
    stream.end(bytes)
  }
  write(SECCOMP_FD, seccomp)
  for (const [index, text] of data.entries()) write(SECCOMP_FD + 1 + index, text)
  write(0, "go\n")
}

/** What bubblewrap says of itself. */
export interface Status {
  /** The first process of the run as the host numbers it; undefined until it is there. */
  firstPid(): number | undefined
  /** How the command ended; undefined where it never ran, or was not let end. */
  exitCode(): number | undefined
}

/** Reads bubblewrap's JSON lines. */
export function readStatus(child: ChildProcess): Status {
  let text = ""
  const stream = child.stdio[STATUS_FD] as Readable
  stream.setEncoding("latin1")
  stream.on("error", () => stream.destroy())
  stream.on("data", (chunk: string) => {
    if (text.length < STATUS_BYTES_MAX) text += chunk
  })
  const number = (name: string): number | undefined => {
    const found = new RegExp(`"${name}": *([0-9]+)`).exec(text)?.[1]
    return found === undefined ? undefined : Number(found)
  }
  return { firstPid: () => number("child-pid"), exitCode: () => number("exit-code") }
}

/** Standard output and standard error of a run, counted. */
export interface Output {
  /** True once more came than may come; what is over is not passed on. */
  readonly over: () => boolean
  /** The last of it, for a report. */
  tail(): string
  /** Calls back once, when it goes over. */
  onOver(call: () => void): void
  /** Resolves when all of it has been read. */
  readonly ended: Promise<void>
}

/** Passes output on up to the limit. */
export function collectOutput(stream: Readable, bytesMax: number, onOutput: (chunk: Uint8Array) => void): Output {
  let bytes = 0
  let tail = Buffer.alloc(0)
  let call: (() => void) | undefined
  const take = (chunk: Buffer): void => {
    const room = Math.max(0, bytesMax - bytes)
    const wasOver = bytes > bytesMax
    bytes += chunk.length
    const passed = chunk.subarray(0, room)
    tail = Buffer.from(Buffer.concat([tail, passed]).subarray(-TAIL_BYTES_MAX))
    if (passed.length > 0) onOutput(passed)
    if (bytes > bytesMax && !wasOver) call?.()
  }
  stream.on("error", () => stream.destroy())
  stream.on("data", take)
  const ended = new Promise<void>((resolve) => { stream.on("close", resolve) })
  return { ended, over: () => bytes > bytesMax, tail: () => tail.toString("utf8").trim(), onOver: (next) => { call = next } }
}
