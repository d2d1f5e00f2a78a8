/**
 * The sandbox's filter of system calls: a classic BPF program, assembled here and loaded by bubblewrap.
 *
 * It allows what it does not name. What it names, and why, stands in `syscalls.ts`.
 *
 * @packageDocumentation
 */
import { ARCHITECTURES, type Architecture, type ModeCall, SYSCALL_KNOWN_MAX } from "./syscalls.ts"

/** One instruction: `struct sock_filter`. */
export interface Instruction {
  readonly code: number
  /** Instructions to skip where the test holds. */
  readonly jt: number
  /** Instructions to skip where it does not. */
  readonly jf: number
  readonly k: number
}

const INSTRUCTION_BYTES = 8
/** BPF_LD | BPF_W | BPF_ABS */
const LOAD = 0x20
const JUMP_EQUAL = 0x15
const JUMP_GREATER = 0x25
const JUMP_GREATER_OR_EQUAL = 0x35
/** BPF_JMP | BPF_JSET: any of these bits */
const JUMP_ANY_BIT = 0x45
const RETURN = 0x06

// offsets into struct seccomp_data; of arguments the low half, which comes first on both architectures
const OFFSET_NUMBER = 0
const OFFSET_ARCHITECTURE = 4
const OFFSET_ARGUMENTS = 16
const ARGUMENT_BYTES = 8

export const RETURN_ALLOW = 0x7fff0000
export const RETURN_KILL_PROCESS = 0x80000000
const RETURN_ERRNO = 0x00050000
export const EPERM = 1
export const ENOSYS = 38
export const EAFNOSUPPORT = 97

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const CLONE_NAMESPACES = 0x7e020000
const AF_UNIX = 1
const AF_INET = 2
const AF_INET6 = 10
const AF_NETLINK = 16
/** The one netlink protocol that ordinary programs use: which addresses are there. */
const NETLINK_ROUTE = 0
/** They write into a terminal as if its user typed. */
const IOCTLS_REFUSED = [0x5412 /* TIOCSTI */, 0x541c /* TIOCLINUX */]
/** S_ISUID and S_ISGID: a file that keeps them runs as its owner on the host, who may be root. */
const MODE_REFUSED = 0o6000
/** O_CREAT and O_TMPFILE's own bit, the same on both architectures. */
const OPEN_CREATES = 0x400040
/** Linux, and the question which one it is. */
const PERSONALITIES_ALLOWED = [0, 0xffffffff]

const give = (k: number): Instruction => ({ code: RETURN, jt: 0, jf: 0, k })
const fail = (errno: number): Instruction => give(RETURN_ERRNO | errno)
const load = (offset: number): Instruction => ({ code: LOAD, jt: 0, jf: 0, k: offset })
const loadArgument = (index: number): Instruction => load(OFFSET_ARGUMENTS + index * ARGUMENT_BYTES)
/** `then` where the accumulator compares so, else what follows. */
const when = (code: number, k: number, then: readonly Instruction[]): Instruction[] => [{ code, jt: 0, jf: then.length, k }, ...then]

/**
 * The filter for an architecture by `process.arch`.
 * @returns undefined where no list of calls was written for it: there is no sandbox then
 */
export function seccompProgram(arch: string): readonly Instruction[] | undefined {
  const architecture = Object.hasOwn(ARCHITECTURES, arch) ? ARCHITECTURES[arch] : undefined
  return architecture === undefined ? undefined : assemble(architecture)
}

function assemble(architecture: Architecture): Instruction[] {
  const { audit, foreignFrom, refused, unknown } = architecture
  return [
    load(OFFSET_ARCHITECTURE),
    { code: JUMP_EQUAL, jt: 1, jf: 0, k: audit },
    give(RETURN_KILL_PROCESS),
    load(OFFSET_NUMBER),
    ...(foreignFrom === undefined ? [] : when(JUMP_GREATER_OR_EQUAL, foreignFrom, [give(RETURN_KILL_PROCESS)])),
    ...when(JUMP_GREATER, SYSCALL_KNOWN_MAX, [fail(ENOSYS)]),
    ...refused.flatMap((number) => when(JUMP_EQUAL, number, [fail(EPERM)])),
    ...unknown.flatMap((number) => when(JUMP_EQUAL, number, [fail(ENOSYS)])),
    ...when(JUMP_EQUAL, architecture.clone, [loadArgument(0), ...when(JUMP_ANY_BIT, CLONE_NAMESPACES, [fail(EPERM)]), give(RETURN_ALLOW)]),
    ...when(JUMP_EQUAL, architecture.ioctl, [loadArgument(1), ...IOCTLS_REFUSED.flatMap((request) => when(JUMP_EQUAL, request, [fail(EPERM)])), give(RETURN_ALLOW)]),
    ...when(JUMP_EQUAL, architecture.personality, [loadArgument(0), ...PERSONALITIES_ALLOWED.flatMap((allowed) => when(JUMP_EQUAL, allowed, [give(RETURN_ALLOW)])), fail(EPERM)]),
    ...when(JUMP_EQUAL, architecture.socketpair, [loadArgument(0), ...when(JUMP_EQUAL, AF_UNIX, [give(RETURN_ALLOW)]), fail(EAFNOSUPPORT)]),
    ...when(JUMP_EQUAL, architecture.socket, socketRules()),
    ...architecture.modeCalls.flatMap((call) => when(JUMP_EQUAL, call.number, modeRules(call))),
    give(RETURN_ALLOW),
  ]
}

/** Families of which the rest is an attack surface: packet, vsock, alg, bluetooth and dozens more. */
function socketRules(): Instruction[] {
  return [
    loadArgument(0),
    ...[AF_UNIX, AF_INET, AF_INET6].flatMap((family) => when(JUMP_EQUAL, family, [give(RETURN_ALLOW)])),
    ...when(JUMP_EQUAL, AF_NETLINK, [loadArgument(2), ...when(JUMP_EQUAL, NETLINK_ROUTE, [give(RETURN_ALLOW)])]),
    fail(EAFNOSUPPORT),
  ]
}

function modeRules({ mode, flags }: ModeCall): Instruction[] {
  const refuse = [loadArgument(mode), ...when(JUMP_ANY_BIT, MODE_REFUSED, [fail(EPERM)])]
  return [...(flags === undefined ? refuse : [loadArgument(flags), ...when(JUMP_ANY_BIT, OPEN_CREATES, refuse)]), give(RETURN_ALLOW)]
}

/** The program as the kernel reads it: 8 bytes an instruction, little-endian like both architectures. */
export function encodeProgram(program: readonly Instruction[]): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(program.length * INSTRUCTION_BYTES))
  for (const [index, { code, jt, jf, k }] of program.entries()) {
    const at = index * INSTRUCTION_BYTES
    bytes.setUint16(at, code, true)
    bytes.setUint8(at + 2, jt)
    bytes.setUint8(at + 3, jf)
    bytes.setUint32(at + 4, k, true)
  }
  return new Uint8Array(bytes.buffer)
}
