/**
 * System calls that no build needs, by number. Denied besides what missing capabilities deny already: a second wall, and
 * less of the kernel to find holes in.
 *
 * Numbers are the kernel's, which never change: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h (arm64).
 *
 * @packageDocumentation
 */

/** Numbers of one call; undefined where the architecture has none. */
type Numbers = readonly [x64: number | undefined, arm64: number | undefined]

/** Answered with EPERM: the program asked for what it may not do. */
const REFUSED: Readonly<Record<string, Numbers>> = {
  // other processes' memory and open files
  ptrace: [101, 117], process_vm_readv: [310, 270], process_vm_writev: [311, 271], kcmp: [312, 272],
  pidfd_getfd: [438, 438], process_madvise: [440, 440], process_mrelease: [448, 448],
  // the kernel's keys are not kept apart by all namespaces
  add_key: [248, 217], request_key: [249, 218], keyctl: [250, 219],
  // programs inside the kernel, and faults under a program's control
  bpf: [321, 280], perf_event_open: [298, 241], userfaultfd: [323, 282],
  // mounts and namespaces
  mount: [165, 40], umount2: [166, 39], pivot_root: [155, 41], chroot: [161, 51],
  open_tree: [428, 428], move_mount: [429, 429], fsopen: [430, 430], fsconfig: [431, 431], fsmount: [432, 432], fspick: [433, 433],
  mount_setattr: [442, 442], statmount: [457, 457], listmount: [458, 458], unshare: [272, 97], setns: [308, 268],
  // files by a handle that passes by folders' permissions
  open_by_handle_at: [304, 265], name_to_handle_at: [303, 264], fanotify_init: [300, 262], fanotify_mark: [301, 263],
  // the machine
  kexec_load: [246, 104], kexec_file_load: [320, 294], init_module: [175, 105], finit_module: [313, 273], delete_module: [176, 106],
  create_module: [174, undefined], get_kernel_syms: [177, undefined], query_module: [178, undefined],
  acct: [163, 89], swapon: [167, 224], swapoff: [168, 225], reboot: [169, 142], sethostname: [170, 161], setdomainname: [171, 162],
  quotactl: [179, 60], quotactl_fd: [443, 443], nfsservctl: [180, 42], syslog: [103, 116], lookup_dcookie: [212, 18],
  settimeofday: [164, 170], clock_settime: [227, 112], clock_adjtime: [305, 266], adjtimex: [159, 171], vhangup: [153, 58],
  iopl: [172, undefined], ioperm: [173, undefined], modify_ldt: [154, undefined], uselib: [134, undefined], ustat: [136, undefined],
  sysfs: [139, undefined], _sysctl: [156, undefined], vserver: [236, undefined],
  // memory's place
  mbind: [237, 235], set_mempolicy: [238, 237], set_mempolicy_home_node: [450, 450], migrate_pages: [256, 238], move_pages: [279, 239],
  // memory that no count of resident pages sees
  shmget: [29, 194],
}

/** Answered with ENOSYS, as an older kernel would: programs have another way. */
const UNKNOWN: Readonly<Record<string, Numbers>> = {
  // its flags stand in memory, where a filter cannot read them; clone does the same with flags that it can
  clone3: [435, 435],
  // a way past filters like this one, and many holes in its time
  io_uring_setup: [425, 425], io_uring_enter: [426, 426], io_uring_register: [427, 427],
  // its mode stands in memory, where a filter cannot read it; openat does the same
  openat2: [437, 437],
  // memory that no count of resident pages sees
  memfd_create: [319, 279], memfd_secret: [447, 447],
}

/** Calls that set a file's mode, and which argument it is. */
export interface ModeCall {
  readonly number: number
  /** Index of the argument that holds the mode. */
  readonly mode: number
  /** Index of the argument that holds the flags of open(2), where the mode counts only with some of them. */
  readonly flags?: number
}

/** What a filter needs to know of an architecture. */
export interface Architecture {
  /** AUDIT_ARCH_…, as the kernel gives it to a filter. */
  readonly audit: number
  readonly refused: readonly number[]
  readonly unknown: readonly number[]
  readonly clone: number
  readonly socket: number
  readonly socketpair: number
  readonly ioctl: number
  readonly personality: number
  readonly modeCalls: readonly ModeCall[]
  /** Numbers from here on belong to another interface of the same architecture (x32): the process is killed. */
  readonly foreignFrom: number | undefined
}

/** Calls above this number came after this list was read (mseal); they are answered with ENOSYS until it is read again. */
export const SYSCALL_KNOWN_MAX = 462

const column = (table: Readonly<Record<string, Numbers>>, index: 0 | 1): number[] => Object.values(table).map((numbers) => numbers[index]).filter((number) => number !== undefined)

/** By `process.arch`. */
export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  x64: {
    audit: 0xc000003e, refused: column(REFUSED, 0), unknown: column(UNKNOWN, 0),
    clone: 56, socket: 41, socketpair: 53, ioctl: 16, personality: 135, foreignFrom: 0x40000000,
    modeCalls: [
      { number: 90, mode: 1 } /* chmod */, { number: 91, mode: 1 } /* fchmod */, { number: 268, mode: 2 } /* fchmodat */, { number: 452, mode: 2 } /* fchmodat2 */,
      { number: 85, mode: 1 } /* creat */, { number: 133, mode: 1 } /* mknod */, { number: 259, mode: 2 } /* mknodat */,
      { number: 2, mode: 2, flags: 1 } /* open */, { number: 257, mode: 3, flags: 2 } /* openat */,
    ],
  },
  arm64: {
    audit: 0xc00000b7, refused: column(REFUSED, 1), unknown: column(UNKNOWN, 1),
    clone: 220, socket: 198, socketpair: 199, ioctl: 29, personality: 92, foreignFrom: undefined,
    modeCalls: [
      { number: 52, mode: 1 } /* fchmod */, { number: 53, mode: 2 } /* fchmodat */, { number: 452, mode: 2 } /* fchmodat2 */,
      { number: 33, mode: 2 } /* mknodat */, { number: 56, mode: 3, flags: 2 } /* openat */,
    ],
  },
}
