// The log as it comes in, and when nobody is there to send it.
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import test from 'brittle'
import { Context } from '../src/cli/context.ts'
import { LogView } from '../src/cli/log-view.ts'
import { followLogs, LogsReader } from '../src/cli/logs-reader.ts'
import { Replica } from '../src/client/replica.ts'
import { deferred } from '../src/protocol/deferred.ts'
import { MivmError } from '../src/protocol/errors.ts'
import { Cli, CONTRACTS } from './cli.ts'
import { openHost, openNetwork } from './cli-network.ts'
import { type Teardown, tempDir } from './helpers.ts'

const FORUM = path.join(CONTRACTS, 'forum.js')

test('cli - log --follow goes on until it is interrupted', async (t) => {
  const { host, cli } = await openNetwork(t, await tempDir(t))
  await cli.run(['deploy', FORUM, '--host', host.id, '--name', 'forum'])
  const child = cli.start(['log', 'forum', '--follow'])
  t.teardown(() => child.kill('SIGKILL'))
  if (child.stdout === null) throw new Error('no stdout')
  const lines: string[] = []
  const reader = createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  await once(reader, 'line')
  await cli.run(['call', 'forum', 'addTopic', 'while it follows'])
  const awaited = "host+2 addTopic('while it follows') (ACK default+3) result: 1"
  while (!lines.includes(awaited)) await once(reader, 'line')
  t.is(lines[0], 'host+1 new Forum() (ACK default+1)')
  child.kill('SIGINT')
  const [status] = await once(child, 'close')
  t.is(status, 0)
  t.is(lines.filter((line) => line === awaited).length, 1, 'each line once')
})

test('cli - log --follow begins with the copy on this machine, and goes on when the host is there', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  const nodes = cli.bootstrap.split(',')
  await cli.run(['deploy', FORUM, '--host', host.id, '--name', 'forum'])
  await cli.run(['call', 'forum', 'addTopic', 'kept'])
  await cli.run(['log', 'forum'])
  await host.stop()
  const child = cli.start(['log', 'forum', '--follow'])
  t.teardown(() => child.kill('SIGKILL'))
  if (child.stdout === null) throw new Error('no stdout')
  const lines: string[] = []
  const reader = createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  const come = async (awaited: string) => {
    while (!lines.includes(awaited)) await once(reader, 'line')
  }
  await come('default+4 ACK host+2')
  await openHost(t, path.join(root, 'host'), nodes)
  await cli.run(['call', 'forum', 'addTopic', 'new'])
  await come("host+3 addTopic('new') (ACK default+5) result: 2")
  child.kill('SIGINT')
  const [status] = await once(child, 'close')
  t.is(status, 0)
})

test('cli - log --follow waits for what does not come, and shows nothing twice', async (t) => {
  const { instance, context, reader } = await forumReader(t)
  const { userLog } = instance
  let asked = 0
  instance.userLog = async (user, length) => {
    if (asked++ === 0)
      throw new MivmError('TIMEOUT', 'only 1 of 2 blocks came within 10 s: try again')
    const log = await userLog.call(instance, user, length)
    stop.resolve()
    return log
  }
  const stop = deferred<void>()
  const said: string[] = []
  const { output } = context
  output.line = (text) => said.push(String(text))
  output.note = (text) => said.push(text)
  await followLogs(context, reader, stop.promise)
  t.alike(
    said.map((line) => line.replace(/[a-z0-9]{8}\+/g, 'user+')),
    [
      'host+1 new Forum() (ACK user+1)',
      'the host is away: waiting for it',
      'user+1 init()',
      'user+2 ACK host+1',
      'the host is back'
    ]
  )
})

test('cli - without the host the copy on this machine is read', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  const deployed = await cli.run(['deploy', FORUM, '--host', host.id, '--name', 'forum'])
  const auditor = new Cli(path.join(root, 'auditor'), cli.bootstrap)
  const words = ['audit', deployed.stdout.trim()]
  const before = await auditor.run(words)
  t.alike([before.status, before.stderr], [0, ''])
  await cli.run(['call', 'forum', 'addTopic', 'kept'])
  const online = await cli.run(['log', 'forum'])
  await host.stop()

  const offline = await cli.run(['log', 'forum'])
  t.is(offline.status, 0)
  t.is(offline.stdout, online.stdout)
  t.ok(offline.stderr.includes('this is the copy on this machine'))
  const state = await cli.run(['state', 'ls', 'forum'])
  t.is(state.status, 69, 'the archive was never copied')
  t.ok(/\nmivm: HOST_UNKNOWN: [^\n]*not complete[^\n]*\n$/.test(state.stderr), state.stderr)
  const audit = await cli.json(['audit', 'forum'])
  t.is(audit.status, 2, 'nothing is guessed')
  t.is(audit.objects.at(-1)?.['verdict'], 'inconclusive')
  // the call that was made meanwhile is in no verdict of it
  const { status, stdout, stderr } = await auditor.run(words)
  t.is(status, 0)
  t.ok(before.stdout.endsWith('\nclean: 1 call, nothing found\n'), before.stdout)
  t.ok(stdout.endsWith('\nclean: 1 call, nothing found\n'), stdout)
  t.ok(stderr.includes('this is the copy on this machine'), stderr)
  t.ok((await auditor.json(words)).objects.some(({ type, online }) => type === 'host' && !online))
})

test('cli - a log that is closed while it is read, as by a signal, is not taken for a shorter one', async (t) => {
  const { instance, reader } = await forumReader(t)
  const log = await instance.callLog()
  const get = log.get.bind(log)
  log.get = async (index, options) => {
    const block = await get(index, options)
    if (index === 1) await log.close()
    return block
  }
  await t.exception(reader.hostLines(), { code: 'TIMEOUT' })
})

test('cli - of a copy that lacks the newest blocks what is there is shown, and then what is not', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  await cli.run(['deploy', FORUM, '--host', host.id, '--name', 'forum'])
  await cli.run(['call', 'forum', 'addTopic', 'kept'])
  const { stdout } = await cli.run(['log', 'forum'])
  await cli.run(['call', 'forum', 'addTopic', 'not read'])
  // it asks for the newest head, and for the blocks of the second call
  t.is((await cli.run(['prove', 'forum', '2'])).status, 0)
  await host.stop()

  const offline = await cli.run(['log', 'forum'])
  t.is(offline.status, 69)
  t.ok(offline.stderr.endsWith('did not come: try again later\n'), offline.stderr)
  const calls = (text: string) => text.match(/host\+\d.*/g)
  t.alike(calls(offline.stdout), calls(stdout))
})

/** Somebody else who reads the logs of a forum. */
async function forumReader(t: Teardown) {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  const { stdout } = await cli.run(['deploy', FORUM, '--host', host.id])
  const dir = path.join(root, 'reader')
  const bootstrap = cli.bootstrap.split(',')
  const replica = await Replica.open({ dir, bootstrap })
  t.teardown(() => replica.close())
  const instance = await replica.follow(stdout.trim())
  const context = new Context({ dir, bootstrap })
  const view = new LogView({ users: new Map(), contract: 'Forum', fuel: false })
  return { instance, context, reader: new LogsReader(context, instance, view, null, 1) }
}
