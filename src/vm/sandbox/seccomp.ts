/**
 * The filter of system calls that an engine runs under, as a classic BPF program (Linux,
 * Documentation/userspace-api/seccomp_filter.rst). It is put in place directly before the engine is executed, so
 * that execve itself has to be let through: but nothing can be forked, and where the filter is used there is no
 * other program to execute.
 *
 * What is listed is denied with EPERM, all else is allowed: the tables of other C libraries and later kernels need
 * not be known. Memory that is executable can only come from files, and never be written: without JIT, V8
 * needs no other. For a process with JIT, which executes no contract, that is left out.
 */

interface Architecture {
  /** AUDIT_ARCH_* of linux/audit.h. */
  readonly audit: number
  /** Column in {@link DENIED}. */
  readonly column: 0 | 1
  readonly clone: number
  readonly clone3: number
  readonly mmap: number
  /** System calls that make memory executable afterwards. */
  readonly protect: readonly number[]
}

const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  x64: { audit: 0xc000003e, column: 0, clone: 56, clone3: 435, mmap: 9, protect: [10, 329] },
  arm64: { audit: 0xc00000b7, column: 1, clone: 220, clone3: 435, mmap: 222, protect: [226, 288] }
}

/** Numbers on x64 and arm64, null where there is none: asm/unistd_64.h and asm-generic/unistd.h of Linux. */
const DENIED: Readonly<Record<string, readonly [x64: number, arm64: number | null]>> = {
  // processes and namespaces
  execveat: [322, 281],
  fork: [57, null],
  vfork: [58, null],
  unshare: [272, 97],
  setns: [308, 268],
  // network
  socket: [41, 198],
  socketpair: [53, 199],
  connect: [42, 203],
  bind: [49, 200],
  listen: [50, 201],
  accept: [43, 202],
  accept4: [288, 242],
  // other processes
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  process_madvise: [440, 440],
  pidfd_open: [434, 434],
  pidfd_getfd: [438, 438],
  pidfd_send_signal: [424, 424],
  kcmp: [312, 272],
  shmget: [29, 194],
  msgget: [68, 186],
  semget: [64, 190],
  mq_open: [240, 180],
  // files
  memfd_create: [319, 279],
  memfd_secret: [447, 447],
  inotify_init: [253, null],
  inotify_init1: [294, 26],
  fanotify_init: [300, 262],
  name_to_handle_at: [303, 264],
  open_by_handle_at: [304, 265],
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  chroot: [161, 51],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  mount_setattr: [442, 442],
  // parts of the kernel that had more than their share of holes
  bpf: [321, 280],
  perf_event_open: [298, 241],
  userfaultfd: [323, 282],
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  add_key: [248, 217],
  request_key: [249, 218],
  keyctl: [250, 219],
  init_module: [175, 105],
  finit_module: [313, 273],
  delete_module: [176, 106],
  kexec_load: [246, 104],
  kexec_file_load: [320, 294],
  personality: [135, 92],
  modify_ldt: [154, null]
}

/** Offsets in struct seccomp_data; both architectures are little endian. */
const NUMBER = 0
const ARCH = 4
const argument = (index: number) => 16 + 8 * index

const LOAD = 0x20
const IF_EQUAL = 0x15
const IF_AT_LEAST = 0x35
const IF_ANY_BIT = 0x45
const RETURN = 0x06

const ALLOW = 0x7fff0000
const KILL = 0x80000000
const EPERM = 0x00050001
/** What makes glibc create threads by clone, whose flags are no pointer and can be looked at. */
const ENOSYS = 0x00050026

const CLONE_THREAD = 0x00010000
const PROT_WRITE = 2
const PROT_EXEC = 4
const MAP_ANONYMOUS = 0x20
/** Numbers from here on are those of x32, which nothing of ours uses. */
const X32 = 0x40000000

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, value: number]

const ALLOWED: Instruction = [RETURN, 0, 0, ALLOW]

/** The program, as `bwrap --seccomp` takes it; null for an architecture without one. */
export function filterOf(arch: string, { jit = false } = {}): Uint8Array | null {
  const architecture = ARCHITECTURES[arch]
  if (architecture === undefined) return null
  const program = [
    ...instructions(architecture),
    ...(jit ? [] : executableMemory(architecture)),
    ALLOWED
  ]
  const bytes = Buffer.alloc(8 * program.length)
  program.forEach(([code, ifTrue, ifFalse, value], index) => {
    bytes.writeUInt16LE(code, 8 * index)
    bytes.writeUInt8(ifTrue, 8 * index + 2)
    bytes.writeUInt8(ifFalse, 8 * index + 3)
    bytes.writeUInt32LE(value, 8 * index + 4)
  })
  return bytes
}

/** Jumps only ever skip what belongs to one system call, and fit into their byte thereby. */
function instructions({ audit, column, clone, clone3 }: Architecture): Instruction[] {
  const program: Instruction[] = [
    [LOAD, 0, 0, ARCH],
    [IF_EQUAL, 1, 0, audit],
    [RETURN, 0, 0, KILL],
    [LOAD, 0, 0, NUMBER],
    [IF_AT_LEAST, 0, 1, X32],
    [RETURN, 0, 0, EPERM],
    [IF_EQUAL, 0, 1, clone3],
    [RETURN, 0, 0, ENOSYS]
  ]
  for (const numbers of Object.values(DENIED)) {
    const number = numbers[column]
    if (number !== null) program.push([IF_EQUAL, 0, 1, number], [RETURN, 0, 0, EPERM])
  }
  program.push(
    [IF_EQUAL, 0, 4, clone],
    [LOAD, 0, 0, argument(0)],
    [IF_ANY_BIT, 1, 0, CLONE_THREAD],
    [RETURN, 0, 0, EPERM],
    [RETURN, 0, 0, ALLOW]
  )
  return program
}

/** Refuses memory that is written and executed. */
function executableMemory({ mmap, protect }: Architecture): Instruction[] {
  const program: Instruction[] = []
  for (const number of protect) {
    program.push(
      [IF_EQUAL, 0, 4, number],
      [LOAD, 0, 0, argument(2)],
      [IF_ANY_BIT, 0, 1, PROT_EXEC],
      [RETURN, 0, 0, EPERM],
      [RETURN, 0, 0, ALLOW]
    )
  }
  program.push(
    [IF_EQUAL, 0, 7, mmap],
    [LOAD, 0, 0, argument(2)],
    [IF_ANY_BIT, 0, 4, PROT_EXEC],
    [IF_ANY_BIT, 2, 0, PROT_WRITE],
    [LOAD, 0, 0, argument(3)],
    [IF_ANY_BIT, 0, 1, MAP_ANONYMOUS],
    [RETURN, 0, 0, EPERM],
    [RETURN, 0, 0, ALLOW]
  )
  return program
}
