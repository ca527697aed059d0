import type Corestore from 'corestore'
import { audit } from '../src/audit/audit.ts'
import type { AuditEvent } from '../src/audit/events.ts'
import type { AskRange } from '../src/audit/feed.ts'
import type { Finding } from '../src/audit/findings.ts'
import type { Heard, Held } from '../src/protocol/comparison.ts'
import type { Head } from '../src/protocol/head.ts'
import { openVm } from '../src/vm/registry.ts'
import type { VirtualMachine } from '../src/vm/vm.ts'
import { type Teardown, tempDir } from './helpers.ts'
import { lent } from './lent-vm.ts'

type EventOf<Type extends AuditEvent['type']> = Extract<AuditEvent, { type: Type }>

/** What a follower is shown, and where it keeps what it knows. */
export interface Followed {
  readonly store: Corestore
  readonly address: Uint8Array
  readonly dir?: string
  readonly patience?: number
  readonly evidence?: boolean
  readonly keepEvery?: number
  readonly heard?: () => readonly Head[]
  readonly ask?: AskRange
  readonly overheard?: (held: Held) => Heard
  readonly answeredAt?: () => number
  /** Executes the calls, where that is no VM of all who follow. */
  readonly openVm?: () => Promise<VirtualMachine>
}

/** An audit that goes on while a test does something. */
export class Follower {
  readonly events: AuditEvent[] = []
  readonly #stop = new AbortController()
  readonly #waiting = new Set<() => void>()
  #ended: Promise<void> = Promise.resolve()
  #seen = 0

  static async open(t: Teardown, options: Followed): Promise<Follower> {
    const follower = new Follower()
    const dir = options.dir ?? (await tempDir(t))
    follower.#ended = follower.#run({ patience: 2000, evidence: true, ...options, dir })
    // whoever waits for something is told of it
    follower.#ended.catch(() => {})
    t.teardown(() => follower.stop(), { order: -2 })
    return follower
  }

  get findings(): readonly Finding[] {
    return this.events.flatMap((event) => (event.type === 'finding' ? [event.finding] : []))
  }

  get evidence(): readonly (Uint8Array | null)[] {
    return this.events.flatMap((event) => (event.type === 'evidence' ? [event.evidence] : []))
  }

  /** The first such event that nobody has waited for before. */
  async until<Type extends AuditEvent['type']>(
    type: Type,
    is: (event: EventOf<Type>) => boolean = () => true
  ): Promise<EventOf<Type>> {
    for (;;) {
      while (this.#seen < this.events.length) {
        const event = this.events[this.#seen++]
        if (event !== undefined && isOf(event, type) && is(event)) return event
      }
      await this.#next()
    }
  }

  /** Until so many calls are executed again. */
  async replayed(calls: number): Promise<void> {
    await this.until('progress', (event) => event.replayed >= calls)
  }

  /** Until so many blocks are read. */
  async read(blocks: number): Promise<void> {
    await this.until('progress', (event) => event.blocks >= blocks)
  }

  /** Until so much is found. */
  async found(count: number): Promise<void> {
    while (this.findings.length < count) await this.until('finding')
  }

  /** What it has come to. */
  async stop() {
    this.#stop.abort()
    await this.#ended
    const verdict = this.events.at(-1)
    if (verdict?.type !== 'verdict') throw new Error('an audit without a verdict')
    return { verdict, findings: this.findings, evidence: this.evidence }
  }

  async #run(options: Followed & { readonly dir: string }): Promise<void> {
    const all = { openVm: openOwn, ...options, follow: this.#stop.signal }
    try {
      for await (const event of audit(all)) {
        this.events.push(event)
        this.#tell()
      }
    } finally {
      this.#tell()
    }
  }

  #tell(): void {
    for (const tell of this.#waiting) tell()
    this.#waiting.clear()
  }

  /** Throws where there is no next event. */
  async #next(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.add(resolve)
    const isOver = await Promise.race([promise.then(() => false), this.#ended.then(() => true)])
    if (isOver && this.#seen >= this.events.length) throw new Error('the audit has ended')
  }
}

let own: Promise<VirtualMachine> | null = null

/** One VM for all who follow, and none that a host uses which cheats with it. */
async function openOwn(): Promise<VirtualMachine> {
  own ??= openVm('js-1', { engines: 1 })
  return lent(await own)
}

export async function closeOwnVm(): Promise<void> {
  await (await own)?.close()
  own = null
}

function isOf<Type extends AuditEvent['type']>(
  event: AuditEvent,
  type: Type
): event is EventOf<Type> {
  return event.type === type
}
