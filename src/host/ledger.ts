import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import crypto, { type KeyPair } from 'hypercore-crypto'
import { Mutex } from '../net/mutex.ts'
import { encodeEntry } from '../protocol/entries.ts'
import { codeOf, MivmError } from '../protocol/errors.ts'
import type { Write } from '../protocol/files.ts'
import type { Head } from '../protocol/head.ts'
import { encodeId } from '../protocol/ids.ts'
import { type Manifest, userLogKey, userLogManifest } from '../protocol/manifest.ts'
import type { Archive } from '../state/archive.ts'
import { isWriteFailure } from '../state/file-error.ts'
import { headOf, treeHashAt } from '../state/head.ts'
import { isUnwritable, storageError } from '../state/storage-error.ts'
import type { Wal } from '../state/wal.ts'
import { type AtomSessions, closeSessions, openSessions } from './atom-sessions.ts'
import type { Gate } from './gate.ts'
import {
  decodePending,
  decodePosition,
  encodePending,
  encodePosition,
  PENDING_NOTE,
  type Position,
  positionNote
} from './notes.ts'
import { checkRoom } from './room.ts'
import { Tail } from './tail.ts'
import { UserLog } from './user-log.ts'

/** What all instances of a host write with. */
export interface Writing {
  readonly store: Corestore
  readonly keyPair: KeyPair
  readonly wal: Wal
  readonly gate: Gate
  /** Something was written that may not be on disk: nothing may leave this process any more. */
  onFatal(error: MivmError): void
  /** A write has failed: RocksDB takes no other one until it is opened again. */
  onStuck?(error: MivmError): void
}

/**
 * With so many users the sessions are opened anew, all of them, since an atom remembers every session it ever had; with
 * fewer, down to the second number, where half of them have written nothing for so long, ms.
 */
const SESSIONS_MAX = 512
const SESSIONS_MIN = 32
const IDLE_MS = 60_000

/**
 * Everything that one instance has on disk: call log, state archive and the host's copies of its user logs. They
 * are written together: what was put in since the last `flush` lands in one atomic write of RocksDB, is synced, and
 * only then seen by anyone.
 */
export class Ledger {
  readonly address: Uint8Array
  readonly #writing: Writing
  readonly #log: Hypercore
  readonly #mutex = new Mutex()
  readonly #users = new Map<string, UserLog>()
  readonly #pending: Pending
  #notedPending = ''
  /** Something was taken in that no flush has written yet. */
  #dirty = false
  #sessions: AtomSessions | null = null
  #tail: Tail | null = null
  #head: Head | null = null
  /** Why a write has failed: what is in memory is ahead of the disk then, and nothing is written with it any more. */
  #failed: MivmError | null = null
  /** Whether that is mended by opening this anew, see `#fail`. */
  #isSpoilt = false
  /** Why nothing may be signed: what is here is sound, and can be read. */
  #barred: MivmError | null = null

  private constructor(writing: Writing, log: Hypercore, pending: Pending) {
    this.#writing = writing
    this.#log = log
    this.#pending = pending
    this.address = log.key
  }

  /**
   * Opens what is on disk; `manifest` only where the instance is new. `pending` goes into the note that every flush
   * takes with it.
   */
  static async open(
    writing: Writing,
    address: Uint8Array,
    pending: Pending,
    manifest?: Manifest
  ): Promise<Ledger> {
    const { store, keyPair } = writing
    const log = store.get({
      key: address,
      keyPair,
      createIfMissing: manifest !== undefined,
      ...(manifest === undefined ? {} : { manifest })
    })
    try {
      await log.ready().catch(async (error) => {
        if (manifest !== undefined) throw await unwritten(error, writing)
        throw isMissing(error) ? lost() : error
      })
      const ledger = new Ledger(writing, log, pending)
      await ledger.#open()
      return ledger
    } catch (error) {
      // a damaged one is opened again by each of its callers
      await log.close().catch(() => {})
      throw error
    }
  }

  /** The call log as committed. */
  get tail(): Tail {
    if (this.#tail === null) throw new MivmError('HOST_CLOSED', 'the instance is closed')
    return this.#tail
  }

  /** The newest head that is on disk; null before the first commit. */
  get head(): Head | null {
    return this.#head
  }

  /** Bytes on disk of what the instance itself has: call log and archive. */
  get bytes(): number {
    const { files, blobs } = this.#session()
    return this.#log.byteLength + files.byteLength + blobs.byteLength
  }

  /** Users whose logs are open. */
  get users(): number {
    return this.#users.size
  }

  get archive(): Archive {
    return this.#session().archive
  }

  /**
   * Appends entries to the call log and files to the archive, with a commit entry at the end, and makes it durable;
   * `positions` is how far the users' calls are executed with it, in the order of their first acks. The commit has
   * the heads of these users' logs, as the same write puts them on disk. Calls `onFilled` with the tree hash of the
   * log as soon as that is known: the next calls can be executed while this is on its way to the disk. Resolves to the ms
   * that the sync took of it.
   */
  async commit(
    blocks: readonly Uint8Array[],
    writes: readonly Write[],
    positions: ReadonlyMap<UserLog, Position>,
    onFilled: (treeHash: Uint8Array) => void = () => {}
  ): Promise<number> {
    const fill = async ({ archive, log }: AtomSessions) => {
      await archive.write(writes)
      const heads = [...positions.keys()].map((user) => user.head())
      const commit = encodeEntry({ type: 'commit', ...archive.version(), heads })
      // not by the session itself: it reads what is there before, one after the other
      const noted = [...positions].map(([user, position]) =>
        log.state.setUserData(positionNote(user.id), encodePosition(position))
      )
      await Promise.all(noted)
      return [...blocks, commit]
    }
    return this.#write(fill, positions, onFilled)
  }

  /** Appends entries in the middle of a call, durable before the oracle is asked. */
  async append(blocks: readonly Uint8Array[]): Promise<void> {
    await this.#write(async () => blocks)
  }

  /** Makes durable what users have written without calling anything: their acks. */
  async flush(): Promise<void> {
    await this.#write(async () => [])
  }

  /** The host's copy of a user's log, to read what it says; created where there is none. */
  async user(key: Uint8Array): Promise<UserLog> {
    return this.#users.get(encodeId(key)) ?? this.#mutex.run(() => this.#openUser(key))
  }

  /** How far a user's calls are executed. Opens no log for that: anybody may ask, of everybody. */
  async position(key: Uint8Array): Promise<Position> {
    const id = encodeId(key)
    const opened = this.#users.get(id)
    if (opened !== undefined) return opened.position
    return this.#mutex.run(async () => {
      if (this.#failed !== null) throw this.#failed
      return this.#users.get(id)?.position ?? decodePosition(await this.note(positionNote(id)))
    })
  }

  /** That copy, by the user in z-base-32, where it is open. */
  opened(id: string): UserLog | undefined {
    return this.#users.get(id)
  }

  /** Whether there is a copy of that user's log. To open one makes one, and a name alone shall not do that. */
  async hasUser(key: Uint8Array): Promise<boolean> {
    if (this.#users.has(encodeId(key))) return true
    const core = userLogKey(key, this.address)
    return this.#writing.store.storage.hasCore(crypto.discoveryKey(core))
  }

  /** Runs something that appends to a user's log, while nothing is being flushed and no session is closed. */
  withUser<T>(key: Uint8Array, fn: (user: UserLog) => Promise<T>): Promise<T> {
    return this.#mutex.run(() => this.#use(key, fn))
  }

  /** The same; where there is no copy of that log yet, and none is to be made, null comes back. */
  withUserIf<T>(
    isNew: boolean,
    key: Uint8Array,
    fn: (user: UserLog) => Promise<T>
  ): Promise<T | null> {
    return this.#mutex.run(async () => {
      return isNew || (await this.hasUser(key)) ? this.#use(key, fn) : null
    })
  }

  /** Nothing is written, and so nothing is signed, from now on. */
  bar(why: MivmError): void {
    this.#barred ??= why
  }

  get isBarred(): boolean {
    return this.#barred !== null
  }

  /** Throws why nothing is written any more. */
  refuseWhenBarred(): void {
    if (this.#barred !== null) throw this.#barred
  }

  /** Whether what it has in memory is of no use any more, and what is on disk is: opened anew, it goes on. */
  get isSpoilt(): boolean {
    return this.#isSpoilt
  }

  /** Throws STORAGE_FULL where nothing may be taken in. */
  checkRoom(): Promise<void> {
    return checkRoom(this.#writing.store.storage.path)
  }

  /** Lets go of the users' sessions when there are too many, but not of what is in them and not on disk. */
  async trim(): Promise<void> {
    if (this.isCrowded) await this.#mutex.run(() => this.#reopen())
  }

  /**
   * The same between two batches, where calls of so many users wait. What came meanwhile is put on disk before. As long as most
   * logs are those of users who wait, they would only be opened again.
   */
  async trimBusy(waiting: number): Promise<void> {
    const { size } = this.#users
    if (size < SESSIONS_MAX || size < 2 * waiting) return
    // one behind the other, so that nothing comes in between
    await Promise.all([this.flush(), this.#mutex.run(() => this.#reopen())])
  }

  /** Tree hash of the call log when it had this length. */
  async treeHash(length: number): Promise<Uint8Array> {
    return treeHashAt(this.#log, length)
  }

  /** Whether something was taken in that is not on its way to the disk. */
  get isDirty(): boolean {
    return this.#dirty
  }

  /** Resolves when what is on its way to the disk is there. */
  async settle(): Promise<void> {
    await this.#mutex.idle
  }

  /** What the instance noted down about itself in an earlier flush; local, neither signed nor sent. */
  async note(name: string): Promise<Uint8Array | null> {
    return this.#session().log.getUserData(name)
  }

  /** Notes something down with the next flush. */
  async setNote(name: string, value: Uint8Array | null): Promise<void> {
    this.#dirty = true
    await this.#session().log.setUserData(name, value)
  }

  async close(): Promise<void> {
    await this.#mutex.run(async () => {
      await this.#closeSessions()
      this.#tail?.forget()
      this.#tail = null
      await this.#log.close()
    })
  }

  /** Whether so many logs of users are open that they are to be let go of. */
  get isCrowded(): boolean {
    const { size } = this.#users
    if (size < SESSIONS_MIN || size >= SESSIONS_MAX) return size >= SESSIONS_MAX
    const since = performance.now() - IDLE_MS
    const idle = [...this.#users.values()].filter(({ usedAt }) => usedAt < since)
    return 2 * idle.length > size
  }

  async #reopen(): Promise<void> {
    if (this.#dirty) return
    try {
      await this.#closeSessions()
      await this.#open()
    } catch (error) {
      // all of it is on disk, and nobody else would open what is closed now
      this.#isSpoilt = true
      throw error
    }
  }

  #session(): AtomSessions {
    if (this.#sessions === null)
      throw this.#failed ?? new MivmError('HOST_CLOSED', 'the instance is closed')
    return this.#sessions
  }

  #write(
    fill: (sessions: AtomSessions) => Promise<readonly Uint8Array[]>,
    positions: ReadonlyMap<UserLog, Position> = NONE,
    onFilled: (treeHash: Uint8Array) => void = () => {}
  ): Promise<number> {
    return this.#mutex.run(async () => {
      if (this.#failed !== null) throw this.#failed
      this.refuseWhenBarred()
      await this.#writing.gate.turn()
      const sessions = this.#session()
      const release = this.#writing.gate.hold()
      let stage: Stage = 'fill'
      try {
        const blocks = await fill(sessions)
        await this.#notePending(sessions, positions)
        if (blocks.length > 0) await sessions.log.append([...blocks])
        // somebody may have shown meanwhile what this host has signed and lost: this is signed, and still nobody's
        this.refuseWhenBarred()
        onFilled(crypto.tree(sessions.log.state.roots))
        stage = 'flush'
        await sessions.atom.flush()
        stage = 'sync'
        this.#dirty = false
        const started = performance.now()
        await this.#writing.wal.sync(this)
        const synced = performance.now() - started
        this.tail.append(blocks)
        this.#head = headOf(this.#log)
        for (const [user, position] of positions) user.advance(position)
        release()
        return synced
      } catch (error) {
        throw await this.#fail(error, stage, release)
      }
    })
  }

  /**
   * What a write leaves that has failed, by how far it had come; `release` opens the gate again.
   *
   * - `fill`: nothing of it is in the database. The instance is opened anew from there, unless the database takes nothing more.
   * - `flush`: it may be in the database, and not on disk: it is not read anew before the database is opened again.
   * - `sync`: it is in the database, and the new head must never leave: the gate stays shut, and the host has to go down.
   */
  async #fail(error: unknown, stage: Stage, release: () => void): Promise<MivmError> {
    const failed = await this.#reasonOf(error, stage)
    this.#failed = failed
    this.#isSpoilt = stage === 'fill' && !isStuck(error, failed) && !isUnwritable(error)
    if (stage === 'sync') {
      this.#writing.gate.jam()
      this.#writing.onFatal(failed)
    } else {
      // Hypercore has announced nothing
      release()
    }
    if (isUnwritable(error)) {
      this.#writing.onFatal(new MivmError('DIRECTORY_DAMAGED', failed.message))
    }
    return failed
  }

  async #reasonOf(error: unknown, stage: Stage): Promise<MivmError> {
    if (this.#barred !== null && error === this.#barred) return this.#barred
    if (stage === 'sync') return storageError(error, this.#writing.store.storage.path, DISK)
    return unwritten(error, this.#writing)
  }

  /** A restart finds by this which calls it has to continue: all that wait but those of the commit that is written. */
  async #notePending(
    { log }: AtomSessions,
    positions: ReadonlyMap<UserLog, Position>
  ): Promise<void> {
    const waiting = new Map(this.#pending())
    for (const [{ id }, { entry }] of positions) {
      if ((waiting.get(id) ?? 0) <= entry) waiting.delete(id)
    }
    const pending = [...waiting.keys()]
    if (pending.join() === this.#notedPending) return
    await log.setUserData(PENDING_NOTE, encodePending(pending))
    this.#notedPending = pending.join()
  }

  /** Users, z-base-32, that had calls waiting when the instance was last on disk. */
  async pendingUsers(): Promise<string[]> {
    const pending = decodePending(await this.note(PENDING_NOTE))
    this.#notedPending = pending.join()
    return pending
  }

  async #use<T>(key: Uint8Array, fn: (user: UserLog) => Promise<T>): Promise<T> {
    // after a failed write users' logs are longer in memory than on disk
    if (this.#failed !== null) throw this.#failed
    this.refuseWhenBarred()
    const user = await this.#openUser(key)
    const { length } = user
    try {
      return await fn(user)
    } finally {
      // who only asks what is here leaves nothing to be written
      if (user.length !== length) this.#dirty = true
    }
  }

  async #openUser(key: Uint8Array): Promise<UserLog> {
    const id = encodeId(key)
    const opened = this.#users.get(id)
    if (opened !== undefined) return opened
    if (this.#failed !== null) throw this.#failed
    const { atom, log } = this.#session()
    const core = this.#writing.store.get({
      manifest: userLogManifest(key, this.address),
      // replication must not write behind the atom's back, nor take back what was signed
      eagerUpgrade: false,
      allowFork: false
    })
    const session = core.session({ atom, wait: false })
    try {
      // a user who was never here before gets a log on disk
      await session.ready().catch(async (error) => {
        throw await unwritten(error, this.#writing)
      })
      const user = new UserLog(key, core, session, await log.getUserData(positionNote(id)))
      this.#users.set(id, user)
      return user
    } catch (error) {
      for (const it of [session, core]) await it.close().catch(() => {})
      throw error
    }
  }

  async #open(): Promise<void> {
    const { store, keyPair } = this.#writing
    this.#sessions = await openSessions(store, keyPair, this.#log)
    this.#tail?.forget()
    this.#tail = new Tail(this.#log)
    this.#head = headOf(this.#log)
  }

  async #closeSessions(): Promise<void> {
    const sessions = this.#sessions
    this.#sessions = null
    for (const user of this.#users.values()) await user.close()
    this.#users.clear()
    if (sessions !== null) await closeSessions(sessions)
  }
}

/** What a write is at: the sessions are filled, handed to the database in one write, and that is synced. */
type Stage = 'fill' | 'flush' | 'sync'

/** Why something is not in the database, as an error of ours. Says so where nothing more can be written to it. */
async function unwritten(error: unknown, writing: Writing): Promise<MivmError> {
  const failed = await storageError(error, writing.store.storage.path, DISK)
  if (isStuck(error, failed) && !isUnwritable(error)) writing.onStuck?.(failed)
  return failed
}

/** Whether nothing more is written until the database is opened again. */
function isStuck(error: unknown, { code }: MivmError): boolean {
  return code === 'STORAGE_FULL' || isWriteFailure(error)
}

/** As Hypercore says that there is no such log on this disk. */
function isMissing(error: unknown): boolean {
  return codeOf(error) === 'STORAGE_EMPTY'
}

function lost(): MivmError {
  return new MivmError(
    'INSTANCE_DAMAGED',
    'the host has lost it: its operator may have it back with "mivm host --recover", or from a backup'
  )
}

/** Users, z-base-32, with calls that are not committed yet, those under way included; and the last such entry. */
export type Pending = () => ReadonlyMap<string, number>

const NONE: ReadonlyMap<UserLog, Position> = new Map()

const DISK = {
  disk: 'the disk of the host',
  advice: 'it takes no calls until that is mended and its database was opened again'
}
