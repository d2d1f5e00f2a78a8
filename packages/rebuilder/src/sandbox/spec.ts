import { isAbsolute, posix } from "node:path"
import type { SandboxCommand, SandboxSpec } from "./executor.ts"

/** Where the sandbox keeps its own files inside. */
export const OWN_FOLDER = "/opt/vouchsafe"
export const HOME_INSIDE = "/home/builder"
/** Ports below belong to root, which nobody inside is. */
const PORT_MIN = 1024
const PORT_MAX = 65_535
const MOUNTS_MAX = 64
const FORWARDS_MAX = 16
/** Bytes of names and values together: the kernel takes some 2 MiB of arguments and environment. */
const ENVIRONMENT_BYTES_MAX = 256 * 1024
const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
/** Places inside that belong to the system or to the sandbox: mounting over them would undo what they are for. */
const RESERVED = ["/proc", "/dev", "/sys", "/etc", "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", OWN_FOLDER]

/** Refuses what no run could have. @throws TypeError */
export function checkSpec(spec: SandboxSpec, command: SandboxCommand): void {
  if (spec.mounts.length > MOUNTS_MAX) throw new TypeError(`${spec.mounts.length} mounts, expected at most ${MOUNTS_MAX}`)
  for (const { host, inside } of spec.mounts) {
    checkPath("mount on the host", host)
    checkPath("mount inside", inside)
    if (inside === "/" || RESERVED.some((place) => inside === place || inside.startsWith(`${place}/`))) {
      throw new TypeError(`mount inside is "${inside}", expected a place outside of the system's folders`)
    }
  }
  if (spec.forwards.length > FORWARDS_MAX) throw new TypeError(`${spec.forwards.length} forwards, expected at most ${FORWARDS_MAX}`)
  for (const { socket, port } of spec.forwards) {
    checkPath("socket of a forward", socket)
    if (!Number.isInteger(port) || port < PORT_MIN || port > PORT_MAX) throw new TypeError(`port of a forward is ${port}, expected ${PORT_MIN} to ${PORT_MAX}`)
  }
  if (new Set(spec.forwards.map(({ port }) => port)).size !== spec.forwards.length) throw new TypeError("two forwards have one port, expected each port once")
  for (const [name, value] of Object.entries({ ...spec.limits, timeoutMs: command.timeoutMs })) {
    if (!Number.isSafeInteger(value) || value < 1) throw new TypeError(`limit ${name} is ${value}, expected a positive integer`)
  }
  checkCommand(command)
}

function checkCommand({ argv, cwd, env }: SandboxCommand): void {
  if (argv.length === 0 || argv[0] === "") throw new TypeError("the command is empty, expected a program")
  if (argv.some((argument) => argument.includes("\0"))) throw new TypeError("an argument of the command holds a NUL")
  checkPath("working folder", cwd)
  let bytes = 0
  for (const [name, value] of Object.entries(env)) {
    if (!ENVIRONMENT_NAME.test(name)) throw new TypeError(`environment holds the name ${JSON.stringify(name)}, expected letters, digits and underscores`)
    if (value.includes("\0")) throw new TypeError(`environment variable ${name} holds a NUL`)
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + 2
  }
  if (bytes > ENVIRONMENT_BYTES_MAX) throw new TypeError(`environment of ${bytes} bytes, expected at most ${ENVIRONMENT_BYTES_MAX}`)
}

function checkPath(what: string, path: string): void {
  if (!isAbsolute(path) || path.includes("\0") || posix.normalize(path) !== path || (path.length > 1 && path.endsWith("/"))) {
    throw new TypeError(`${what} is ${JSON.stringify(path)}, expected an absolute path without dots and doubled slashes`)
  }
}
