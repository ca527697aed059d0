import type Corestore from 'corestore'
import { Mutex } from '../net/mutex.ts'
import type { Rpc } from '../net/rpc.ts'
import { Semaphore } from '../net/semaphore.ts'
import { readUserEntry } from '../protocol/entries.ts'
import { MivmError, messageOf } from '../protocol/errors.ts'
import type { Head } from '../protocol/head.ts'
import { encodeId } from '../protocol/ids.ts'
import {
  CALL,
  type CallReply,
  type CallRequest,
  CONSISTENCY,
  type ConsistencyReply,
  type ConsistencyRequest,
  DEPLOY,
  type DeployReply,
  type DeployRequest,
  INFO,
  type InfoReply,
  KNOWN,
  type KnownReply,
  LENGTHS_MAX,
  PROVE,
  type ProveReply,
  type ProveRequest,
  RANGE,
  type RangeReply,
  type RangeRequest,
  STATUS,
  type UserBlocks
} from '../protocol/messages.ts'
import type { Proof } from '../protocol/proof.ts'
import { isUnreadable } from '../state/salvage.ts'
import type { HostEvent } from './events.ts'
import type { Instance } from './instance.ts'
import type { Measures } from './measures.ts'
import { readRange } from './ranges.ts'
import type { Sender } from './sender.ts'
import { notThatFar, type SetBacks, setBack } from './set-back.ts'
import type { PublicStatus } from './status.ts'
import { checkSigned } from './user-log.ts'

/** A host as those see it who answer its peers. */
export interface Served {
  readonly store: Corestore
  readonly measures: Measures
  readonly setBacks: SetBacks
  /**
   * Until others were asked, in a directory that was restored; null where there was no need. Rejects where the host is told
   * to stop before that.
   */
  asked(): Promise<void> | null
  status(): PublicStatus
  /** Bytes that a peer may have left unread when it is sent more. */
  unreadMax(): number
  /** Does something with an instance, which stays in memory meanwhile. Throws INSTANCE_UNKNOWN or INSTANCE_DAMAGED. */
  use<T>(address: Uint8Array, fn: (instance: Instance) => Promise<T>): Promise<T>
  deploy(request: DeployRequest, sender: Sender): Promise<Instance>
  /** Takes notice of a head that a peer holds. */
  heed(address: Uint8Array, head: Head): Promise<KnownReply>
  tell(event: HostEvent): void
}

/** Deployments of one peer that are under way at the same time. */
const DEPLOYING_MAX = 4
/** Requests of one peer that come into instances at the same time: all of an instance, its commits too, wait for them. */
const SUBMITTING_MAX = 64
/** For so long, ms, replies to one peer are made before everything else has its turn. */
const REPLIES_MS = 2

/** How long, ms, the result of the first call that is asked for waits for those of the others. */
const TOGETHER_MS = 1_000

/** Users of instances of whom it is known what one peer was sent last: more than may call over a connection. */
const SENT_MAX = 2_048

/** Answers what one peer asks of a host. */
export class Service {
  /** Length of the last head sent, by instance and user: the next proof begins there. */
  readonly #sent = new Map<string, number>()
  readonly #rpc: Rpc
  readonly #sender: Sender
  readonly #host: Served
  readonly #replies = new Mutex()
  /** When this peer had its turn for them last, as performance.now(). */
  #turnAt = Number.NEGATIVE_INFINITY
  readonly #deployments = new Semaphore(DEPLOYING_MAX)
  readonly #submissions = new Semaphore(SUBMITTING_MAX)
  /** What this peer says of heads is taken notice of one after the other, and before what it asks for behind that. */
  readonly #hearing = new Mutex()

  constructor(rpc: Rpc, sender: Sender, host: Served) {
    this.#rpc = rpc
    this.#sender = sender
    this.#host = host
  }

  answer(): void {
    const rpc = this.#rpc
    rpc.respond(INFO, ({ address }) => this.#guard(() => this.#info(address), address))
    rpc.respond(DEPLOY, (request) => this.#guard(() => this.#deploy(request)))
    rpc.respond(CALL, (request, arrived) =>
      this.#guard(() => this.#call(request, arrived), request.address)
    )
    rpc.respond(KNOWN, ({ address, head }) =>
      this.#guard(() => this.#hearing.run(() => this.#host.heed(address, head)), address)
    )
    rpc.respond(PROVE, (request) => this.#guard(() => this.#prove(request), request.address))
    rpc.respond(CONSISTENCY, (request) =>
      this.#guard(() => this.#consistency(request), request.address)
    )
    rpc.respond(RANGE, (request) => this.#guard(() => this.#range(request)))
    rpc.respond(STATUS, () =>
      this.#guard(async () => ({ json: JSON.stringify(this.#host.status()) }))
    )
  }

  /** Tells the operator of what is refused, and of an instance that turns out to be damaged. */
  async #guard<T>(fn: () => Promise<T>, address?: Uint8Array): Promise<T> {
    try {
      return await fn()
    } catch (error) {
      const known = knownError(error, address)
      const { code, message } = known
      // whoever is gone was refused nothing
      if (code === 'CONNECTION_LOST') throw known
      this.#host.measures.refused.add(code)
      if (code === 'INSTANCE_DAMAGED' && address !== undefined) {
        this.#host.tell({ type: 'damaged', address: encodeId(address), message })
      } else {
        this.#host.tell({ type: 'refused', code, message })
      }
      throw known
    }
  }

  /** Some at a time, as they came: who sends hundreds waits for them, and nobody else does. */
  #deploy(request: DeployRequest): Promise<DeployReply> {
    return this.#deployments.run(async () => {
      await this.#hearing.idle
      await this.#host.asked()
      // nobody waits any more for those of who is gone
      await this.#rpc.readable(this.#host.unreadMax())
      return { address: (await this.#host.deploy(request, this.#sender)).address }
    })
  }

  /** Names of methods may be many, and long. */
  #info(address: Uint8Array): Promise<InfoReply> {
    return this.#prepare(address, async (instance) => {
      const { methods, head } = instance
      return { genesis: await instance.genesisBlock(), methods, head }
    })
  }

  async #call(request: CallRequest, arrived: number): Promise<CallReply> {
    const { address, log, from, to } = request
    await this.#hearing.idle
    await this.#host.asked()
    const refusal = this.#host.setBacks.refusal(encodeId(address))
    if (refusal !== null) throw refusal
    const length = await this.#host.use(address, async (instance) => {
      const { length: own } = instance.head
      // said and not shown: it is no proof, but what could be answered would be less than that user has seen
      if (request.known > own) throw notThatFar(request.known, own)
      const length = await this.#submit(instance, log, arrived)
      if (!differs(request, length) && to > 0 && to <= length) {
        // of hundreds of calls that take long none is kept back until the last one is over: the caller asks again for the rest
        await instance.settled(log.user, Math.min(from, to))
        await instance.settled(log.user, to, TOGETHER_MS)
      }
      return length
    })
    if (differs(request, length)) return this.#answerOther(request, length)
    // it was there, and in memory alone: a commit has failed since
    if (to > length && log.blocks.length === 0) return lacking(length)
    if (to > length) throw new MivmError('REQUEST_INVALID', `the user log has no entry ${to} yet`)
    return this.#answerResults(request, length, arrived)
  }

  /** The log that is here has another length than the caller thinks: says so, and gives its end back to one who has lost it. */
  async #answerOther({ address, log }: CallRequest, length: number): Promise<CallReply> {
    if (length < log.start) return lacking(length)
    const end = log.start + log.blocks.length
    // one who sends blocks is not about to take any back
    const behind =
      log.blocks.length > 0
        ? { ...log, start: end, blocks: [], head: null }
        : await this.#prepare(address, (instance) => instance.proofs.takeBack(log.user, end))
    return { length, through: 0, proof: null, behind }
  }

  /** Proves the results of the calls that were asked for, all of which are there. */
  #answerResults(request: CallRequest, length: number, arrived: number): Promise<CallReply> {
    const settled = performance.now()
    const { address, log, to } = request
    return this.#prepare(address, async (instance) => {
      const key = `${encodeId(address)}/${encodeId(log.user)}`
      const { head } = instance
      const before = isFirst(request) ? undefined : this.#sent.get(key)
      const through = Math.min(before ?? request.known, head.length)
      const anchored = before !== undefined || request.anchored
      const asked = { user: log.user, from: request.from, to, through, anchored }
      const proof = await instance.proofs.prove(asked)
      // The next one is made when this one is: it begins where this one ends, and nothing where none could be made. For users
      // who have no log nothing is kept: anybody can name any number of them.
      if (length > 0) this.#note(key, head.length)
      const now = performance.now()
      const calls = resultsIn(proof)
      this.#host.measures.stages.reply.add(now - settled, calls)
      this.#host.measures.calls.add(now - arrived, calls)
      return { length, through, proof, behind: null }
    })
  }

  /** Of users who have logs there may be very many, and anybody can name them all: who is forgotten says what it knows itself. */
  #note(key: string, length: number): void {
    // insertion order is age
    this.#sent.delete(key)
    this.#sent.set(key, length)
    if (this.#sent.size <= SENT_MAX) return
    const [oldest = ''] = this.#sent.keys()
    this.#sent.delete(oldest)
  }

  #submit(instance: Instance, log: UserBlocks, arrived: number): Promise<number> {
    const sender = this.#sender
    return this.#submissions.run(async () => {
      try {
        checkSigned(log, instance.address)
        await this.#heedSeen(instance.address, log.blocks, instance.head.length)
        return await instance.submit(log, { sender, arrived })
      } catch (error) {
        sender.refused(log.blocks.length)
        throw error
      }
    })
  }

  /** What a user has seen of a host stands in its own log, whatever its caller says: an ack below that would be a second history. */
  async #heedSeen(address: Uint8Array, blocks: readonly Uint8Array[], own: number): Promise<void> {
    const seen = furthestHead(blocks)
    if (seen === null || seen.length <= own) return
    const { signed } = await this.#hearing.run(() => this.#host.heed(address, seen))
    if (signed !== null) throw setBack(signed)
  }

  async #prove({ address, user, entry }: ProveRequest): Promise<ProveReply> {
    const proof = await this.#prepare(address, (instance) =>
      instance.proofs.prove({ user, from: entry, to: entry })
    )
    if (proof.items.some(({ block }) => block !== null)) return { proof }
    throw new MivmError('REQUEST_INVALID', `entry ${entry} has no result: check its number`)
  }

  async #consistency({ address, lengths }: ConsistencyRequest): Promise<ConsistencyReply> {
    if (lengths.length > LENGTHS_MAX) {
      throw new MivmError('REQUEST_INVALID', `ask for ${LENGTHS_MAX} lengths at most`)
    }
    return this.#host.use(address, async (instance) => {
      return { proof: await instance.proofs.consistency(lengths) }
    })
  }

  /** Who asks for more than its rate is refused: it asks others, or again. */
  #range(request: RangeRequest): Promise<RangeReply> {
    return this.#large(async () => {
      this.#sender.checkRates()
      return readRange(this.#host.store, request)
    })
  }

  /** Makes replies that may be large one after the other, and none while the peer does not read. */
  #large<T>(reply: () => Promise<T>): Promise<T> {
    return this.#replies.run(async () => {
      await this.#rpc.readable(this.#host.unreadMax())
      // those that have waited for the one before would all be made before anything else of the process goes on
      if (performance.now() - this.#turnAt > REPLIES_MS) {
        await this.#rpc.turn()
        this.#turnAt = performance.now()
      }
      return reply()
    })
  }

  /** The same of an instance, at the rate of that connection; nothing is kept in memory for one that does not read. */
  #prepare<T>(address: Uint8Array, reply: (instance: Instance) => Promise<T>): Promise<T> {
    return this.#large(async () => {
      await this.#sender.mayReceive()
      return this.#host.use(address, reply)
    })
  }
}

/**
 * Whether a log that is here has another length than the caller thinks. A request without blocks that asks for results says
 * nothing about that.
 */
function differs({ log, to }: CallRequest, length: number): boolean {
  if (to > 0 && log.blocks.length === 0) return false
  return length < log.start || length > log.start + log.blocks.length
}

/** What comes before is to be sent again. */
function lacking(length: number): CallReply {
  return { length, through: 0, proof: null, behind: null }
}

/**
 * Whether a caller sends nothing and asks for nothing, as each session does first. What an earlier one was sent over this
 * connection may have come too late for it.
 */
function isFirst({ log, to }: CallRequest): boolean {
  return to === 0 && log.blocks.length === 0
}

/** The longest head of a call log in blocks of a user's log, which anybody may have made up. */
function furthestHead(blocks: readonly Uint8Array[]): Head | null {
  let furthest: Head | null = null
  for (const block of blocks) {
    const head = readUserEntry(block)?.head ?? null
    if (head !== null && head.length > (furthest?.length ?? 0)) furthest = head
  }
  return furthest
}

/** Of each call there is an ack and a result. */
function resultsIn({ items }: Proof): number {
  return items.filter(({ block }) => block !== null).length / 2
}

/** What the database cannot read belongs to the instance that was asked for. */
function knownError(error: unknown, address?: Uint8Array): MivmError {
  if (error instanceof MivmError) return error
  const message = messageOf(error)
  if (address === undefined || !isUnreadable(error)) {
    return new MivmError('INTERNAL', message, { cause: error })
  }
  return new MivmError(
    'INSTANCE_DAMAGED',
    `the disk has damaged it (${message}): its operator may have it back with "mivm host --repair", or from a backup`,
    { cause: error }
  )
}
