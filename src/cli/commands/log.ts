import type Hypercore from 'hypercore'
import type { InstanceReplica } from '../../client/instance-replica.ts'
import { decodeEntry } from '../../protocol/entries.ts'
import { MivmError } from '../../protocol/errors.ts'
import { decodeId, encodeId } from '../../protocol/ids.ts'
import { listIdentities, readIdentity } from '../../state/identity.ts'
import { sideBySide } from '../columns.ts'
import { Context } from '../context.ts'
import { interrupted } from '../interruption.ts'
import { contractName, type LogLine, LogView } from '../log-view.ts'
import type { Program } from '../program.ts'
import { count, wholeNumber } from '../text.ts'

const HELP = `
Calls have the numbers that the host gave them (host+2), entries of a user's log count from 1 (bob+3).

Example:
  $ mivm log forum --local
`

/** Columns where stdout is no terminal, or one that does not know its size. */
const WIDTH = 120

interface Options {
  readonly user?: string | undefined
  readonly from?: number | undefined
  readonly follow?: true | undefined
  readonly fuel?: true | undefined
}

/** `mivm log <instance>` */
export function addLog(program: Program): void {
  program
    .command('log')
    .description('Prints the call log of an instance and the logs of its users.')
    .argument('<instance>', 'link, address or name')
    .option('--user <id>', 'only this user: the id or the name of an identity')
    .option('--from <n>', 'only from this call on', parseNumber)
    .option('--fuel', 'what each call cost', (): true => true)
    .option('--follow', 'go on as calls come in, until interrupted', (): true => true)
    .addHelpText('after', HELP)
    .action(async (instance, options, command) =>
      log(new Context(command.optsWithGlobals()), instance, options)
    )
}

async function log(context: Context, text: string, options: Options): Promise<void> {
  const { link, address, name } = await context.instance(text)
  const own = await context.ownNames()
  const user = options.user === undefined ? null : await userId(context, options.user)
  const replica = await context.openReplica()
  context.output.progress('looking for the instance…')
  const instance = await replica.follow(link)
  if (!instance.online) {
    context.output.note('nobody who serves it can be reached: this is the copy on this machine')
  }
  const view = new LogView({
    users: own,
    contract: contractName(name),
    fuel: options.fuel === true
  })
  const reader = new LogsReader(context, instance, view, user, options.from ?? 1)
  if (options.follow === true) await follow(reader)
  else await printLogs(context, reader)
  context.output.done()
  context.output.object({
    type: 'summary',
    address,
    host: encodeId(instance.host),
    blocks: reader.blocks,
    calls: reader.calls,
    users: reader.users
  })
}

/** Prints both sides, beside each other where there is room. */
export async function printLogs({ output }: Context, reader: LogsReader): Promise<void> {
  const host = [...(await reader.hostLines()), ...reader.underWay()]
  const users = await reader.userLines()
  for (const { object } of [...host, ...users.flatMap(({ lines }) => lines)]) output.object(object)
  const left = users.flatMap(({ name, lines }, i) => [
    ...(i === 0 ? [] : ['']),
    `user log (${name})`,
    ...texts(lines)
  ])
  const width = process.stdout.columns || WIDTH
  output.done()
  for (const line of sideBySide(left, ['call log (host)', ...texts(host)], width)) output.line(line)
}

/** Prints what comes, as it comes: a call, then the entries of users that go with it. */
async function follow(reader: LogsReader): Promise<void> {
  const stop = interrupted().then(() => true)
  for (;;) {
    reader.show(await reader.hostLines())
    for (const { lines } of await reader.userLines()) reader.show(lines)
    if (await Promise.race([stop, reader.news().then(() => false)])) return
  }
}

/** Reads the logs from where it was before. */
export class LogsReader {
  readonly #context: Context
  readonly #instance: InstanceReplica
  readonly #view: LogView
  readonly #user: string | null
  readonly #from: number
  /** How far each user's log has been read, and where to begin to show it. */
  readonly #users = new Map<string, { read: number; known: number; first: number | null }>()
  #log: Hypercore | null = null
  #next = 0
  #calls = 0

  constructor(
    context: Context,
    instance: InstanceReplica,
    view: LogView,
    user: string | null,
    from: number
  ) {
    this.#context = context
    this.#instance = instance
    this.#view = view
    this.#user = user
    this.#from = from
  }

  get blocks(): number {
    return this.#next
  }

  get calls(): number {
    return this.#calls
  }

  get users(): number {
    return this.#users.size
  }

  async hostLines(): Promise<LogLine[]> {
    const log = await this.#instance.callLog()
    this.#log = log
    const download = log.download({ start: this.#next, end: log.length })
    const lines: LogLine[] = []
    for (; this.#next < log.length; this.#next++) {
      const block = await read(log, this.#next)
      this.#notice(block)
      const line = this.#view.hostLine(this.#next, block)
      if (line !== null) this.#keep(line, lines)
      if (this.#next % 500 === 0) {
        this.#context.output.progress(
          `reading the call log: ${this.#next} of ${count(log.length, 'block')}`
        )
      }
    }
    download.destroy()
    return lines
  }

  /** The call that has begun and has no result yet: it waits for an oracle. */
  underWay(): LogLine[] {
    const lines: LogLine[] = []
    const open = this.#view.underWay()
    if (open !== null) this.#keep(open, lines)
    return lines
  }

  async userLines(): Promise<{ name: string; lines: LogLine[] }[]> {
    const logs: { name: string; lines: LogLine[] }[] = []
    for (const [id, state] of this.#users) {
      if (state.first === null) continue
      const log = await this.#instance.userLog(decodeId(id), state.known)
      const lines: LogLine[] = []
      for (; state.read < log.length; state.read++) {
        if (state.read + 1 < state.first) continue
        lines.push(this.#view.userLine(id, state.read + 1, await read(log, state.read)))
      }
      logs.push({ name: this.#view.user(id), lines })
    }
    return logs
  }

  show(lines: readonly LogLine[]): void {
    const { output } = this.#context
    for (const { text, object } of lines) {
      output.line(text)
      output.object(object)
    }
  }

  /** Resolves when the call log has grown, or after a while, since users' logs grow by themselves. */
  async news(): Promise<void> {
    const log = this.#log
    if (log === null || log.length > this.#next) return
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer)
        log.off('append', done)
        resolve()
      }
      const timer = setTimeout(done, 500)
      log.on('append', done)
    })
  }

  /** Takes note of whose call it is, before the line of that call. */
  #notice(block: Uint8Array): void {
    let entry: ReturnType<typeof decodeEntry>
    try {
      entry = decodeEntry(block)
    } catch (error) {
      if (error instanceof MivmError) return
      throw error
    }
    if (entry.type !== 'ack') return
    this.#calls++
    const id = encodeId(entry.user)
    if (this.#user !== null && id !== this.#user) return
    const state = this.#users.get(id) ?? { read: 0, known: 0, first: null }
    state.known = Math.max(state.known, entry.entry)
    if (entry.seq >= this.#from) state.first ??= this.#from === 1 ? 1 : entry.entry
    this.#users.set(id, state)
  }

  #keep(line: LogLine, lines: LogLine[]): void {
    if (line.number < this.#from) return
    if (this.#user === null || line.object['user'] === this.#user) lines.push(line)
  }
}

async function read(log: Hypercore, index: number): Promise<Uint8Array> {
  const block = await log.get(index, { timeout: 10_000 }).catch(() => null)
  if (block !== null) return block
  throw new MivmError('TIMEOUT', `block ${index} of a log did not come: try again later`)
}

function texts(lines: readonly LogLine[]): string[] {
  return lines.flatMap(({ text }) => text.split('\n'))
}

async function userId({ keys }: Context, text: string): Promise<string> {
  // one key may have several names
  if ((await listIdentities(keys)).includes(text)) return (await readIdentity(keys, text)).id
  return encodeId(decodeId(text, 'user'))
}

function parseNumber(text: string): number {
  const n = wholeNumber(text)
  if (n >= 1) return n
  throw new MivmError('USAGE', `--from ${text} is not the number of a call: they count from 1`)
}
