import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { text as readText } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { Client } from '../../client/client.ts'
import { audit, type Finding } from '../../index.ts'
import { type Bootstrap, openLocal } from '../../net/network.ts'
import { MivmError } from '../../protocol/errors.ts'
import { decodeId } from '../../protocol/ids.ts'
import { ArchiveView } from '../archive.ts'
import { renderAudit } from '../audit-view.ts'
import { Context } from '../context.ts'
import { falsify } from '../demo-cheat.ts'
import { atEnd } from '../interruption.ts'
import { contractName, LogView } from '../log-view.ts'
import { LogsReader, printLogs } from '../logs-reader.ts'
import type { Program } from '../program.ts'
import { inspectValue } from '../text.ts'

/** The call that the cheat is about: `addPost(1, 'My name is bob')`, which returned 1. */
const LIE = { seq: 3, value: '7' }

const NAME = 'forum'

/** `mivm demo` */
export function addDemo(program: Program): void {
  program
    .command('demo')
    .description(
      'Shows it all on this machine, offline: a host, two users, an audit, a caught cheat.'
    )
    .addHelpText('after', '\nExample:\n  $ mivm demo\n')
    .action(async (_, command) => {
      const { json } = command.optsWithGlobals()
      await new Demo(json === true).run()
    })
}

/** The story, in directories of its own that are removed in the end. */
class Demo {
  readonly #json: boolean
  #root = ''
  #bootstrap: Bootstrap = []
  #step = 0

  constructor(json: boolean) {
    this.#json = json
  }

  async run(): Promise<void> {
    const context = await this.#open()
    const { output } = context
    this.#tell(context, 'A host starts, in a process of its own.')
    let host = await startHost(this.#dir('host'), this.#bootstrap)
    output.line(`host ${host.id}`)

    const link = await this.#talk(context, host.id)
    await this.#show(context, link)

    this.#tell(
      context,
      'Somebody who trusts nobody executes every call again, from the logs alone.'
    )
    const honest = await this.#audit(link, 'carol')
    if (honest.verdict !== 'clean') throw failed('the audit of an honest host was not clean')

    this.#tell(
      context,
      `The host stops, changes the result of host+${LIE.seq} from 1 to ${LIE.value}, signs everything anew, and is back.`
    )
    await host.stop()
    const address = decodeId(link.slice(-52), 'address')
    await falsify(this.#dir('host/host'), this.#dir('cheat/host'), { address, ...LIE })
    host = await startHost(this.#dir('cheat'), this.#bootstrap)

    this.#tell(context, 'Another auditor, who has never seen the honest logs, looks at it.')
    const cheat = await this.#audit(link, 'dave')
    const caught = cheat.findings.find(
      ({ code, seq }) => code === 'RESULT_WRONG' && seq === LIE.seq
    )
    if (cheat.verdict !== 'violation' || caught === undefined) {
      throw failed('the audit did not find the falsified result')
    }
    await host.stop()
    output.line()
    output.line(
      output.paint(
        'bold',
        `The honest host was found clean, and the cheat was caught at host+${LIE.seq}.`
      )
    )
    output.line(
      'Your own: "mivm host --local", and "mivm deploy contracts/forum.js --name forum --local"'
    )
    output.object({ type: 'summary', honest: honest.verdict, cheat: cheat.verdict, caught })
  }

  async #open(): Promise<Context> {
    const making = mkdtemp(path.join(tmpdir(), 'mivm-demo-'))
    // it may be told to end before this one is there
    atEnd(async () => rm(await making, { recursive: true, force: true }))
    this.#root = await making
    const network = await openLocal(0)
    atEnd(() => network.close())
    this.#bootstrap = network.bootstrap
    return this.#context('reader')
  }

  /** Two users: one deploys the forum and writes in it, the other reads and answers. Returns the link. */
  async #talk(context: Context, host: string): Promise<string> {
    this.#tell(context, 'Bob deploys a forum, and writes in it.')
    const source = await readFile(new URL('../../../contracts/forum.js', import.meta.url), 'utf8')
    const bob = await this.#client('bob')
    const { address, link } = await bob.deploy({ host, source })
    context.output.line(link)
    const forum = await bob.connect(address)
    const topic = await this.#call(context, 'bob', forum['addTopic'], 'addTopic', 'Hello world')
    await this.#call(context, 'bob', forum['addPost'], 'addPost', topic, 'My name is bob')
    await bob.close()

    this.#tell(context, 'Alice reads it, and answers.')
    const alice = await this.#client('alice')
    const title = await alice.state(link).readFile(`/topics/${topic}/title`)
    context.output.line(`alice reads /topics/${topic}/title: ${inspectValue(title)}`)
    const same = await alice.connect(link)
    await this.#call(context, 'alice', same['addPost'], 'addPost', topic, 'Hi bob, I am alice')
    await alice.close()
    return link
  }

  async #call(
    { output }: Context,
    user: string,
    method: ((...args: unknown[]) => Promise<unknown>) | undefined,
    name: string,
    ...args: readonly unknown[]
  ): Promise<unknown> {
    if (method === undefined) throw failed(`the forum has no ${name}`)
    const value = await method(...args)
    const list = args.map((arg) => (typeof arg === 'string' ? inspectValue(arg) : String(arg)))
    output.line(`${user} calls ${name}(${list.join(', ')}): ${value}`)
    output.object({ type: 'call', user, method: name, args, value })
    return value
  }

  /** The three places where it is written down. */
  async #show(context: Context, link: string): Promise<void> {
    this.#tell(context, 'Every call is in two signed logs, and what it changed in the archive.')
    const replica = await context.openReplica()
    const instance = await replica.follow(link)
    const names = new Map([
      ...(await this.#context('bob').ownNames()),
      ...(await this.#context('alice').ownNames())
    ])
    const view = new LogView({ users: names, contract: contractName(NAME), fuel: false })
    await printLogs(context, new LogsReader(context, instance, view, null, 1))
    const archive = await ArchiveView.open(instance, null, () => {})
    context.output.line()
    context.output.line('state archive')
    for (const file of await archive.list('/', false)) {
      const content = new TextDecoder().decode(await file.read())
      context.output.line(`${file.path} ${inspectValue(content)}`)
      context.output.object({ type: 'file', path: file.path, content })
    }
  }

  async #audit(link: string, auditor: string) {
    const context = this.#context(auditor)
    const findings: Finding[] = []
    for await (const event of audit({ ...context.network, address: link })) {
      context.output.object(event)
      renderAudit(context.output, event)
      if (event.type === 'finding') findings.push(event.finding)
      if (event.type === 'verdict') return { verdict: event.verdict, findings }
    }
    throw failed('the audit came to no verdict')
  }

  async #client(name: string): Promise<Client> {
    const { network } = this.#context(name)
    const client = await Client.open({ ...network, identity: name })
    atEnd(() => client.close())
    return client
  }

  /** Everybody has a directory of their own. */
  #context(name: string): Context {
    return new Context({
      dir: this.#dir(name),
      bootstrap: [...this.#bootstrap],
      json: this.#json ? true : undefined
    })
  }

  #dir(name: string): string {
    return path.join(this.#root, name)
  }

  #tell({ output }: Context, text: string): void {
    this.#step++
    if (this.#step > 1) output.line()
    output.line(output.paint('bold', `${this.#step}. ${text}`))
    output.object({ type: 'step', step: this.#step, text })
  }
}

interface RunningHost {
  readonly id: string
  stop(): Promise<void>
}

/** `mivm host` as anybody would start it, in a child process that ends with this one. */
async function startHost(dir: string, bootstrap: Bootstrap): Promise<RunningHost> {
  const bin = fileURLToPath(new URL('../../../bin/mivm.js', import.meta.url))
  const args = [
    'host',
    '--dir',
    dir,
    '--bootstrap',
    bootstrap.join(','),
    '--engines',
    '1',
    '--json'
  ]
  const child = spawn(process.execPath, [bin, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc']
  })
  const { stdout, stderr } = child
  if (stdout === null || stderr === null) throw failed('no pipes to the host')
  const stop = () => end(child)
  atEnd(stop)
  const problem = readText(stderr)
  for await (const line of createInterface({ input: stdout })) {
    const event: { type?: unknown; id?: unknown } = JSON.parse(line)
    if (event.type !== 'ready') continue
    stdout.resume()
    return { id: String(event.id), stop }
  }
  throw failed(`the host did not start: ${await problem}`)
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}

function failed(what: string): MivmError {
  return new MivmError('INTERNAL', `the demo failed: ${what}`)
}
