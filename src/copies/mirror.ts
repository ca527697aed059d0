import path from 'node:path'
import { Meeting } from '../client/meeting.ts'
import { Replica } from '../client/replica.ts'
import { readRange } from '../host/ranges.ts'
import { Mutex } from '../net/mutex.ts'
import type { Bootstrap } from '../net/network.ts'
import { type Rpc, relieve } from '../net/rpc.ts'
import { MivmError } from '../protocol/errors.ts'
import { decodeId, encodeId, parseLink } from '../protocol/ids.ts'
import { topicOf } from '../protocol/manifest.ts'
import { CONSISTENCY, INFO, RANGE } from '../protocol/messages.ts'
import { EvidenceDir } from '../state/evidence-dir.ts'
import { openIdentity } from '../state/identity.ts'
import { type MirrorEvent, MirroredInstance } from './mirrored-instance.ts'

export type { MirrorEvent }

export interface MirrorOptions {
  /** The data directory: copies are in `mirror` below it, evidence where clients and auditors have theirs. */
  readonly dir: string
  readonly bootstrap?: Bootstrap | undefined
  /** Links or addresses. */
  readonly instances: readonly string[]
  /** Bytes of blocks that one instance may have here; default 16 GiB. */
  readonly bytesMax?: number | undefined
  readonly onEvent?: (event: MirrorEvent) => void
}

const BYTES_MAX = 16 * 1024 ** 3
/**
 * Places where others are met: each takes six megabytes and two descriptors, and has room for so many connections, of all
 * instances that share it.
 */
const PLACES_MAX = 16

/** Bytes that all who read copies may leave unread together, and how often that is looked at, ms. */
const UNREAD_MAX = 256 * 1024 ** 2
const SWEEP_MS = 500

/**
 * Keeps whole copies of instances of other hosts, as they grow, and serves them to whoever looks for the instance. Each
 * block is under a head that its author has signed, archive and users' logs are those that the commits name, and the
 * heads are compared with those of everybody else. It executes nothing: what the calls come to, auditors look at.
 */
export class Mirror {
  /** Public key, z-base-32. */
  readonly id: string
  readonly #replica: Replica
  /** Where its instances meet others, in turns. */
  readonly #meetings: readonly Meeting[]
  readonly #instances = new Map<string, MirroredInstance>()
  /** Those who are answered. */
  readonly #rpcs = new Set<Rpc>()
  readonly #sweep: NodeJS.Timeout

  private constructor(id: string, replica: Replica, meetings: readonly Meeting[]) {
    this.id = id
    this.#replica = replica
    this.#meetings = meetings
    this.#sweep = setInterval(() => relieve(this.#rpcs, UNREAD_MAX), SWEEP_MS).unref()
  }

  /** Throws DIRECTORY_LOCKED where another mirror has the directory, LINK_INVALID. */
  static async open(options: MirrorOptions): Promise<Mirror> {
    const { dir, bootstrap, instances, bytesMax = BYTES_MAX, onEvent = () => {} } = options
    const links = once(instances)
    const { id, keyPair } = await openIdentity(path.join(dir, 'mirror'), 'mirror')
    let mirror: Mirror | null = null
    const onPeer = (rpc: Rpc) => mirror?.answer(rpc)
    const copies = path.join('mirror', 'store')
    const onStuck = (error: unknown) => mirror?.fail(error)
    const replica = await Replica.open({ dir, copies, keyPair, onPeer, onStuck, bootstrap })
    // what is announced as here shall be here: no head is asked for before what is below the last one is
    replica.store.watch((core) => {
      core.replicator.eagerUpgrade = false
    })
    const meetings = Array.from({ length: PLACES_MAX }, () => new Meeting(bootstrap))
    mirror = new Mirror(id, replica, meetings)
    let next = 0
    for (const [id, link] of links) {
      const kept = new EvidenceDir(dir)
      const meeting = meetings[next++ % PLACES_MAX] ?? new Meeting(bootstrap)
      const copy = new MirroredInstance({ replica, link, kept, bytesMax, onEvent, meeting })
      mirror.#instances.set(id, copy)
      copy.start()
    }
    try {
      await replica.network.listen()
    } catch (error) {
      // else nobody could open it again in this process
      await mirror.close()
      throw error
    }
    for (const id of links.keys()) {
      void replica.network.announce(topicOf(decodeId(id))).catch(() => {})
    }
    return mirror
  }

  /** What there is of each instance. */
  status(): { address: string; blocks: number; bytes: number; state: string }[] {
    return [...this.#instances].map(([address, copy]) => ({ address, ...copy.status() }))
  }

  /** Ends all of it: nothing can be written until it is opened again. */
  fail(error: unknown): void {
    for (const copy of this.#instances.values()) copy.fail(error)
  }

  answer(rpc: Rpc): void {
    this.#rpcs.add(rpc)
    rpc.onClose(() => this.#rpcs.delete(rpc))
    const replies = new Mutex()
    // one at a time, and none while the peer does not read: names of methods may be many, and long
    const reply = <T>(make: () => Promise<T>): Promise<T> =>
      replies.run(async () => {
        await rpc.readable()
        await rpc.turn()
        return make()
      })
    rpc.respond(INFO, ({ address }) => reply(() => this.#instance(address).info()))
    rpc.respond(CONSISTENCY, ({ address, lengths }) =>
      reply(async () => {
        const proof = await this.#instance(address).prove(lengths)
        if (proof !== null) return { proof }
        throw new MivmError('REQUEST_INVALID', 'there is no such proof here: ask the host')
      })
    )
    rpc.respond(RANGE, (request) => reply(() => readRange(this.#replica.store, request)))
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep)
    await Promise.all([...this.#instances.values()].map((copy) => copy.close()))
    await Promise.all(this.#meetings.map((meeting) => meeting.close()))
    await this.#replica.close()
  }

  #instance(address: Uint8Array): MirroredInstance {
    const found = this.#instances.get(encodeId(address))
    if (found !== undefined) return found
    throw new MivmError(
      'INSTANCE_UNKNOWN',
      'this mirror has no copy of that instance: ask its host'
    )
  }
}

/** Links by address, z-base-32: what is named twice is copied once, and one that names the host leads there sooner. */
function once(instances: readonly string[]): ReadonlyMap<string, string> {
  const links = new Map<string, string>()
  for (const link of instances) {
    const { host, address } = parseLink(link)
    const id = encodeId(address)
    if (host !== null || !links.has(id)) links.set(id, link)
  }
  return links
}
