import { lstatSync, readlinkSync } from "node:fs"
import type { SandboxCommand, SandboxSpec } from "./executor.ts"
import { SOCKETS_FOLDER } from "./forward-script.ts"
import { HOME_INSIDE, OWN_FOLDER } from "./spec.ts"

/** Numbers of the open files that bubblewrap is started with. */
export const STATUS_FD = 3
export const SECCOMP_FD = 4
const FIRST_DATA_FD = 5

/** Nobody in particular; not the user outside, and not root, as which package managers behave differently. */
const UID_INSIDE = 1000
const GID_INSIDE = 1000
export const HOSTNAME = "sandbox"
/** Size of /dev/shm. */
export const SHARED_MEMORY_BYTES = 64 * 1024 * 1024
const DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"

/** Top folders of a system that hold programs and libraries; on most systems today links into /usr. */
const SYSTEM_LINKS = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"]
/** What programs need of /etc to find libraries, certificates and one another. Nothing here is secret or names the machine. */
const ETC_SHOWN = ["/etc/ld.so.cache", "/etc/alternatives", "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ca-certificates.conf", "/etc/pki/tls/certs", "/etc/pki/ca-trust/extracted"]
/** Folders under /usr that no build may read. */
const HIDDEN = [
  // configuration of package managers for all users, credentials among it
  "/usr/etc", "/usr/local/etc",
  // packages installed on the machine, what they bundle, and caches (Yarn 1 keeps root's there): one of them may be the very package that is rebuilt
  "/usr/lib/node_modules", "/usr/local/lib/node_modules", "/usr/share/nodejs", "/usr/share/node_modules", "/usr/share/npm", "/usr/local/share",
  // where Node's own archive is unpacked to, with npm and what it bundles
  "/usr/local/lib/nodejs", "/usr/lib/nodejs",
  // sources that somebody keeps on the machine
  "/usr/src", "/usr/local/src",
]

/** Files of the sandbox's own making, by their place inside. */
const OWN_FILES: Readonly<Record<string, string>> = {
  "/etc/passwd": `root:x:0:0:root:/nonexistent:/usr/sbin/nologin\nbuilder:x:${UID_INSIDE}:${GID_INSIDE}:builder:${HOME_INSIDE}:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n`,
  "/etc/group": `root:x:0:\nbuilder:x:${GID_INSIDE}:\nnogroup:x:65534:\n`,
  "/etc/hosts": `127.0.0.1 localhost ${HOSTNAME}\n`,
  "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
const FORWARD_FILE = `${OWN_FOLDER}/forward.cjs`
const NODE_FILE = `${OWN_FOLDER}/node`

/** Runs inside before anything else. dash calls the limit on processes -p, other shells -u; it does not bind root, the rest does. */
const ENTRY = 'limit=$1; shift; umask 022; ulimit -u "$limit" 2>/dev/null || ulimit -p "$limit" 2>/dev/null; exec "$@"'

/** How to start bubblewrap: its arguments, and what to write to its open files from {@link FIRST_DATA_FD} on. */
export interface Launch {
  readonly args: readonly string[]
  readonly data: readonly string[]
}

export interface LaunchOptions {
  /** Node on the host, for the forwards. */
  readonly nodePath: string
  readonly forwardScript: string
  /** What shows other device nodes than the host's; see `devices.ts`. */
  readonly deviceArgs: readonly string[]
  /** Hard limit on processes of the user inside. */
  readonly processes: number
  /** Bytes of HOME, and as many of /tmp. */
  readonly scratchBytes: number
}

/** The command line of bubblewrap for one run. */
export function launchOf(spec: SandboxSpec, command: SandboxCommand, options: LaunchOptions): Launch {
  const data: string[] = []
  const file = (place: string, text: string): string[] => {
    data.push(text)
    return ["--perms", "0644", "--ro-bind-data", String(FIRST_DATA_FD + data.length - 1), place]
  }
  const forwarded = spec.forwards.length > 0
  const scratch = (place: string, mode: string): string[] => ["--perms", mode, "--size", String(options.scratchBytes), "--tmpfs", place]
  const args = [
    "--unshare-all", "--unshare-user", "--disable-userns", "--new-session", "--die-with-parent", "--cap-drop", "ALL",
    "--uid", String(UID_INSIDE), "--gid", String(GID_INSIDE), "--hostname", HOSTNAME,
    "--json-status-fd", String(STATUS_FD), "--seccomp", String(SECCOMP_FD),
    "--perms", "0755", "--dir", "/etc", ...systemMounts(),
    ...Object.entries(OWN_FILES).flatMap(([place, text]) => file(place, text)),
    // the host's settings are files of /proc/sys that belong to root, which the user inside is outside where root runs this
    "--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev", ...options.deviceArgs, "--size", String(SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev",
    ...scratch(HOME_INSIDE, "0755"), ...scratch("/tmp", "1777"),
    ...(forwarded ? [...file(FORWARD_FILE, options.forwardScript), "--ro-bind", options.nodePath, NODE_FILE] : []),
    ...spec.forwards.flatMap(({ socket, port }) => ["--ro-bind", socket, `${SOCKETS_FOLDER}/${port}`]),
    ...spec.mounts.flatMap(({ host, inside, writable }) => [writable ? "--bind" : "--ro-bind", host, inside]),
    // what bubblewrap made to hold the mounts is in memory and has no size of its own
    "--remount-ro", "/",
    ...environment(command), "--chdir", command.cwd,
    "--", "/bin/sh", "-c", ENTRY, "sh", String(options.processes),
    ...(forwarded ? [NODE_FILE, FORWARD_FILE, spec.forwards.map(({ port }) => port).join(",")] : []),
    ...command.argv,
  ]
  return { args, data }
}

function environment({ env }: SandboxCommand): string[] {
  const whole = { HOME: HOME_INSIDE, TMPDIR: "/tmp", PATH: DEFAULT_PATH, ...env }
  return ["--clearenv", ...Object.entries(whole).flatMap(([name, value]) => ["--setenv", name, value])]
}

function systemMounts(): string[] {
  const args = ["--ro-bind", "/usr", "/usr"]
  for (const place of SYSTEM_LINKS) {
    const stats = lstatSync(place, { throwIfNoEntry: false })
    if (stats === undefined) continue
    if (stats.isSymbolicLink()) args.push("--symlink", readlinkSync(place), place)
    else args.push("--ro-bind", place, place)
  }
  for (const place of ETC_SHOWN) args.push("--ro-bind-try", place, place)
  for (const place of HIDDEN) {
    if (lstatSync(place, { throwIfNoEntry: false })?.isDirectory() === true) args.push("--tmpfs", place, "--remount-ro", place)
  }
  return args
}
