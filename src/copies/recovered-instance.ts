import type Hypercore from 'hypercore'
import {
  decodePending,
  encodeMethods,
  encodePending,
  encodePosition,
  METHODS_NOTE,
  PENDING_NOTE,
  positionNote
} from '../host/notes.ts'
import type { SetBacks } from '../host/set-back.ts'
import { decodeEntry, type Genesis } from '../protocol/entries.ts'
import { encodeId } from '../protocol/ids.ts'
import { createAtom } from '../state/atom.ts'
import type { Wal } from '../state/wal.ts'
import { contractOf } from '../vm/record.ts'
import { openVm } from '../vm/registry.ts'
import { forked, type LostOptions, LostParts, nothing } from './lost-parts.ts'
import { append, blockOf, leadsThrough, type Part, stagesOf } from './parts.ts'
import { Walk, type WalkedUser } from './walk.ts'

export interface RecoveredOptions extends LostOptions {
  readonly wal: Wal
  readonly setBacks: SetBacks
  /** Has the instance among those of the host. */
  enlist(): Promise<void>
}

/** What has become of one that could be recovered, or did not have to be. */
export type Recovered =
  /** Blocks of the call log, before and after. */
  | {
      readonly type: 'recovered'
      readonly address: string
      readonly from: number
      readonly to: number
    }
  /** What is here is all that anybody knows of. */
  | { readonly type: 'level'; readonly address: string; readonly blocks: number }
  /** Nobody was found who knows it at all: that there is not more of it nobody has said. */
  | { readonly type: 'alone'; readonly address: string; readonly blocks: number }

/** Brings one instance to the newest head that anybody knows, or leaves it as it is and throws why. */
export async function recoverInstance(options: RecoveredOptions): Promise<Recovered> {
  const lost = new LostParts(options)
  try {
    return await new RecoveredInstance(options, lost).run()
  } finally {
    await lost.close()
  }
}

class RecoveredInstance {
  readonly #options: RecoveredOptions
  readonly #lost: LostParts
  readonly #id: string

  constructor(options: RecoveredOptions, lost: LostParts) {
    this.#options = options
    this.#lost = lost
    this.#id = encodeId(options.address)
  }

  async run(): Promise<Recovered> {
    const { setBacks, head, wal, enlist } = this.#options
    const { log, newest, genesis, isKnown } = await this.#lost.callLog()
    const { length: before } = log.own
    for (const known of [head, setBacks.get(this.#id)]) {
      if (known === null) continue
      const isOurs = known.fork === 0 && (await leadsThrough(log, known))
      if (!isOurs) throw forked('the call log', known.length)
    }
    const walk = await walkThrough(log)
    const { archive, users } = await this.#lost.named(walk, genesis)
    const parts = [...archive, ...users]
    const isBehind = [log, ...parts].some((part) => part.own.length < part.to.length)
    // a crash on the way leaves something that is refused
    if (isBehind) await setBacks.keep(this.#id, newest)
    // also where that had come so far before, and no further
    if (setBacks.get(this.#id) !== null) {
      for await (const stage of stagesOf(log, archive, users)) {
        await this.#write(stage.log, stage.parts, (own) => this.#notePositions(own, stage.users))
      }
      await this.#write(log, parts, (own) => this.#note(own, walk, parts))
    }
    await enlist()
    await wal.sync()
    await setBacks.remove(this.#id)
    if (isBehind) return { type: 'recovered', address: this.#id, from: before, to: newest.length }
    return { type: isKnown ? 'level' : 'alone', address: this.#id, blocks: newest.length }
  }

  /**
   * Writes what was verified, all of it at once, as a commit is: an archive that is ahead of its call log, or behind it,
   * would be what cheating hosts show.
   */
  async #write(
    log: Part,
    parts: readonly Part[],
    note: (own: Hypercore) => Promise<void>
  ): Promise<void> {
    const atom = createAtom(this.#options.store)
    const sessions: Hypercore[] = []
    const open = async ({ own }: Part) => {
      const session = own.session({ atom })
      sessions.push(session)
      await session.ready()
      return session
    }
    try {
      for (const part of parts) await append(part, await open(part))
      const own = await open(log)
      await append(log, own)
      await note(own)
      await atom.flush()
    } finally {
      for (const session of sessions) await session.close()
    }
  }

  async #notePositions(log: Hypercore, users: ReadonlyMap<string, WalkedUser>): Promise<void> {
    for (const [id, { entry, ack }] of users) {
      await log.setUserData(positionNote(id), encodePosition({ entry, ack }))
    }
  }

  /** What the instance notes about itself beside its logs. */
  async #note(log: Hypercore, walk: Walk, parts: readonly Part[]): Promise<void> {
    const { address } = this.#options
    // who had calls waiting when this was written may have them still, and the log knows nothing of those
    const pending = new Set(decodePending(await log.getUserData(PENDING_NOTE)))
    for (const { key } of walk.open) pending.add(encodeId(key))
    await this.#notePositions(log, walk.users)
    for (const { user, own, to } of parts) {
      const entry = user === null ? undefined : walk.users.get(user)?.entry
      if (entry !== undefined && Math.max(own.length, to.length) > entry) pending.add(user ?? '')
    }
    await log.setUserData(PENDING_NOTE, encodePending([...pending]))
    if ((await log.getUserData(METHODS_NOTE)) !== null) return
    const genesis = decodeEntry(await blockOf(log, 0))
    const code = decodeEntry(await blockOf(log, 1))
    if (genesis.type !== 'genesis' || code.type !== 'code') throw nothing('the code')
    const methods = await methodsOf(address, genesis, code.source)
    await log.setUserData(METHODS_NOTE, encodeMethods(methods))
  }
}

/** The call log as it will be. */
async function walkThrough({ own, copy, to }: Part): Promise<Walk> {
  const walk = new Walk()
  for (let i = 0; i < to.length; i++) walk.visit(await blockOf(i < own.length ? own : copy, i))
  return walk
}

async function methodsOf(
  address: Uint8Array,
  genesis: Genesis,
  source: string
): Promise<readonly string[]> {
  const vm = await openVm(genesis.vm, { engines: 1 })
  try {
    return await vm.inspect(contractOf(address, genesis, source))
  } finally {
    await vm.close()
  }
}
