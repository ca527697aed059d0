// The VM of a test for the hosts that it starts and kills: what is tried is what they have on their disk, and an engine for
// each of them takes as long as all else that they do.
import type { ChildProcess } from 'node:child_process'
import { setImmediate } from 'node:timers/promises'
import type { Files } from '../src/protocol/files.ts'
import { VM_ID } from '../src/protocol/vm-id.ts'
import type { Supervisor } from '../src/vm/supervisor.ts'
import type { Batch, RunOptions, VirtualMachine } from '../src/vm/vm.ts'

/** What a host asks for. Functions do not go from process to process: each stands in the other one as a question. */
type Asked =
  | { readonly what: 'inspect'; readonly args: Parameters<VirtualMachine['inspect']> }
  | { readonly what: 'run'; readonly args: readonly [Sent, RunOptions] }

/** What the VM asks while it executes, and tells. */
type Told =
  | { readonly what: 'get'; readonly args: Parameters<Files['get']> }
  | { readonly what: 'list'; readonly args: Parameters<Files['list']> }
  | { readonly what: 'onOracle'; readonly args: Parameters<Batch['onOracle']> }
  | { readonly what: 'onStep'; readonly args: Parameters<Batch['onStep']> }
  | { readonly what: 'onLog'; readonly args: readonly [line: string] }

type Sent = Omit<Batch, 'base' | 'onStep' | 'onOracle' | 'onLog'>

type Message =
  | { readonly id: number; readonly asked: Asked }
  | { readonly id: number; readonly of: number; readonly told: Told }
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: Error & { readonly code?: string } }

/** One end of the channel between the two. */
class Channel {
  readonly #send: (message: Message) => void
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #count = 0
  #isOver = false

  constructor(send: (message: Message) => void) {
    this.#send = send
  }

  ask(question: { readonly asked: Asked } | { readonly of: number; readonly told: Told }): {
    readonly id: number
    readonly answer: Promise<unknown>
  } {
    const id = ++this.#count
    const waiting = Promise.withResolvers<unknown>()
    this.#waiting.set(id, waiting)
    this.#send({ id, ...question })
    if (this.#isOver) this.end()
    return { id, answer: waiting.promise }
  }

  answer(id: number, work: unknown): void {
    Promise.resolve(work).then(
      (answer) => this.#send({ id, answer }),
      (error) => this.#send({ id, error })
    )
  }

  settle(message: Message): void {
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if ('error' in message) waiting?.reject(message.error)
    else if ('answer' in message) waiting?.resolve(message.answer)
  }

  /** The other one is gone. */
  end(): void {
    this.#isOver = true
    for (const { reject } of this.#waiting.values()) reject(new Error('the host was killed'))
    this.#waiting.clear()
  }
}

/** Lends a VM to a process that was started with a channel, of advanced serialization, until its end. */
export function lendTo(child: ChildProcess, machine: () => Promise<VirtualMachine>): void {
  const known = new Set<string>()
  const channel = new Channel((message) => {
    if (child.connected) child.send(message, () => {})
  })
  child.on('message', (message: Message) => {
    if (!('asked' in message)) return channel.settle(message)
    const { id, asked } = message
    channel.answer(id, execute(id, asked))
  })
  child.once('exit', async () => {
    channel.end()
    // what was executed for one is not there for the next
    for (const address of known) (await machine()).evict(address)
  })

  async function execute(id: number, { what, args }: Asked): Promise<unknown> {
    const vm = await machine()
    if (what === 'inspect') return vm.inspect(args[0])
    const [sent, options] = args
    known.add(sent.contract.address)
    const ask = (told: Told) => channel.ask({ of: id, told }).answer
    // the order in which they come is that in which they are sent
    const tell = (told: Told) => void ask(told).catch(() => {})
    const batch: Batch = {
      ...sent,
      base: {
        get: async (...args) => (await ask({ what: 'get', args })) as Uint8Array | null,
        list: async (...args) => (await ask({ what: 'list', args })) as readonly string[]
      },
      onStep: (...args) => tell({ what: 'onStep', args }),
      onLog: (...args) => tell({ what: 'onLog', args }),
      onOracle: async (...args) =>
        (await ask({ what: 'onOracle', args })) as Awaited<ReturnType<Batch['onOracle']>>
    }
    return vm.run(batch, options)
  }
}

/** The VM that was lent to this process, which ends with what it was lent for. */
export class BorrowedVm implements Pick<Supervisor, keyof VirtualMachine | 'layers' | 'figures'> {
  readonly id = VM_ID
  readonly layers = []
  readonly #batches = new Map<number, Running>()
  readonly #channel = new Channel((message) => process.send?.(message))

  constructor() {
    process.on('message', (message: Message) => {
      if (!('told' in message)) return this.#channel.settle(message)
      const { id, of, told } = message
      this.#channel.answer(id, this.#answer(of, told))
    })
  }

  async inspect(...args: Parameters<VirtualMachine['inspect']>): Promise<readonly string[]> {
    const { answer } = this.#channel.ask({ asked: { what: 'inspect', args } })
    return (await answer) as readonly string[]
  }

  async run(batch: Batch, { onBegin, ...options }: RunOptions = {}): Promise<number> {
    // an engine does not begin at once either
    await setImmediate()
    onBegin?.()
    const { contract, variables, calls } = batch
    const sent = { contract, variables, calls: [...calls] }
    const { id, answer } = this.#channel.ask({ asked: { what: 'run', args: [sent, options] } })
    const running: Running = { batch, failure: null }
    this.#batches.set(id, running)
    try {
      return (await answer) as number
    } catch (error) {
      // whoever threw it looks for the same one
      throw running.failure?.error ?? error
    } finally {
      this.#batches.delete(id)
    }
  }

  evict(): void {}

  figures(): ReturnType<Supervisor['figures']> {
    const deaths = { time: 0, memory: 0, crash: 0 }
    const none = { busy: 0, waiting: 0, instances: 0, memory: 0, deaths, failing: false }
    return { most: 1, running: 1, started: 1, ...none }
  }

  async close(): Promise<void> {
    // those of one process have it together
    if (process.connected) process.disconnect?.()
  }

  async #answer(of: number, told: Told): Promise<unknown> {
    const running = this.#batches.get(of)
    if (running === undefined) throw new Error('the batch is over')
    try {
      return await answerOf(running.batch, told)
    } catch (error) {
      running.failure ??= { error }
      throw error
    }
  }
}

interface Running {
  readonly batch: Batch
  failure: { readonly error: unknown } | null
}

function answerOf(batch: Batch, { what, args }: Told): unknown {
  switch (what) {
    case 'get':
      return batch.base.get(...args)
    case 'list':
      return batch.base.list(...args)
    case 'onOracle':
      return batch.onOracle(...args)
    case 'onStep':
      return batch.onStep(...args)
    case 'onLog':
      return batch.onLog?.(...args)
  }
}
