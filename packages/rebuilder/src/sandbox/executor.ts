/**
 * The port behind which commands of strangers run: builds, clones, and whatever reads what they left.
 *
 * An executor that cannot keep its promises says `unavailable`; it never runs a command with less (THREATS A10: no sandbox, no rebuild).
 *
 * @packageDocumentation
 */

/** One command to run inside. */
export interface SandboxCommand {
  /** Program and arguments, as they stand: no shell reads them. The program is looked up inside, by `env.PATH` where it holds no slash. */
  readonly argv: readonly string[]
  /** Absolute folder inside. */
  readonly cwd: string
  /** The whole environment: nothing of the host's is added, except HOME, TMPDIR and PATH inside where they are not given. */
  readonly env: Readonly<Record<string, string>>
  /** Wall-clock milliseconds for this command; never more than `limits.timeMs` counts. */
  readonly timeoutMs: number
}

/** A folder or file of the host, shown inside. */
export interface SandboxMount {
  /** Absolute path on the host; must exist. */
  readonly host: string
  /** Absolute path inside. */
  readonly inside: string
  readonly writable: boolean
}

/** A unix socket of the host, reachable inside as `127.0.0.1:<port>`: the only way out there is. */
export interface SandboxForward {
  /** Absolute path on the host; must exist and be listened on. */
  readonly socket: string
  /** 1024 to 65535, each once. */
  readonly port: number
}

/** What one run may use. All of it at most; going over ends every process of the run. */
export interface SandboxLimits {
  /** Wall-clock milliseconds. */
  readonly timeMs: number
  /** Bytes of memory of all processes together, what they write to HOME and /tmp included. */
  readonly memoryBytes: number
  /** Processes and threads at one time. */
  readonly processes: number
  /** Bytes that may be written under all writable mounts together, and to HOME and /tmp together. */
  readonly diskBytes: number
  /** Bytes of standard output and standard error together. */
  readonly outputBytes: number
  /** Open files of each process. */
  readonly openFiles: number
}

/** What a run sees of the host, and what it may use. */
export interface SandboxSpec {
  readonly mounts: readonly SandboxMount[]
  readonly forwards: readonly SandboxForward[]
  readonly limits: SandboxLimits
}

/** How a run ended. Every outcome means that no process of it is left. */
export type SandboxOutcome =
  /** The command ended by itself; 128 + signal where a signal ended it. */
  | { readonly status: "exited"; readonly exitCode: number }
  /** A limit was met. `detail` says which and what was found, for people. */
  | { readonly status: "timeout" | "memory" | "disk" | "output" | "processes"; readonly detail: string }
  /** The sandbox could not be made; the command did not run. */
  | { readonly status: "unavailable"; readonly detail: string }

/** Runs commands apart from the host. */
export interface Executor {
  /** Name of the kind, `bubblewrap`. */
  readonly name: string
  /** Name and version for a statement's environment: `bubblewrap 0.8.0`. @throws VouchsafeError NOT_FOUND where it is not there. */
  describe(): Promise<string>
  /**
   * Runs one command and resolves when no process of it is left.
   *
   * @param onOutput - gets standard output and standard error as they come, mixed, at most `limits.outputBytes` in all
   * @throws TypeError for a spec or command that no run could have (relative paths, limits that are no positive integers)
   */
  run(spec: SandboxSpec, command: SandboxCommand, onOutput: (chunk: Uint8Array) => void): Promise<SandboxOutcome>
}
