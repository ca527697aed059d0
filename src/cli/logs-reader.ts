import { setTimeout as sleep } from 'node:timers/promises'
import type Hypercore from 'hypercore'
import type { InstanceReplica } from '../client/instance-replica.ts'
import { readBlock } from '../client/logged-call.ts'
import { readEntry } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { decodeId, encodeId } from '../protocol/ids.ts'
import { sideBySide } from './columns.ts'
import { type Context, ONLY_PART } from './context.ts'
import type { LogLine, LogView } from './log-view.ts'
import { count } from './text.ts'

/** Columns where stdout is no terminal, or one that does not know its size. */
const WIDTH = 120
/** Before what did not come is asked for again, ms. */
const RETRY = 1_000
/** For a block that nobody says to have, ms. */
const UNSURE_WAIT = 3_000

/**
 * Prints both sides, beside each other where there is room. Of a copy that nobody can complete it prints what is there, and then
 * throws TIMEOUT.
 */
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
  if (reader.lacking !== null) throw reader.lacking
}

/**
 * Prints what comes, as it comes: a call, then the entries of users that go with it. Goes on where it was when nobody is there to
 * send the rest, as soon as somebody is.
 */
export async function followLogs(
  { output }: Context,
  reader: LogsReader,
  stop: Promise<unknown>
): Promise<void> {
  const stopped = stop.then(() => true)
  let isAway = false
  for (;;) {
    const came = await reader.showNews().then(
      () => true,
      (error: unknown) => {
        if (isAbsence(error)) return false
        throw error
      }
    )
    if (came === isAway) output.note(came ? 'the host is back' : 'the host is away: waiting for it')
    isAway = !came
    const next = isAway ? sleep(RETRY, false) : reader.news().then(() => false)
    if (await Promise.race([stopped, next])) return
  }
}

/** How far a user's log has been read, how much of it there has to be, and where to begin to show it. */
interface UserState {
  read: number
  known: number
  first: number | null
}

/** Reads the logs from where it was before. */
export class LogsReader {
  readonly #context: Context
  readonly #instance: InstanceReplica
  readonly #view: LogView
  readonly #user: string | null
  readonly #from: number
  readonly #users = new Map<string, UserState>()
  #log: Hypercore | null = null
  #next = 0
  #calls = 0
  #isPart = false
  /** Whether all that is to be shown is in a copy, and nobody is there who could send more of it. */
  #isAlone = false
  #lacking: unknown = null

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

  /** Why a copy that nobody can complete has no more lines than that; null where nothing is lacking. */
  get lacking(): unknown {
    return this.#lacking
  }

  async hostLines(): Promise<LogLine[]> {
    const lines: LogLine[] = []
    this.#isAlone = !this.#instance.online
    await this.#readHost((line) => lines.push(line)).catch((error) => this.#miss(error))
    return lines
  }

  /** Shows what has come since the last time. What is shown is not shown again, also where this ends with an error. */
  async showNews(): Promise<void> {
    const show = (line: LogLine) => this.#show(line)
    await this.#readHost(show)
    for (const [id, state] of this.#users) await this.#readUser(id, state, show)
  }

  async #readHost(show: (line: LogLine) => void): Promise<void> {
    const log = await this.#instance.callLog()
    this.#log = log
    // one that is closed meanwhile has none
    const { length } = log
    const download = log.download({ start: this.#next, end: length })
    for (; this.#next < length; this.#next++) {
      const block = await this.#read(log, this.#next, this.#instance.whole)
      if (block === null) break
      this.#notice(block, this.#next)
      const line = this.#view.hostLine(this.#next, block)
      if (line !== null && this.#isAsked(line)) show(line)
      if (this.#next % 500 === 0) {
        this.#context.output.progress(
          `reading the call log: ${this.#next} of ${count(length, 'block')}`
        )
      }
    }
    download.destroy()
  }

  /** The call that has begun and has no result yet: it waits for an oracle. */
  underWay(): LogLine[] {
    const lines: LogLine[] = []
    const open = this.#lacking === null ? this.#view.underWay() : null
    if (open !== null && this.#isAsked(open)) lines.push(open)
    return lines
  }

  async userLines(): Promise<{ name: string; lines: LogLine[] }[]> {
    const logs: { name: string; lines: LogLine[] }[] = []
    for (const [id, state] of this.#users) {
      if (state.first === null) continue
      const lines: LogLine[] = []
      const reading = this.#readUser(id, state, (line) => lines.push(line))
      await reading.catch((error) => this.#miss(error))
      logs.push({ name: this.#view.user(id), lines })
    }
    return logs
  }

  async #readUser(id: string, state: UserState, show: (line: LogLine) => void): Promise<void> {
    if (state.first === null) return
    const log = await this.#instance.userLog(decodeId(id), state.known)
    const { length } = log
    for (; state.read < length; state.read++) {
      if (state.read + 1 < state.first) continue
      const known = this.#instance.whole === null ? null : state.known
      const block = await this.#read(log, state.read, known)
      if (block === null) break
      show(this.#view.userLine(id, state.read + 1, block))
    }
  }

  /** What is here is shown all the same. */
  #miss(error: unknown): void {
    if (!this.#isAlone || !isAbsence(error)) throw error
    this.#lacking ??= error
  }

  #show({ text, object }: LogLine): void {
    const { output } = this.#context
    output.line(text)
    output.object(object)
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

  /** Null where it is not one of the `sure` first ones, which somebody has, and does not come; the user is told. */
  async #read(log: Hypercore, index: number, sure: number | null): Promise<Uint8Array | null> {
    const isSure = sure === null || index < sure
    try {
      const wait = isSure && !this.#isAlone ? undefined : UNSURE_WAIT
      return await readBlock(log, index, 'a log', wait)
    } catch (error) {
      if (isSure) throw error
      if (!this.#isPart) this.#context.output.note(ONLY_PART)
      this.#isPart = true
      return null
    }
  }

  /** Takes note of whose call it is, before the line of that call. */
  #notice(block: Uint8Array, index: number): void {
    const entry = readEntry(block)
    if (entry?.type !== 'ack') return
    this.#calls++
    const id = encodeId(entry.user)
    if (this.#user !== null && id !== this.#user) return
    const state = this.#users.get(id) ?? { read: 0, known: 0, first: null }
    // of what comes behind that nobody says to have what goes with it
    const isSure = index < (this.#instance.whole ?? Number.POSITIVE_INFINITY)
    if (isSure) state.known = Math.max(state.known, entry.entry)
    if (entry.seq >= this.#from) state.first ??= this.#from === 1 ? 1 : entry.entry
    this.#users.set(id, state)
  }

  #isAsked({ number, object }: LogLine): boolean {
    if (number < this.#from) return false
    return this.#user === null || object['user'] === this.#user
  }
}

/** What there is nobody to send of. */
function isAbsence(error: unknown): boolean {
  return error instanceof MivmError && (error.code === 'TIMEOUT' || error.code === 'HOST_UNKNOWN')
}

function texts(lines: readonly LogLine[]): string[] {
  return lines.flatMap(({ text }) => text.split('\n'))
}
