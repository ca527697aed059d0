// How a command ends where what is around it goes away: who reads it, who waits for it, the disk that it writes to.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { cp, open, readFile } from 'node:fs/promises'
import { constants } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'brittle'
import { Cli, CONTRACTS, startHost } from './cli.ts'
import { openNetwork } from './cli-network.ts'
import { tempDir } from './helpers.ts'
import { localNetwork } from './local-network.ts'

const FORUM = path.join(CONTRACTS, 'forum.js')
const BIN = path.join(CONTRACTS, '../bin/mivm.js')

/** As a shell has it that was told to end by SIGINT. */
const INTERRUPTED = 130

test('cli - a demo that is interrupted is no bug', async (t) => {
  const child = new Cli(await tempDir(t), '127.0.0.1:9').start(['demo'])
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  // the host is being started
  child.stdout?.once('data', () => child.kill('SIGINT'))
  await once(child, 'close')
  t.is(child.exitCode, INTERRUPTED)
  t.is(stderr, '')
})

test('cli - a call that is interrupted says that it is delivered later', {
  skip: process.platform !== 'linux'
}, async (t) => {
  const root = await tempDir(t)
  const bootstrap = await localNetwork(t)
  const nodes = bootstrap.join(',')
  const host = await startHost(t, path.join(root, 'host'), [], `--bootstrap=${nodes}`)
  const cli = new Cli(path.join(root, 'user'), nodes)
  const deployed = await cli.run(['deploy', FORUM, '--host', host.id, '--name', 'forum'])
  t.is(deployed.status, 0, deployed.stderr)
  host.child.kill('SIGSTOP')
  const child = cli.start(['call', 'forum', 'addTopic', 'later'])
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  while (!(await isListening(child.pid ?? 0))) await sleep(50)
  // somewhere in the middle of it, wherever that is
  await sleep(3_000)
  child.kill('SIGINT')
  await once(child, 'close')
  host.child.kill('SIGCONT')
  t.is(child.exitCode, INTERRUPTED)
  t.ok(/^(mivm: HOST_CLOSED: .* is delivered later\n)?$/.test(stderr), stderr)
})

test('cli - a call that is interrupted before it is written says nothing', async (t) => {
  const cli = new Cli(await tempDir(t), '127.0.0.1:9')
  for (let ms = 300; ms <= 2100; ms += 200) {
    const child = cli.start(['call', `mivm://${'y'.repeat(52)}/${'y'.repeat(52)}`, 'x'])
    let stderr = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    // somewhere on its way to the network
    await sleep(ms)
    child.kill('SIGINT')
    await once(child, 'close')
    if (child.signalCode === null) t.is(child.exitCode, INTERRUPTED, `${ms} ms`)
    t.ok(/^(created the identity "default": \w+\n)?$/.test(stderr), stderr)
  }
})

test('cli - who reads a pipe in which nothing comes is ended by a signal', {
  skip: process.platform !== 'linux'
}, async (t) => {
  const dir = await tempDir(t)
  const pipe = path.join(dir, 'pipe')
  spawnSync('mkfifo', [pipe])
  for (const words of [
    ['verify', pipe],
    ['deploy', pipe]
  ]) {
    const child = new Cli(dir, '127.0.0.1:9').start(words)
    t.teardown(() => child.kill('SIGKILL'))
    const ended = once(child, 'close')
    const writer = await open(pipe, 'w')
    t.teardown(() => writer.close())
    // more than there is room for: when it is written, some of it is read
    await writer.write(Buffer.alloc(1024 * 64 + 1))
    child.kill('SIGINT')
    await ended
    t.is(child.exitCode, INTERRUPTED, words[0])
  }
})

test('cli - who writes into a pipe that nobody reads waits, and is ended by a signal', {
  skip: process.platform !== 'linux'
}, async (t) => {
  const dir = await tempDir(t)
  const pipe = path.join(dir, 'pipe')
  spawnSync('mkfifo', [pipe])
  const program = `
    import { handleSignals } from '${new URL('../src/cli/interruption.ts', import.meta.url)}'
    import { writeProof } from '${new URL('../src/cli/proof-file.ts', import.meta.url)}'
    handleSignals()
    console.log('writing')
    await writeProof('${pipe}', 'a proof'.repeat(100_000))`
  const node = ['--conditions=mivm-source', '--input-type=module', '-e', program]
  const start = () => spawn(process.execPath, node, { stdio: ['ignore', 'pipe', 'inherit'] })
  const child = start()
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  await sleep(500)
  child.kill('SIGINT')
  t.alike(await once(child, 'exit'), [INTERRUPTED, null])

  const other = start()
  const { stdout } = spawnSync('cat', [pipe], { encoding: 'utf8' })
  t.is(stdout.length, 700_000, 'all of it comes to who reads it')
  t.alike(await once(other, 'exit'), [0, null])
})

/** Begins what runs as the first process of its own, as in a container. */
const ALONE = ['--user', '--map-root-user', '--pid', '--fork']

test('cli - a second signal ends the first process of a container as well', {
  skip: spawnSync('unshare', [...ALONE, 'true']).status !== 0
}, (t) => {
  const interruption = new URL('../src/cli/interruption.ts', import.meta.url)
  const program = `
    import { handleSignals, interrupted } from '${interruption}'
    handleSignals()
    setTimeout(() => process.exit(0), 5_000)
    process.kill(process.pid, 'SIGINT')
    await interrupted()
    process.kill(process.pid, 'SIGINT')`
  const node = [process.execPath, '--conditions=mivm-source', '--input-type=module', '-e', program]
  t.is(spawnSync('unshare', [...ALONE, ...node]).status, INTERRUPTED)
})

test('cli - a disk that is full under its output is said, and is no verdict', {
  skip: process.platform !== 'linux'
}, async (t) => {
  const cli = new Cli(await tempDir(t), '127.0.0.1:9')
  const made = await cli.run(['key', 'new', 'bob'])
  t.is(made.status, 0, made.stderr)
  for (const words of [['ls'], ['ls', '--json']]) {
    const child = spawn(process.execPath, [BIN, 'key', ...words, '--dir', cli.dir], {
      stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe']
    })
    let stderr = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    await once(child, 'close')
    t.is(child.exitCode, 69)
    t.ok(/^mivm: STORAGE_FULL: [^\n]*\n$/m.test(stderr) && !stderr.includes('    at '), stderr)
  }
})

test('cli - an audit of which nobody reads what it says comes to the same verdict', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  const { stdout } = await cli.run(['deploy', FORUM, '--host', host.id])
  const link = stdout.trim()
  t.is((await cli.run(['audit', link])).status, 0)
  const unheard = cli.start(['audit', link])
  unheard.stderr?.destroy()
  unheard.stdout?.resume()
  await once(unheard, 'close')
  t.is(unheard.exitCode, 0, 'it says on stderr where it goes on')
  const unread = cli.start(['audit', link, '--json', '--from-genesis'])
  // before it has said anything: of what was in the pipe by then it cannot know that nobody reads it
  unread.stdout?.destroy()
  unread.stderr?.resume()
  await once(unread, 'close')
  t.is(unread.exitCode, 2, 'what ended before its verdict is not clean')
})

test('cli - an error that nobody catches is ours, and no verdict', async (t) => {
  const cli = new Cli(await tempDir(t), '127.0.0.1:9')
  // as a library does from a timer; it waits until the command has begun
  const thrower = `setInterval(()=>{if(process.listenerCount("SIGHUP")>0)throw(Error("boom"))},50)`
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(thrower)}` }
  const link = `mivm://${'y'.repeat(52)}/${'y'.repeat(52)}`
  const { status, stderr } = await cli.run(['audit', link], { env, alone: true })
  t.is(status, 70)
  t.ok(/^mivm: INTERNAL: boom\nThis is a bug of MIVM[^\n]*\n$/.test(stderr), stderr)
})

test('cli - an installation that lacks packages is no verdict', async (t) => {
  const dir = await tempDir(t)
  const root = path.join(CONTRACTS, '..')
  for (const name of ['bin', 'src', 'package.json']) {
    await cp(path.join(root, name), path.join(dir, name), { recursive: true })
  }
  const child = spawn(process.execPath, [path.join(dir, 'bin/mivm.js'), 'audit', 'forum'], {
    stdio: ['ignore', 'ignore', 'pipe']
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  await once(child, 'close')
  t.is(child.exitCode, 70)
  t.ok(/^mivm: INTERNAL: Cannot find package [^\n]*: run "npm ci" again\n$/.test(stderr), stderr)
})

/** Whether a process has a handler for SIGINT by now. */
async function isListening(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const [, caught = '0'] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status) ?? []
  return ((BigInt(`0x${caught}`) >> BigInt(constants.signals.SIGINT - 1)) & 1n) === 1n
}

const OTHER_NODE = otherNode()

test('cli - what is sent to the Node that starts ours, or to both, ends a host as it should', {
  skip: OTHER_NODE === null || process.platform === 'win32'
}, async (t) => {
  const dir = await tempDir(t)
  const sent = [
    ['SIGINT', false],
    // as from a terminal, whose input is elsewhere
    ['SIGINT', true],
    ['SIGTERM', false],
    // as from timeout, or from what ends a whole service
    ['SIGTERM', true]
  ] as const
  for (const [signal, isToBoth] of sent) {
    const stdio = ['ignore', 'pipe', 'ignore'] as const
    const args = [BIN, 'host', '--local=0', '--sandbox', 'none', '--dir', dir]
    const child = spawn(OTHER_NODE ?? '', args, { stdio: [...stdio], detached: true })
    const { pid = 0, stdout } = child
    t.teardown(() => child.kill('SIGKILL'))
    stdout?.once('data', () => process.kill(isToBoth ? -pid : pid, signal))
    t.alike(await once(child, 'exit'), [0, null], 'it finishes what is under way')
  }
})

test('cli - the Node of the npm scripts is ours, and ends as what it runs does', (t) => {
  for (const node of [process.execPath, ...(OTHER_NODE === null ? [] : [OTHER_NODE])]) {
    const run = (code: string) =>
      spawnSync(node, [path.join(BIN, '../node.js'), '-e', code], { encoding: 'utf8' })
    const { status, stdout, stderr } = run('console.log(process.version)')
    t.alike([status, stdout, stderr], [0, `${process.version}\n`, ''])
    t.is(run('process.exit(3)').status, 3)
    t.is(run('process.kill(process.pid, "SIGKILL")').signal, 'SIGKILL')
  }
})

/** One of the machine that is of another version; null where there is none. */
function otherNode(): string | null {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter)
  const nodes = folders
    .filter((it) => !it.includes('node_modules'))
    .map((it) => path.join(it, 'node'))
  const versionOf = (node: string) => spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout
  const isOther = (node: string) =>
    ![null, undefined, `${process.version}\n`].includes(versionOf(node))
  return nodes.find(isOther) ?? null
}
