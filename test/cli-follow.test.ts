// An auditor that watches a host over the network, and tells others of what it finds.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile, symlink } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'brittle'
import { Alerts } from '../src/cli/alerts.ts'
import { falsify } from '../src/cli/demo-cheat.ts'
import { Output } from '../src/cli/output.ts'
import type { Finding } from '../src/index.ts'
import { decodeId } from '../src/protocol/ids.ts'
import { Cli, CONTRACTS, type JsonObject, startHost } from './cli.ts'
import { openHost } from './cli-network.ts'
import { type Teardown, tempDir } from './helpers.ts'
import { localNetwork } from './local-network.ts'

/** One of which nothing but that it is told matters. */
const FINDING: Finding = {
  code: 'RESULT_WRONG',
  class: 'R',
  log: 'call log',
  block: 9,
  message: ''
}

const FORUM = path.join(CONTRACTS, 'forum.js')

/** A command that goes on, and what it prints with --json. */
class Running {
  readonly child: ChildProcess
  readonly objects: JsonObject[] = []
  stderr = ''
  #wake: (() => void) | null = null

  constructor(t: Teardown, cli: Cli, args: readonly string[]) {
    this.child = cli.start([...args, '--json'])
    t.teardown(() => this.child.kill('SIGKILL'))
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    if (this.child.stdout === null) throw new Error('no stdout')
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      this.objects.push(JSON.parse(line))
      this.#wake?.()
    })
    this.child.once('close', () => this.#wake?.())
  }

  async until(is: (object: JsonObject) => boolean): Promise<JsonObject> {
    for (;;) {
      const object = this.objects.find(is)
      if (object !== undefined) return object
      if (this.child.exitCode !== null) throw new Error(`it has ended: ${this.stderr}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async stop(signal: NodeJS.Signals): Promise<number | null> {
    const closed = once(this.child, 'close')
    this.child.kill(signal)
    await closed
    return this.child.exitCode
  }
}

/** With a host in a process of its own where that is killed. */
async function deployForum(t: Teardown, isKilled: boolean) {
  const root = await tempDir(t)
  const bootstrap = await localNetwork(t)
  const nodes = bootstrap.join(',')
  const network = `--bootstrap=${nodes}`
  const start = () => startHost(t, path.join(root, 'host'), [], network)
  const open = (name: string) => openHost(t, path.join(root, name), bootstrap)
  const host = isKilled ? await start() : await open('host')
  const cli = new Cli(path.join(root, 'user'), nodes)
  const link = (
    await cli.run(['deploy', FORUM, '--host', host.id, '--name', 'forum'])
  ).stdout.trim()
  return { root, nodes, start, open, host, cli, link }
}

test('cli - audit --follow goes on while the host is away, and where it was', async (t) => {
  const { root, nodes, start, host, cli, link } = await deployForum(t, true)
  const carol = new Cli(path.join(root, 'carol'), nodes)
  const auditor = new Running(t, carol, ['audit', link, '--follow'])
  await auditor.until(({ type }) => type === 'following')
  await cli.run(['call', 'forum', 'addTopic', 'Hello world'])
  await auditor.until(({ replayed }) => Number(replayed) >= 2)
  await host.stop('SIGKILL')
  await auditor.until(({ type, online }) => type === 'host' && online === false)
  const again = await start()
  await cli.run(['call', 'forum', 'addPost', '1', 'while it was away'])
  await auditor.until(({ type, online }) => type === 'host' && online === true)
  await auditor.until(({ replayed }) => Number(replayed) >= 3)
  t.is(await auditor.stop('SIGINT'), 0, auditor.stderr)
  t.is(auditor.objects.at(-1)?.['type'], 'verdict')
  t.is(auditor.objects.at(-1)?.['verdict'], 'clean')
  const lines = auditor.objects.map((object) => JSON.stringify(object))
  t.absent(
    lines.some((line, i) => i > 0 && line === lines[i - 1]),
    'nothing is said again while nothing happens'
  )

  const second = await carol.json(['audit', link])
  t.alike(second.objects[0], {
    type: 'checkpoint',
    state: 'resumed',
    blocks: 11,
    calls: 3,
    message: null
  })
  t.is(second.status, 0)
  const whole = await carol.json(['audit', link, '--from-genesis'])
  t.not(whole.objects[0]?.['type'], 'checkpoint')
  t.is(whole.objects.at(-1)?.['verdict'], 'clean')
  await again.stop()
})

test('cli - audit --exec and --webhook tell of what is found', async (t) => {
  const { root, nodes, open, host, cli, link } = await deployForum(t, false)
  await cli.run(['call', 'forum', 'addTopic', 'Hello world'])
  await cli.run(['call', 'forum', 'addPost', '1', 'My name is bob'])
  const witness = new Running(t, new Cli(path.join(root, 'erin'), nodes), [
    ...['audit', link, '--follow']
  ])
  await witness.until(({ type }) => type === 'following')
  await host.stop()
  const lie = { address: decodeId(link.slice(-52)), seq: 3, value: '7' }
  await falsify(path.join(root, 'host', 'host'), path.join(root, 'cheat', 'host'), lie)
  const cheat = await open('cheat')

  const posted: JsonObject[] = []
  const hook = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    posted.push(JSON.parse(Buffer.concat(chunks).toString()))
    // the first time it is busy
    response.writeHead(posted.length === 1 ? 503 : 204).end()
  }).listen(0, '127.0.0.1')
  await once(hook, 'listening')
  t.teardown(() => hook.close())
  const { port } = hook.address() as AddressInfo
  const told = path.join(root, 'told')
  const auditor = new Running(t, new Cli(path.join(root, 'carol'), nodes), [
    ...['audit', link, '--follow', '--exec', `cat >> '${told}'; echo printed`],
    ...['--webhook', `http://127.0.0.1:${port}/`]
  ])
  const isTold = (to: string) => (object: JsonObject) =>
    object['type'] === 'alert' && object['to'] === to && object['ok'] === true
  await auditor.until(isTold('exec'))
  await auditor.until(isTold('webhook'))
  t.is(await auditor.stop('SIGTERM'), 1, auditor.stderr)
  const finding = auditor.objects.find(({ type }) => type === 'finding')
  const [first = ''] = (await readFile(told, 'utf8')).split('\n')
  t.alike(JSON.parse(first), { ...finding, address: link.slice(-52) })
  t.alike(posted[0], JSON.parse(first))
  t.alike(posted[1], posted[0], 'asked again')
  t.is(auditor.objects.at(-1)?.['verdict'], 'violation')

  const deaf = await new Cli(path.join(root, 'dave'), nodes).json([
    ...['audit', link, '--exec', 'exit 3', '--webhook', `http://127.0.0.1:${port}/`]
  ])
  t.is(deaf.status, 1)
  const failed = deaf.objects.find(({ to }) => to === 'exec')
  t.is(failed?.['message'], 'the command ended with 3')
  t.is(deaf.objects.at(-1)?.['verdict'], 'violation', 'and the audit goes on')

  // the evidence cannot be written, and the other side is busy the first time
  posted.length = 0
  const lost = path.join(root, 'lost')
  await symlink(path.join(root, 'nowhere', 'evidence'), lost)
  const ended = await new Cli(path.join(root, 'frank'), nodes).json([
    ...['audit', link, '--report', lost, '--webhook', `http://127.0.0.1:${port}/`]
  ])
  t.is(ended.status, 1, 'that takes nobody the verdict')
  t.is(ended.objects.at(-1)?.['verdict'], 'violation')
  const unwritten = ended.objects.find(({ type }) => type === 'evidence')
  t.is(unwritten?.['file'], null)
  t.ok(String(unwritten?.['message']).includes('lost'), 'what could not be written is said')
  // the witness may have told of another head meanwhile, which is a finding of its own
  t.ok(posted.length >= 2, 'what was found is told all the same')
  t.alike(posted[1], posted[0])

  const seen = await witness.until(({ type }) => type === 'finding')
  t.is((seen['finding'] as JsonObject)['code'], 'TWO_HISTORIES', 'who was there has seen the other')
  t.is(await witness.stop('SIGINT'), 1, witness.stderr)
  await cheat.stop()
})

test('cli - a command that does not end holds up no verdict', async (t) => {
  const dir = await tempDir(t)
  const pids = path.join(dir, 'pids')
  const exec = `trap '' TERM; sleep 600 & echo $$ $! > '${pids}'; while :; do wait; done`
  const output = new Output(true)
  const said: JsonObject[] = []
  output.object = (object) => said.push(object as JsonObject)
  const alerts = new Alerts(output, { exec, execMs: 1_000 })
  alerts.add({ type: 'finding', address: '', finding: FINDING })
  await alerts.done()
  t.alike(
    said.map(({ ok, message }) => [ok, message]),
    [[false, 'the command ended with SIGKILL']]
  )
  const [shell = '', child = ''] = (await readFile(pids, 'utf8')).trim().split(' ')
  t.ok(Number(shell) > 0 && Number(child) > 0)
  const isThere = async (pid: string) => {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
    return stat !== null && !/\) Z/.test(stat)
  }
  while ((await isThere(shell)) || (await isThere(child))) await sleep(20)
})

test('cli - a webhook that is down is asked with patience once, whatever is found', async (t) => {
  let asked = 0
  const server = createServer((_, response) => {
    asked++
    response.writeHead(503).end()
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const alerts = new Alerts(new Output(false), { webhook: `http://127.0.0.1:${port}/` })
  for (let i = 0; i < 3; i++) alerts.add({ type: 'finding', address: '', finding: FINDING })
  await alerts.done()
  t.is(asked, 4 + 1 + 1, 'the verdict waits for it')
})

test('cli - a webhook is posted to with a name and a password, and only where it is', async (t) => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const { method, url = '', headers } = request
    asked.push(`${method} ${url} ${headers.authorization ?? '-'}`)
    const moved = Number(url.slice(1))
    response.writeHead(moved || 204, moved > 0 ? { location: '/there' } : {}).end()
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const basic = `Basic ${Buffer.from('bob:s ecret').toString('base64')}`
  for (const [at, expected] of [
    [`bob:s%20ecret@127.0.0.1:${port}/here`, [`POST /here ${basic}`]],
    [`127.0.0.1:${port}/301`, ['POST /301 -']],
    [`127.0.0.1:${port}/308`, ['POST /308 -', 'POST /308 -', 'POST /there -']]
  ] as const) {
    const alerts = new Alerts(new Output(false), { webhook: `http://${at}` })
    alerts.add({ type: 'finding', address: '', finding: FINDING })
    await alerts.done()
    t.alike(asked.splice(0), expected)
  }
})
