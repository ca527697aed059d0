// Sessions of several commands with a host in a process of its own.
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import test from 'brittle'
import { verify } from '../src/index.ts'
import { Cli, CONTRACTS, startHost } from './cli.ts'
import { openNetwork } from './cli-network.ts'
import { tempDir } from './helpers.ts'

const FORUM = path.join(CONTRACTS, 'forum.js')

test('cli - deploy, call, log, state, audit: each in a process', async (t) => {
  const root = await tempDir(t)
  const host = await startHost(t, path.join(root, 'host'))
  const cli = new Cli(path.join(root, 'user'), host.bootstrap, true)
  const bob = (await cli.run(['key', 'new', 'bob'])).stdout.trim()
  await cli.run(['key', 'use', 'bob'])

  const deployed = await cli.run(['deploy', FORUM, '--host', host.id, '--name', 'forum'])
  t.is(deployed.status, 0, deployed.stderr)
  const link = deployed.stdout.trim()
  t.ok(new RegExp(`^mivm://${host.id}/[a-z0-9]{52}$`).test(link))

  for (const args of [
    ['forum', 'addTopic', 'Hello world'],
    [link, 'addPost', '1', 'My name is bob']
  ]) {
    const { status, stdout, stderr } = await cli.run(['call', ...args])
    t.alike({ status, stdout }, { status: 0, stdout: '1\n' })
    t.ok(/^fuel: [1-9]\d*\n$/.test(stderr), stderr)
  }
  const { objects } = await cli.json(['call', link.slice(-52), 'addPost', '1', '"2"'])
  const { fuel, ...summary } = objects[0] ?? {}
  t.ok(Number(fuel) > 0)
  t.is(objects.length, 1)
  t.alike(
    [summary],
    [
      {
        type: 'summary',
        address: link.slice(-52),
        method: 'addPost',
        outcome: 'ok',
        value: 2,
        error: null
      }
    ]
  )

  const log = await cli.run(['log', 'forum'])
  t.is(log.status, 0, log.stderr)
  t.alike(log.stdout.split('\n').slice(0, 8), PICTURE.split('\n'))
  const costs = await cli.run(['log', 'forum', '--fuel'])
  t.is(costs.stdout.match(/ fuel: [1-9]\d*/g)?.length, 4)
  const later = await cli.run(['log', 'forum', '--from', '4', '--user', bob])
  t.is(
    later.stdout.split('\n')[1],
    "bob+7 addPost(1, '2') host+4 addPost(1, '2') (ACK bob+7) result: 2"
  )

  t.is((await cli.run(['state', 'ls', 'forum'])).stdout, '/topics/\n')
  t.is((await cli.run(['state', 'cat', 'forum', '/topics/1/title'])).stdout, 'Hello world')

  const audit = await new Cli(path.join(root, 'auditor'), cli.bootstrap, true).json(['audit', link])
  t.is(audit.status, 0, audit.stderr)
  const checks = audit.objects.filter(({ type }) => type === 'check')
  t.alike(
    checks.map(({ check, complete }) => [check, complete]),
    [1, 2, 3, 4, 5, 6].map((check) => [check, true])
  )
  const { type, verdict, findings } = audit.objects.at(-1) ?? {}
  t.alike([type, verdict, findings], ['verdict', 'clean', 0])

  t.is((await cli.run(['ls'])).stdout, `forum\t${link}\n`)
  const status = await cli.json(['status'])
  t.alike(status.objects[0]?.['instances'], 1, 'of the host that was used last')
})

/** The logs of the design's example, and one call more. */
const PICTURE = `
user log (bob)                     call log (host)
bob+1 init()                       host+1 new Forum() (ACK bob+1)
bob+2 ACK host+1                   host+2 addTopic('Hello world') (ACK bob+3) result: 1
bob+3 addTopic('Hello world')      host+3 addPost(1, 'My name is bob') (ACK bob+5) result: 1
bob+4 ACK host+2                   host+4 addPost(1, '2') (ACK bob+7) result: 2
bob+5 addPost(1, 'My name is bob')
bob+6 ACK host+3
bob+7 addPost(1, '2')`.trim()

test('cli - values on the command line and back', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  const echo = path.join(root, 'echo.js')
  await writeFile(
    echo,
    `exports.echo = (value) => value
     exports.fail = () => { throw Object.assign(new RangeError('too\\nfar'), { code: 'EFAR' }) }
     exports.rude = () => '\\u001b[2Jgone'\n`
  )
  const { stdout } = await cli.run(['deploy', echo, '--host', host.id, '--name', 'echo'])
  t.ok(stdout.startsWith('mivm://'))

  for (const [written, printed] of VALUES) {
    t.is((await cli.run(['call', 'echo', 'echo', ...written])).stdout, printed, written.join())
  }

  const failed = await cli.run(['call', 'echo', 'fail'])
  t.alike(failed, { status: 1, stdout: '', stderr: 'RangeError: too\\x0afar (EFAR)\n' })
  const { status, objects } = await cli.json(['call', 'echo', 'fail'])
  t.is(status, 1)
  t.alike(objects[0]?.['error'], { name: 'RangeError', message: 'too\nfar', code: 'EFAR' })
  t.is((await cli.run(['call', 'echo', 'rude'])).stdout, '\u001b[2Jgone\n', 'raw, in a pipe')
  const log = await cli.run(['log', 'echo'])
  t.absent(log.stdout.includes('\u001b'), 'and harmless in a log')
  t.ok(log.stdout.includes('error: EFAR too\\x0afar'), log.stdout)

  const typo = await cli.run(['call', 'echo', 'ehco'])
  t.is(typo.status, 64)
  t.is(typo.stderr, 'mivm: METHOD_UNKNOWN: echo has no method "ehco": did you mean "echo"?\n')
  const other = await cli.run(['call', 'ecko', 'echo'])
  t.is(
    other.stderr,
    'mivm: LINK_INVALID: there is no instance named "ecko": did you mean "echo"?\n'
  )

  const zero = await cli.json(['call', 'echo', 'echo', '[0,-0]'])
  t.ok(zero.stdout.includes('"value":[0,-0]'), 'and it is what it was in JSON, too')
  // more than a timer can wait
  t.is((await cli.run(['call', 'echo', 'echo', '7', '--timeout', '99999999999'])).stdout, '7\n')
  const nowhere = await cli.run(['call', 'echo', 'echo', '7', '--receipt', path.join(root, 'a/b')])
  t.is(nowhere.status, 69)
  t.is(nowhere.stdout, '', 'where its receipt could not be written no call is made')
  await writeFile(path.join(root, 'secret'), (await cli.run(['key', 'export'])).stdout)
  const again = await cli.run(['key', 'import', 'twin', path.join(root, 'secret')])
  t.is(again.status, 0, again.stderr)
  for (const name of ['default', 'twin']) {
    const one = await cli.run(['log', 'echo', '--user', name, '--from', '2'])
    t.is(one.status, 0, one.stderr)
  }

  const file = path.join(root, 'receipt')
  t.is((await cli.run(['call', 'echo', 'echo', '7', '--receipt', file])).status, 0)
  const receipt = verify(await readFile(file), host.id)
  t.alike([receipt.method, receipt.args, receipt.value], ['echo', '[7]', '7'])
})

const VALUES: [written: string[], printed: string][] = [
  [['text'], 'text\n'],
  [['-5'], '-5\n'],
  [['-0'], '-0\n'],
  [['{"b": 1, "a": [true, null]}'], '{"b":1,"a":[true,null]}\n'],
  [['{"$bytes":"AP8="}'], '{"$bytes":"AP8="}\n'],
  [['{"$bigint":"12345678901234567890"}'], '{"$bigint":"12345678901234567890"}\n'],
  [['--', '--json'], '--json\n'],
  [[], '']
]

test('cli - the link of what was deployed is said also where its name cannot be written down', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  const words = ['deploy', FORUM, '--host', host.id, '--name', 'forum']
  await cli.run(['key', 'new'])
  await writeFile(path.join(cli.dir, 'names.json'), '{')
  const { status, stdout, stderr } = await cli.run(words)
  t.is(status, 69)
  t.ok(stderr.startsWith('mivm: DIRECTORY_DAMAGED: '), stderr)
  t.ok(stdout.startsWith(`mivm://${host.id}/`), stdout)
  const { objects } = await cli.json(words)
  t.alike(
    objects.map(({ type }) => type),
    ['deployed', 'error']
  )
  t.is((await cli.json(['status', host.id])).objects[0]?.['instances'], 2)
})
