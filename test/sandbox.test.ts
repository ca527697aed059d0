// What an engine can do, asked from inside: a probe runs in its place, in every combination of tools that this
// machine has, with and without Node's own permission model, so that each layer has to hold by itself.
import { spawn, spawnSync } from 'node:child_process'
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test, { type Test } from 'brittle'
import { Host } from '../src/host/host.ts'
import { openVm } from '../src/vm/registry.ts'
import { DESCRIPTORS_MAX, findTool, NICE } from '../src/vm/sandbox/launcher.ts'
import type { Layer } from '../src/vm/sandbox/sandbox.ts'
import { filterOf } from '../src/vm/sandbox/seccomp.ts'
import { Cli } from './cli.ts'
import { tempDir } from './helpers.ts'
import { type Attempt, MEMORY_MAX, type Probed } from './sandbox-process.ts'

const linuxOnly = { skip: process.platform !== 'linux' }
const PROCESS = fileURLToPath(new URL('sandbox-process.ts', import.meta.url))
const FLAGS = ['--conditions=mivm-source', PROCESS]
const NOBODY = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--']
const NO_TOOLS = '/nonexistent'

/** Runs the probes in another process, through `wrapper`. */
async function probeFrom(t: Test, wrapper: readonly string[]): Promise<readonly Probed[]> {
  const folder = await tempDir(t)
  await chmod(folder, 0o755)
  const secret = path.join(folder, 'secret')
  await writeFile(secret, 'the secret')
  const writable = path.join(folder, 'writable')
  await mkdir(writable)
  await chmod(writable, 0o777)
  const server = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? String(address.port) : ''
  const [file = '', ...args] = [
    ...wrapper,
    process.execPath,
    ...FLAGS,
    'probe',
    port,
    secret,
    writable
  ]
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  for await (const chunk of child.stdout) output += chunk
  return JSON.parse(output)
}

function codeOf(attempt: Attempt<unknown>): string {
  return 'code' in attempt ? attempt.code : `did it: ${attempt.ok}`
}

/** `reach`: what came of an attempt at a file of the test, where no layer is in the way. */
function check(t: Test, probed: Probed, reach: RegExp): void {
  const { tools, status, limits, shared, nice, probe, permitted, jit } = probed
  const has = (name: string) => tools.some((tool) => tool === name || tool.startsWith(`${name}+`))
  const is = (actual: unknown, expected: unknown, what: string) =>
    t.alike(actual, expected, `${what} [${tools.join(' ') || 'no tools'}]`)

  // what shells and bubblewrap set by themselves says nothing of the host
  const own = ['PWD', 'OLDPWD', 'SHLVL', '_']
  is(
    probe.env.filter((name) => !own.includes(name)),
    [],
    'no environment'
  )
  is(nice, NICE, 'behind the rest of the machine')
  is(codeOf(probe.readOwn), 'did it: true', 'its own files are there')

  const denied = 'ERR_ACCESS_DENIED'
  is(codeOf(permitted.readOwn), 'did it: true', 'permission: its own files are there')
  for (const name of [
    'connect',
    'listen',
    'spawn',
    'worker',
    'readPasswd',
    'readSecret'
  ] as const) {
    is(codeOf(permitted[name]), denied, `permission: ${name}`)
  }
  for (const attempt of permitted.write) is(codeOf(attempt), denied, 'permission: write')

  if (has('sh')) {
    is(limits['Max core file size'], '0', 'no core dumps')
    is(limits['Max file size'], '0', 'no file contents')
    is(limits['Max open files'], String(DESCRIPTORS_MAX), 'few descriptors')
    is(limits['Max data size'], String(2 * MEMORY_MAX), 'bounded memory')
    is(limits['Max stack size'], '8388608', 'a stack that the depth of a call does not end')
    t.ok(probe.descriptors.count < DESCRIPTORS_MAX && probe.descriptors.code === 'EMFILE')
    for (const attempt of probe.write) t.ok('code' in attempt, 'nothing is written')
  } else {
    is(probe.descriptors.count, 1000, 'without limits there are more descriptors')
    t.ok(reach.test(codeOf(probe.write[0] ?? { code: '' })), 'and a file can be written')
  }

  if (has('bwrap') || has('setpriv')) {
    is(status['NoNewPrivs'], '1', 'no new privileges')
    is(Number.parseInt(status['CapEff'] ?? '', 16), 0, 'no capabilities')
    is(Number.parseInt(status['CapPrm'] ?? '', 16), 0, 'and none to be had')
  }

  if (has('bwrap') || has('unshare')) {
    // root can do without a new user namespace, where none is to be had
    const others = shared?.filter((name) => name !== 'user' || tools.includes('unshare+user'))
    is(others ?? [], [], 'namespaces of its own')
    t.ok('code' in probe.connect, `the host's network is out of reach: ${codeOf(probe.connect)}`)
    is(codeOf(probe.signal), 'ESRCH', 'the host is no process that it knows')
    if ('ok' in probe.processes) t.ok(probe.processes.ok <= 3, 'it sees no other processes')
    is(status['NSpid']?.split('\t').at(-1), '2', 'it is not immune to its own signals')
  } else {
    is(codeOf(probe.connect), 'did it: connected', 'without a namespace the network is there')
    t.ok('ok' in probe.processes && probe.processes.ok > 3, 'and other processes')
  }

  if (has('bwrap')) {
    is(codeOf(probe.readPasswd), 'ENOENT', 'no /etc/passwd')
    is(codeOf(probe.readSecret), 'ENOENT', 'no files of the host')
    t.absent(
      'ok' in probe.root &&
        probe.root.ok.some((name) => /^(etc|home|proc|sys|dev|var|root)$/.test(name))
    )
    for (const attempt of probe.write) t.ok(/EROFS|ENOENT/.test(codeOf(attempt)), 'read-only')
  } else {
    t.ok(reach.test(codeOf(probe.readSecret)), 'without its own file system it can read')
  }

  if (tools.includes('bwrap+filter')) {
    is(status['Seccomp'], '2', 'system calls are filtered')
    is(codeOf(probe.spawn), 'EPERM', 'no processes')
    is(codeOf(probe.connect), 'EPERM', 'no sockets')
    is(codeOf(probe.listen), 'EPERM', 'none that listen')
    is(jit, false, 'no new machine code')
  } else {
    is(codeOf(probe.spawn), 'did it: 0', 'without a filter it can start processes')
    is(jit, true, 'and make machine code')
  }
}

test('sandbox - each layer holds by itself', linuxOnly, async (t) => {
  const all = await probeFrom(t, [])
  t.alike(all.at(-1)?.tools, [], 'a bare process works everywhere')
  for (const probed of all) check(t, probed, /^did it/)
})

test('sandbox - each layer holds for a host that is not root', {
  ...linuxOnly,
  skip: linuxOnly.skip || process.geteuid?.() !== 0 || !canBeNobody()
}, async (t) => {
  // the directory of all tests may be for their owner only
  for (const probed of await probeFrom(t, [findTool('setpriv') ?? '', ...NOBODY]))
    check(t, probed, /^did it|^EACCES$/)
})

/** Where the checkout is not for everybody's eyes, nobody can run it. */
function canBeNobody(): boolean {
  const setpriv = findTool('setpriv')
  if (setpriv === undefined) return false
  const words = [
    ...NOBODY,
    process.execPath,
    '--conditions=mivm-source',
    '--eval',
    `import(${JSON.stringify(PROCESS)})`
  ]
  return spawnSync(setpriv, words).status === 0
}

/** Of the tools that there are, only these. Where one is missing or does not work here, the next has to do. */
const TOOLS = [['bwrap'], ['unshare', 'setpriv'], ['setpriv'], ['unshare'], []]

test(
  'sandbox - an engine in a loop of its own dies with a host that is killed',
  linuxOnly,
  async (t) => {
    for (const tools of TOOLS) {
      const folder = await tempDir(t)
      for (const tool of tools) {
        const found = findTool(tool)
        if (found !== undefined) await symlink(found, path.join(folder, tool))
      }
      await checkLifetime(t, 'auto', folder)
    }
    await checkLifetime(t, 'none', NO_TOOLS)
  }
)

async function checkLifetime(t: Test, mode: string, PATH: string): Promise<void> {
  const words = [...FLAGS, 'stuck', mode]
  const host = spawnSync(process.execPath, words, { env: { PATH }, encoding: 'utf8' })
  t.is(host.signal, 'SIGKILL', host.stderr)
  const { pid, layers }: { pid: number; layers: Layer[] } = JSON.parse(host.stdout)
  const lifetime = layers.find(({ name }) => name === 'lifetime')
  t.is(lifetime?.state, 'active', lifetime?.message)
  while (await isRunning(pid)) await sleep(10)
  t.pass(`${pid} is gone`)
}

/** False for a process that has ended, also where nobody has collected it yet. */
async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return /^\d+ \(.*\) [^ZX]/.test(stat)
}

test(
  'sandbox - a machine without tools runs contracts, in the layers that need none',
  linuxOnly,
  async (t) => {
    const before = process.env['PATH'] ?? ''
    t.teardown(() => {
      process.env['PATH'] = before
    })
    process.env['PATH'] = NO_TOOLS
    const vm = await openVm('js-1', { engines: 1 })
    t.teardown(() => vm.close())
    t.alike(
      vm.layers.map(({ name, state }) => `${name} ${state}`),
      [
        'process active',
        'permission active',
        'priority active',
        'lifetime active',
        'limits active',
        'privileges unavailable',
        'namespaces unavailable',
        'files unavailable',
        'syscalls unavailable'
      ]
    )
    const missing = vm.layers.find(({ name }) => name === 'files')
    t.is(
      missing?.message,
      'needs bubblewrap: "apt install bubblewrap" (Debian, Ubuntu), "dnf install bubblewrap" (Fedora)'
    )
  }
)

test('sandbox - what is off is said to be off, and cannot be required', async (t) => {
  const vm = await openVm('js-1', { engines: 1, sandbox: 'none' })
  t.teardown(() => vm.close())
  t.alike(
    vm.layers.filter(({ state }) => state === 'off').map(({ name }) => name),
    ['limits', 'privileges', 'namespaces', 'files', 'syscalls']
  )
  const dir = await tempDir(t)
  await t.exception(
    Host.open({ dir, bootstrap: ['127.0.0.1:9'], sandbox: 'none', requireSandbox: true }),
    {
      code: 'SANDBOX_UNAVAILABLE'
    }
  )
})

test(
  'sandbox - a host that requires it does not start without, and says what is missing',
  linuxOnly,
  async (t) => {
    const cli = new Cli(await tempDir(t), '127.0.0.1:9')
    const env = { PATH: NO_TOOLS }
    const { status, stdout, stderr } = await cli.run(['host', '--require-sandbox'], { env })
    t.is(status, 69)
    t.is(stdout, '')
    t.ok(
      stderr.startsWith('mivm: SANDBOX_UNAVAILABLE: the sandbox is required and not complete: '),
      stderr
    )
    for (const text of [
      'files (needs bubblewrap: "apt install bubblewrap"',
      'privileges (needs util-linux'
    ]) {
      t.ok(stderr.includes(text), text)
    }
  }
)

test('sandbox - a host that requires it starts where it is complete', {
  ...linuxOnly,
  skip: linuxOnly.skip || findTool('bwrap') === undefined
}, async (t) => {
  const open = openVm('js-1', { engines: 1, requireSandbox: true })
  const vm = await open.catch((error) => {
    t.is(error.code, 'SANDBOX_UNAVAILABLE', 'bubblewrap may not work here')
    return null
  })
  if (vm === null) return
  t.teardown(() => vm.close())
  t.alike(
    vm.layers.filter(({ state }) => state !== 'active'),
    []
  )
})

/** Executes a filter as the kernel would; returns what it returns. */
function execute(program: Uint8Array, data: Uint8Array): number {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength)
  const input = new DataView(data.buffer)
  let a = 0
  for (let at = 0; ; at++) {
    const [code, k] = [view.getUint16(8 * at, true), view.getUint32(8 * at + 4, true)]
    const jump = (is: boolean) => view.getUint8(8 * at + (is ? 2 : 3))
    if (code === 0x20) a = input.getUint32(k, true)
    else if (code === 0x15) at += jump(a === k)
    else if (code === 0x35) at += jump(a >= k)
    else if (code === 0x45) at += jump((a & k) !== 0)
    else if (code === 0x06) return k
    else throw new Error(`an instruction ${code} at ${at}`)
  }
}

const ARCHITECTURES = {
  x64: {
    audit: 0xc000003e,
    read: 0,
    execve: 59,
    socket: 41,
    ptrace: 101,
    clone: 56,
    mmap: 9,
    mprotect: 10
  },
  arm64: {
    audit: 0xc00000b7,
    read: 63,
    execve: 221,
    socket: 198,
    ptrace: 117,
    clone: 220,
    mmap: 222,
    mprotect: 226
  }
}
const ALLOW = 0x7fff0000
const EPERM = 0x50001

for (const [arch, calls] of Object.entries(ARCHITECTURES)) {
  test(`sandbox - the filter of system calls on ${arch}`, (t) => {
    const program = filterOf(arch)
    if (program === null) throw new Error('no filter')
    const verdictOf = (filter: Uint8Array) => {
      return (call: number, args: readonly number[] = [], audit = calls.audit) => {
        const data = Buffer.alloc(64)
        data.writeUInt32LE(call, 0)
        data.writeUInt32LE(audit, 4)
        for (const [index, value] of args.entries()) data.writeUInt32LE(value, 16 + 8 * index)
        return execute(filter, new Uint8Array(data))
      }
    }
    const verdict = verdictOf(program)
    t.is(verdict(calls.read), ALLOW)
    t.is(verdict(calls.execve), ALLOW, 'the engine itself has to be executed')
    t.is(verdict(calls.socket), EPERM)
    t.is(verdict(calls.ptrace), EPERM)
    t.is(verdict(425), EPERM, 'io_uring_setup')
    t.is(verdict(435), 0x50026, 'clone3 does not exist')
    t.is(verdict(calls.clone, [0x10000]), ALLOW, 'a thread')
    t.is(verdict(calls.clone, [17]), EPERM, 'a process')
    t.is(verdict(calls.clone, [0x10000000]), EPERM, 'a user namespace')
    t.is(verdict(calls.mprotect, [0, 0, 3]), ALLOW, 'memory that is written')
    t.is(verdict(calls.mprotect, [0, 0, 5]), EPERM, 'memory that becomes executable')
    t.is(verdict(calls.mmap, [0, 0, 3, 0x22]), ALLOW)
    t.is(verdict(calls.mmap, [0, 0, 5, 2]), ALLOW, 'code from a file')
    t.is(verdict(calls.mmap, [0, 0, 7, 2]), EPERM, 'the same, writable')
    t.is(verdict(calls.mmap, [0, 0, 5, 0x22]), EPERM, 'code from nowhere')
    t.is(verdict(calls.read, [], 0x40000003), 0x80000000, 'another architecture ends it')
    if (arch === 'x64') t.is(verdict(0x40000000), EPERM, 'x32')
    t.is(filterOf('mips'), null)

    const withJit = filterOf(arch, { jit: true })
    if (withJit === null) throw new Error('no filter')
    const compilers = verdictOf(withJit)
    t.is(compilers(calls.mprotect, [0, 0, 5]), ALLOW, 'a compiler makes machine code')
    t.is(compilers(calls.mmap, [0, 0, 5, 0x22]), ALLOW)
    t.is(compilers(calls.socket), EPERM, 'and no more than that')
    t.is(compilers(calls.clone, [17]), EPERM)
    t.is(compilers(calls.clone, [0x10000]), ALLOW)
  })
}
