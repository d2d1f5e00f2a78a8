/**
 * The executor that every Linux can have: bubblewrap, with namespaces of its own for everything, a filter of system calls, and
 * a watchdog for what neither counts (ADR 0034).
 *
 * @packageDocumentation
 */
import { shown, VouchsafeError } from "@vouchsafe/core"
import { type ChildProcess, execFile } from "node:child_process"
import { accessSync, constants, existsSync, lstatSync, statSync } from "node:fs"
import { delimiter, join } from "node:path"
import { promisify } from "node:util"
import { launchOf } from "./arguments.ts"
import { type Cgroup, createCgroup } from "./cgroup.ts"
import { makeDevices } from "./devices.ts"
import type { Executor, SandboxCommand, SandboxOutcome, SandboxSpec } from "./executor.ts"
import { FORWARD_SCRIPT } from "./forward-script.ts"
import { collectOutput, readStatus, startBubblewrap, writeData } from "./launch.ts"
import { openPipe } from "./pipe.ts"
import { readOrGone } from "./processes.ts"
import { encodeProgram, seccompProgram } from "./seccomp.ts"
import { checkSpec } from "./spec.ts"
import { superviseRun } from "./supervise.ts"
import { createWatchdog, excessIn, OWN_MEMORY_BYTES, OWN_PROCESSES } from "./watchdog.ts"

const PROGRAM = "bwrap"
/** First version with `--disable-userns`. */
const VERSION_MIN = [0, 8, 0]
const VERSION_TIMEOUT_MS = 10_000
const PAGE_BYTES = 4096
/** So many times what the watchdog allows: a bomb whose parts die at the wall must be over the limit whenever it is looked at. */
const PROCESSES_WALL = 2

export interface BubblewrapOptions {
  /** Path of the program; default: the first `bwrap` on this process's PATH. */
  readonly program?: string
  /** Node to run the forwards with, on the host; default: the one that runs this. */
  readonly nodePath?: string
  /** False: no control groups, limits by the watchdog alone. Default true: where they can be had. */
  readonly cgroups?: boolean
  /** Start bubblewrap as this user of the host; only root can. The user must be able to reach the mounts and the sockets. */
  readonly user?: { readonly uid: number; readonly gid: number }
}

/** The path of bubblewrap on this process's PATH; undefined where it is not installed. */
export function findBubblewrap(path = process.env["PATH"] ?? ""): string | undefined {
  return path.split(delimiter).filter((folder) => folder.startsWith("/")).map((folder) => join(folder, PROGRAM)).find(isProgram)
}

/** An executor on bubblewrap. Making one starts nothing and never fails: a run says `unavailable`. */
export function createBubblewrap(options: BubblewrapOptions = {}): Executor {
  let asked: Promise<string> | undefined
  const describe = (): Promise<string> => {
    asked ??= versionOf(options.program ?? findBubblewrap())
    return asked
  }
  return {
    name: "bubblewrap",
    describe,
    async run(spec, command, onOutput) {
      checkSpec(spec, command)
      const seccomp = seccompProgram(process.arch)
      if (process.platform !== "linux" || seccomp === undefined) return unavailable(`bubblewrap runs on Linux on x64 and arm64, found ${process.platform} on ${process.arch}`)
      const why = await describe().then(() => undefined, (error: VouchsafeError) => error.message)
      const missing = why ?? missingOf(spec)
      if (missing !== undefined) return unavailable(missing)
      return runOnce({ spec, command, onOutput, options, program: (options.program ?? findBubblewrap()) as string, seccomp: encodeProgram(seccomp) })
    },
  }
}

interface Run {
  readonly spec: SandboxSpec
  readonly command: SandboxCommand
  readonly onOutput: (chunk: Uint8Array) => void
  readonly options: BubblewrapOptions
  readonly program: string
  readonly seccomp: Uint8Array
}

async function runOnce({ spec, command, onOutput, options, program, seccomp }: Run): Promise<SandboxOutcome> {
  const { limits } = spec
  const scratchBytes = Math.max(PAGE_BYTES, Math.floor(Math.min(limits.diskBytes, limits.memoryBytes) / 2 / PAGE_BYTES) * PAGE_BYTES)
  const processes = limits.processes + OWN_PROCESSES
  const asRoot = process.geteuid?.() === 0 && (options.user === undefined || options.user.uid === 0)
  const devices = asRoot ? await makeDevices().catch((error: VouchsafeError) => error) : undefined
  if (devices instanceof VouchsafeError) return unavailable(devices.message)
  const launch = launchOf(spec, command, { deviceArgs: devices?.args ?? [], nodePath: options.nodePath ?? process.execPath, forwardScript: FORWARD_SCRIPT, processes: processes * PROCESSES_WALL, scratchBytes })
  const cgroup = options.cgroups === false ? undefined : createCgroup({ memoryBytes: limits.memoryBytes + OWN_MEMORY_BYTES, processes })
  try {
    const watchdog = createWatchdog(spec, scratchBytes, cgroup)
    const pipe = await openPipe()
    const child = startBubblewrap(program, launch, limits, pipe.writeFd, options.user)
    const output = collectOutput(pipe.start(), limits.outputBytes, onOutput)
    const status = readStatus(child)
    const supervised = superviseRun({ child, status, output, watchdog, timeMs: Math.min(limits.timeMs, command.timeoutMs) })
    const group = joinGroup(cgroup, child)
    writeData(child, seccomp, launch.data)
    const ended = await supervised
    if (ended !== undefined) return ended
    const excess = excessIn(group, limits)
    if (excess !== undefined) return excess
    const exitCode = status.exitCode()
    return exitCode === undefined ? unavailable(output.tail()) : { status: "exited", exitCode }
  } finally {
    devices?.remove()
    await cgroup?.remove()
  }
}

/** Before the go-ahead, so that nothing of the run is ever outside of the group. */
function joinGroup(cgroup: Cgroup | undefined, child: ChildProcess): Cgroup | undefined {
  return cgroup !== undefined && child.pid !== undefined && cgroup.join(child.pid) ? cgroup : undefined
}

async function versionOf(program: string | undefined): Promise<string> {
  const hint = "install bubblewrap 0.8.0 or later; nothing is built without a sandbox"
  if (program === undefined) throw new VouchsafeError("NOT_FOUND", "bubblewrap is not installed: no bwrap on the PATH", { hint })
  const { stdout } = await promisify(execFile)(program, ["--version"], { timeout: VERSION_TIMEOUT_MS, env: {} }).catch((cause: unknown) => {
    throw new VouchsafeError("NOT_FOUND", `bubblewrap does not start: ${shown(String((cause as Error).message).split("\n")[0] ?? "")}`, { hint, cause })
  })
  const found = /^bubblewrap ([0-9]+)\.([0-9]+)\.([0-9]+)\s*$/.exec(stdout)
  if (found === null) throw new VouchsafeError("NOT_FOUND", `bwrap --version says ${shown(stdout.trim())}, expected "bubblewrap" and a version`, { hint })
  const version = found.slice(1, 4).map(Number)
  const differing = version.findIndex((number, index) => number !== VERSION_MIN[index])
  if (differing >= 0 && (version[differing] as number) < (VERSION_MIN[differing] as number)) {
    throw new VouchsafeError("NOT_FOUND", `bubblewrap ${version.join(".")} is too old, expected ${VERSION_MIN.join(".")} or later`, { hint })
  }
  return `bubblewrap ${version.join(".")}`
}

function missingOf({ mounts, forwards }: SandboxSpec): string | undefined {
  const mount = mounts.find(({ host }) => !existsSync(host))
  if (mount !== undefined) return `nothing to mount at ${shown(mount.host)}`
  // Whoever wrote there in an earlier run may have left a link in a folder's place.
  const link = mounts.find(({ host, writable }) => writable && readOrGone(() => lstatSync(host))?.isSymbolicLink() !== false)
  if (link !== undefined) return `what is to be written to at ${shown(link.host)} is a link`
  const forward = forwards.find(({ socket }) => readOrGone(() => statSync(socket))?.isSocket() !== true)
  return forward === undefined ? undefined : `no socket to forward to at ${shown(forward.socket)}`
}

function isProgram(path: string): boolean {
  return readOrGone(() => {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  }) === true
}

function unavailable(detail: string): SandboxOutcome {
  return { status: "unavailable", detail: detail === "" ? "bubblewrap ended without a word" : detail }
}
