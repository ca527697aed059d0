// Receipts: written by calls and afterwards, mailed, and verified without anybody.
import { open, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import test from 'brittle'
import { verify } from '../src/index.ts'
import { Cli, CONTRACTS } from './cli.ts'
import { openNetwork } from './cli-network.ts'
import { tempDir } from './helpers.ts'

const FORUM = path.join(CONTRACTS, 'forum.js')

test('cli - prove and verify: any call, by anybody, offline', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  const link = (
    await cli.run(['deploy', FORUM, '--host', host.id, '--name', 'forum'])
  ).stdout.trim()
  const file = path.join(root, 'topic.receipt')
  await cli.run(['call', 'forum', 'addTopic', 'Hello world', '--receipt', file])
  for (let i = 1; i < 6; i++) await cli.run(['call', 'forum', 'addPost', '1', `post ${i}`])

  const stranger = new Cli(path.join(root, 'stranger'), cli.bootstrap)
  for (let seq = 1; seq <= 7; seq++) {
    const alone = seq === 1
    const { status, stdout, stderr } = await stranger.run(['prove', link, `host+${seq}`], { alone })
    t.is(status, 0, stderr)
    t.is(verify(stdout, host.id).seq, seq)
  }
  const proven = path.join(root, 'post.receipt')
  const { objects } = await stranger.json(['prove', link, '3', '-o', proven])
  t.alike([objects[0]?.['seq'], objects[0]?.['receipt']], [3, proven])
  const none = await stranger.run(['prove', link, '8'])
  t.alike(none, {
    status: 64,
    stdout: '',
    stderr: 'mivm: CALL_UNKNOWN: there is no call 8 in this log: see "mivm log"\n'
  })
  await host.stop()

  const offline = new Cli(path.join(root, 'nobody'), '127.0.0.1:9')
  for (const name of [file, proven]) {
    const { status, stdout } = await offline.run(['verify', name, '--host', host.id])
    t.is(status, 0)
    t.ok(stdout.startsWith(`receipt holds: the host ${host.id}\n`), stdout)
    const { seq, method } = verify(await readFile(name))
    t.ok(stdout.includes(`\n  call ${seq}: ${method}(`), stdout)
    t.ok(stdout.includes('\n  result: 1\n'), stdout)
  }
  const json = await offline.json(['verify', proven])
  const { holds, kind, seq, args, value, outcome } = json.objects[0] ?? {}
  t.alike([holds, kind, seq, args, value, outcome], [true, 'receipt', 3, [1, 'post 1'], 1, 'ok'])
  const other = await offline.run(['verify', proven, '--host', link.slice(-52)])
  t.is(other.status, 1)
  t.is(other.stderr, `mivm: PROOF_INVALID: not a valid receipt: it is of the host ${host.id}\n`)
  t.is((await offline.run(['verify', file, proven, '--host', host.id])).status, 2)
  const others = await offline.run(['verify', file, proven, '--host', link.slice(-52)])
  t.is(others.status, 1)
  t.is(others.stderr, `mivm: PROOF_INVALID: ${file}: it is of the host ${host.id}\n`)

  // what was mangled on its way accuses no host: 1 would say so
  const altered = path.join(root, 'altered.receipt')
  const bytes = verify(await readFile(proven)).bytes.slice()
  bytes[300] = (bytes[300] ?? 0) ^ 1
  await writeFile(altered, bytes)
  const audited = await stranger.run(['audit', link, '--receipt', proven, '--receipt', altered])
  t.alike([audited.status, audited.stdout], [64, ''])
  t.ok(
    audited.stderr.startsWith(`mivm: USAGE: ${altered}: the proof does not hold: `),
    audited.stderr
  )
})

test('cli - call --receipt: of a call that the contract refused', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  const contract = path.join(root, 'no.js')
  await writeFile(contract, `exports.no = () => { throw new RangeError('never') }\n`)
  await cli.run(['deploy', contract, '--host', host.id, '--name', 'no'])
  const file = path.join(root, 'no.receipt')
  const refused = ['call', 'no', 'no', '--receipt', file]
  t.is((await cli.run(refused, { alone: true })).status, 1)
  t.alike(verify(await readFile(file)).error, { name: 'RangeError', message: 'never', code: null })
  const { status, stdout } = await cli.run(['verify', file])
  t.is(status, 0)
  t.ok(stdout.includes('\n  error: RangeError: never\n'), stdout)
  // a call cannot be taken back: it is made where its receipt can be written, and told where that goes wrong later
  await writeFile(contract, 'exports.n = 0\nexports.add = () => ++exports.n\n')
  await cli.run(['deploy', contract, '--host', host.id, '--name', 'counter'])
  const another = await cli.run(['audit', 'counter', '--receipt', file])
  t.alike([another.status, another.stdout], [64, ''])
  t.ok(another.stderr.startsWith(`mivm: USAGE: ${file} is of another instance, `), another.stderr)
  const lost = path.join(root, 'nowhere', 'counter.receipt')
  const isLinux = process.platform === 'linux'
  const full = (name: string) => (isLinux ? '/dev/full' : path.join(root, name))
  for (const [words, code, printed] of [
    [['call', 'counter', 'add', '--receipt', lost], 'STORAGE_FAILED', ''],
    [
      ['call', 'counter', 'add', '--receipt', full('one')],
      isLinux ? 'STORAGE_FULL' : 'fuel',
      '1\n'
    ],
    [['prove', 'counter', '2', '--output', lost], 'STORAGE_FAILED', '']
  ] as const) {
    const { status, stdout, stderr } = await cli.run(words)
    t.is(status, code === 'fuel' ? 0 : 69)
    t.ok(stderr.includes(`${code}: `), stderr)
    t.is(stdout, printed, words.join(' '))
  }
  const { objects } = await cli.json(['call', 'counter', 'add', '--receipt', full('two')])
  t.alike(
    [objects[0]?.['value'], objects[0]?.['outcome']],
    [2, 'ok'],
    'programs get the value, too'
  )
  t.is((await cli.run(['call', 'counter', 'add'])).stdout, '3\n')
})

test('cli - verify: what is no receipt is told in one line', async (t) => {
  const root = await tempDir(t)
  const cli = new Cli(path.join(root, 'user'), '127.0.0.1:9')
  const vectors = new URL('vectors/heads-proofs.json', import.meta.url)
  const { receipt } = JSON.parse(await readFile(vectors, 'utf8'))
  const bytes = Buffer.from(receipt.bytes, 'hex')
  const altered = Buffer.from(bytes)
  altered[300] = (altered[300] ?? 0) ^ 1
  const files: [name: string, content: Uint8Array, status: number, code: string][] = [
    ['empty', Buffer.alloc(0), 64, 'PROOF_UNKNOWN'],
    ['letter', Buffer.from('Dear Bob,\n'), 64, 'PROOF_UNKNOWN'],
    ['zeros', Buffer.alloc(1_000_000), 64, 'PROOF_UNKNOWN'],
    ['short', bytes.subarray(0, 400), 2, 'PROOF_DAMAGED'],
    [
      'newer',
      Buffer.concat([Buffer.from('mivm/receipt/2\n'), bytes.subarray(15)]),
      2,
      'PROOF_VERSION'
    ],
    ['altered', altered, 1, 'PROOF_INVALID']
  ]
  for (const [name, content, status, code] of files) {
    const file = path.join(root, name)
    await writeFile(file, content)
    const said = await cli.run(['verify', file])
    t.alike([said.status, said.stdout], [status, ''], name)
    t.ok(new RegExp(`^mivm: ${code}: [^\\n]+\\n$`).test(said.stderr), said.stderr)
  }
  const huge = await open(path.join(root, 'huge'), 'w')
  await huge.truncate(1024 ** 3)
  await huge.close()
  const large = await cli.run(['verify', path.join(root, 'huge')], { alone: true })
  t.is(large.status, 64)
  t.ok(/^mivm: PROOF_TOO_LARGE: [^\n]+huge is [^\n]+\n$/.test(large.stderr), large.stderr)
  const endless = await cli.run(['verify', '/dev/zero'])
  t.is(endless.status, 64, 'and what never ends is not read for ever')
  t.ok(endless.stderr.startsWith('mivm: PROOF_TOO_LARGE: /dev/zero is '), endless.stderr)
  const missing = await cli.run(['verify', path.join(root, 'nowhere')])
  t.is(missing.status, 64)
  t.ok(missing.stderr.startsWith('mivm: FILE_UNKNOWN: '), missing.stderr)
  // where "mivm audit --report evidence/" has put what it found
  t.alike(await cli.run(['verify', root]), {
    status: 64,
    stdout: '',
    stderr: `mivm: FILE_UNKNOWN: ${root} is a directory: give a file\n`
  })
  const good = path.join(root, 'good')
  await writeFile(good, bytes)
  const short = path.join(root, 'short')
  const one = await cli.run(['verify', good, short])
  t.is(one.status, 2)
  t.ok(one.stderr.startsWith(`mivm: PROOF_DAMAGED: ${short}: `), 'of several it says which')
})
