import { describe, expect, test } from "vitest"
import { EAFNOSUPPORT, encodeProgram, ENOSYS, EPERM, type Instruction, RETURN_ALLOW, RETURN_KILL_PROCESS, seccompProgram } from "../../src/sandbox/seccomp.ts"
import { run } from "./run.ts"

const X64 = 0xc000003e
const ARM64 = 0xc00000b7
const I386 = 0x40000003
const errno = (code: number): number => 0x00050000 | code

/** The kernel's machine, as far as the program uses it. */
function evaluate(program: readonly Instruction[], audit: number, number: number, args: readonly number[] = []): number {
  const load = (offset: number): number => offset === 0 ? number : offset === 4 ? audit : args[(offset - 16) / 8] ?? 0
  let accumulator = 0
  for (let at = 0; at < program.length; at++) {
    const { code, jt, jf, k } = program[at] as Instruction
    if (code === 0x06) return k
    if (code === 0x20) { accumulator = load(k) >>> 0; continue }
    const holds = code === 0x15 ? accumulator === k : code === 0x25 ? accumulator > k : code === 0x35 ? accumulator >= k : ((accumulator & k) >>> 0) !== 0
    at += holds ? jt : jf
  }
  throw new Error("ran off the program's end")
}

const ROWS: readonly { name: string, arch: "x64" | "arm64", number: number, args?: readonly number[], gives: number, audit?: number }[] = [
  { name: "read", arch: "x64", number: 0, gives: RETURN_ALLOW },
  { name: "execve", arch: "x64", number: 59, gives: RETURN_ALLOW },
  { name: "an architecture that is another one (32 bit)", arch: "x64", audit: I386, number: 3, gives: RETURN_KILL_PROCESS },
  { name: "arm64's calls on x64", arch: "x64", audit: ARM64, number: 0, gives: RETURN_KILL_PROCESS },
  { name: "x64's calls on arm64", arch: "arm64", audit: X64, number: 0, gives: RETURN_KILL_PROCESS },
  { name: "x32", arch: "x64", number: 0x40000000 + 101, gives: RETURN_KILL_PROCESS },
  { name: "the lowest x32", arch: "x64", number: 0x40000000, gives: RETURN_KILL_PROCESS },
  { name: "a call that is newer than the list", arch: "x64", number: 463, gives: errno(ENOSYS) },
  { name: "the newest on the list", arch: "x64", number: 462, gives: RETURN_ALLOW },
  { name: "a call that is newer than the list", arch: "arm64", number: 467, gives: errno(ENOSYS) },
  ...([["ptrace", 101, 117], ["process_vm_readv", 310, 270], ["process_vm_writev", 311, 271], ["pidfd_getfd", 438, 438], ["add_key", 248, 217], ["request_key", 249, 218],
    ["keyctl", 250, 219], ["bpf", 321, 280], ["perf_event_open", 298, 241], ["userfaultfd", 323, 282], ["mount", 165, 40], ["umount2", 166, 39], ["pivot_root", 155, 41],
    ["chroot", 161, 51], ["open_tree", 428, 428], ["move_mount", 429, 429], ["fsopen", 430, 430], ["fsmount", 432, 432], ["mount_setattr", 442, 442], ["unshare", 272, 97],
    ["setns", 308, 268], ["open_by_handle_at", 304, 265], ["kexec_load", 246, 104], ["kexec_file_load", 320, 294], ["init_module", 175, 105], ["finit_module", 313, 273],
    ["delete_module", 176, 106], ["reboot", 169, 142], ["swapon", 167, 224], ["shmget", 29, 194]] as const)
    .flatMap(([name, x64, arm64]) => [{ name, arch: "x64" as const, number: x64, gives: errno(EPERM) }, { name, arch: "arm64" as const, number: arm64, gives: errno(EPERM) }]),
  ...([["clone3", 435, 435], ["openat2", 437, 437], ["io_uring_setup", 425, 425], ["io_uring_enter", 426, 426], ["io_uring_register", 427, 427], ["memfd_create", 319, 279], ["memfd_secret", 447, 447]] as const)
    .flatMap(([name, x64, arm64]) => [{ name, arch: "x64" as const, number: x64, gives: errno(ENOSYS) }, { name, arch: "arm64" as const, number: arm64, gives: errno(ENOSYS) }]),
  ...[0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000]
    .flatMap((flag) => [{ name: `clone with namespace flag ${flag.toString(16)}`, arch: "x64" as const, number: 56, args: [flag | 17], gives: errno(EPERM) },
      { name: `clone with namespace flag ${flag.toString(16)}`, arch: "arm64" as const, number: 220, args: [flag | 17], gives: errno(EPERM) }]),
  { name: "clone of a thread", arch: "x64", number: 56, args: [0x003d0f00], gives: RETURN_ALLOW },
  { name: "clone of a process", arch: "arm64", number: 220, args: [17], gives: RETURN_ALLOW },
  ...[1, 2, 10].map((family) => ({ name: `socket of family ${family}`, arch: "x64" as const, number: 41, args: [family, 1, 0], gives: RETURN_ALLOW })),
  ...[0, 4, 15, 17, 21, 29, 31, 38, 40, 44].map((family) => ({ name: `socket of family ${family}`, arch: "x64" as const, number: 41, args: [family, 1, 0], gives: errno(EAFNOSUPPORT) })),
  { name: "vsock", arch: "arm64", number: 198, args: [40, 1, 0], gives: errno(EAFNOSUPPORT) },
  { name: "netlink for addresses", arch: "x64", number: 41, args: [16, 3, 0], gives: RETURN_ALLOW },
  { name: "netlink for the firewall", arch: "x64", number: 41, args: [16, 3, 12], gives: errno(EAFNOSUPPORT) },
  { name: "socketpair of vsock", arch: "x64", number: 53, args: [40, 1, 0], gives: errno(EAFNOSUPPORT) },
  { name: "socketpair", arch: "x64", number: 53, args: [1, 1, 0], gives: RETURN_ALLOW },
  { name: "ioctl that types into a terminal", arch: "x64", number: 16, args: [0, 0x5412], gives: errno(EPERM) },
  { name: "ioctl of the console", arch: "arm64", number: 29, args: [0, 0x541c], gives: errno(EPERM) },
  { name: "ioctl for a terminal's size", arch: "x64", number: 16, args: [0, 0x5413], gives: RETURN_ALLOW },
  { name: "personality without random addresses", arch: "x64", number: 135, args: [0x0040000], gives: errno(EPERM) },
  { name: "personality asked for", arch: "x64", number: 135, args: [0xffffffff], gives: RETURN_ALLOW },
  ...([["chmod", 90, [0, 0o4755]], ["fchmod", 91, [0, 0o2755]], ["fchmodat", 268, [0, 0, 0o6755]], ["fchmodat2", 452, [0, 0, 0o4700]], ["creat", 85, [0, 0o4755]],
    ["mknod", 133, [0, 0o104755]], ["mknodat", 259, [0, 0, 0o104755]], ["open that creates", 2, [0, 0x41, 0o4755]], ["openat that creates", 257, [0, 0, 0x41, 0o4755]],
    ["openat of a file without name", 257, [0, 0, 0x410002, 0o4755]]] as const).map(([name, number, args]) => ({ name: `${name} with a set-user-id bit`, arch: "x64" as const, number, args, gives: errno(EPERM) })),
  { name: "fchmodat with a set-user-id bit", arch: "arm64", number: 53, args: [0, 0, 0o4755], gives: errno(EPERM) },
  { name: "openat that creates with a set-user-id bit", arch: "arm64", number: 56, args: [0, 0, 0x41, 0o4755], gives: errno(EPERM) },
  { name: "chmod", arch: "x64", number: 90, args: [0, 0o1755], gives: RETURN_ALLOW },
  { name: "openat that only reads, whatever its mode holds", arch: "x64", number: 257, args: [0, 0, 0, 0o7777], gives: RETURN_ALLOW },
]

describe("the filter", () => {
  test.each(ROWS)("$arch: $name", ({ arch, number, args, gives, audit }) => {
    const program = seccompProgram(arch) as readonly Instruction[]
    expect(evaluate(program, audit ?? (arch === "x64" ? X64 : ARM64), number, args)).toBe(gives)
  })

  test.each(["x64", "arm64"])("%s: every jump stays inside, and every way ends", (arch) => {
    const program = seccompProgram(arch) as readonly Instruction[]
    expect(program.length).toBeLessThan(4096)
    for (const [at, { code, jt, jf }] of program.entries()) {
      expect(Math.max(jt, jf)).toBeLessThan(256)
      if (code !== 0x06) expect(at + 1 + Math.max(jt, jf)).toBeLessThan(program.length)
    }
    expect(encodeProgram(program)).toHaveLength(program.length * 8)
  })

  test.each(["ia32", "arm", "riscv64", "ppc64", "s390x", "toString"])("there is none for %s", (arch) => {
    expect(seccompProgram(arch)).toBeUndefined()
  })
})

/** Calls made for real, by number, from a language that every Debian has. */
const REAL: readonly { name: string, x64: string, arm64: string, says: number }[] = [
  { name: "ptrace", x64: "101, 0, 0, 0, 0", arm64: "117, 0, 0, 0, 0", says: EPERM },
  { name: "keyctl", x64: "250, 0, -3, 0", arm64: "219, 0, -3, 0", says: EPERM },
  { name: "unshare of users", x64: "272, 0x10000000", arm64: "97, 0x10000000", says: EPERM },
  { name: "clone3", x64: "435, 0, 0", arm64: "435, 0, 0", says: ENOSYS },
  { name: "io_uring_setup", x64: "425, 1, 0", arm64: "425, 1, 0", says: ENOSYS },
  { name: "bpf", x64: "321, 0, 0, 0", arm64: "280, 0, 0, 0", says: EPERM },
  { name: "userfaultfd", x64: "323, 1", arm64: "282, 1", says: EPERM },
  { name: "a socket of vsock", x64: "41, 40, 1, 0", arm64: "198, 40, 1, 0", says: EAFNOSUPPORT },
  { name: "a call of the future", x64: "500", arm64: "500", says: ENOSYS },
]

describe("inside, the kernel refuses", () => {
  test.each(REAL)("$name", async ({ x64, arm64, says }) => {
    const { text, outcome } = await run(`perl -e '$! = 0; my $r = syscall(${process.arch === "arm64" ? arm64 : x64}); print "$r ", $! + 0'`)
    expect(text).toBe(`-1 ${says}`)
    expect(outcome).toEqual({ status: "exited", exitCode: 0 })
  })
})
