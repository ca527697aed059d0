import b4a from 'b4a'
import Corestore from 'corestore'
import type Hypercore from 'hypercore'
import type CorestoreStorage from 'hypercore-storage'
import type { CoreInfo, CoreStorage } from 'hypercore-storage'
import { readHostIdentity, storeOf } from '../host/directory.ts'
import { METHODS_NOTE } from '../host/notes.ts'
import { Restored } from '../host/restored.ts'
import { SetBacks } from '../host/set-back.ts'
import { MivmError, messageOf } from '../protocol/errors.ts'
import { decodeId, encodeId } from '../protocol/ids.ts'
import { blobsKey, isCallLog, stateKey, userLogKey } from '../protocol/manifest.ts'
import { Tree } from '../protocol/merkle.ts'
import { leafHash } from '../protocol/tree-hash.ts'
import { BLOCK, type DataKey, HEAD, isNote, PAGE, parseDataKey, TREE } from '../state/keys.ts'
import { mendedText } from '../state/mend-records.ts'
import { PAGE_BLOCKS, PAGE_BYTES } from '../state/pages.ts'
import { isWhole, type Lost, salvage as salvageStore } from '../state/salvage.ts'
import { storageError } from '../state/storage-error.ts'
import { closeStore, openStore } from '../state/store.ts'
import { readIndex } from './sources.ts'

/** What has become of a database of which parts could not be read. */
export type SalvageEvent = {
  readonly type: 'salvaged'
  /** Entries that are kept. */
  readonly entries: number
  /** Runs of entries that are gone. */
  readonly lost: number
  /** Instances, z-base-32, of which nothing is left but what others have. */
  readonly gone: readonly string[]
}

/** Blocks that are in memory at once: they may have hundreds of kilobytes. */
const BLOCKS_AT_ONCE = 64

/**
 * Takes what the disk has damaged out of the database of a host that is not running, so that RocksDB takes writes again.
 * A block that is gone is for `repair`; trees and bitfields are made anew from the blocks. An instance that has lost anything
 * else is removed as a whole, since what is left might be older than what it has signed: it is for `recover`. Where that would be,
 * tables are mended by the notes beside them first. Null where all can be read, and the database was not said to take
 * nothing more: then that is in what only RocksDB reads.
 * `onMended` is told of flipped bits that are turned back. Throws DIRECTORY_LOCKED, STORAGE_FULL where there is no room for
 * a copy, and DIRECTORY_DAMAGED where too much is gone; then everything is as it was.
 */
export async function salvage(
  dir: string,
  isStuck = false,
  onMended: (message: string) => void = () => {}
): Promise<SalvageEvent | null> {
  const once = (mendsTables: boolean) => salvageOnce(dir, isStuck, { mendsTables, onMended })
  return once(false).catch((error: unknown) => {
    if (error instanceof TooLittle) return once(true)
    throw error
  })
}

interface SalvageOptions {
  /** Whether tables are mended first; else this throws TooLittle where an instance were to be removed. */
  readonly mendsTables: boolean
  onMended(message: string): void
}

/** Instances would have to be removed for what is left. */
class TooLittle extends Error {}

async function salvageOnce(
  dir: string,
  isStuck: boolean,
  { mendsTables, onMended }: SalvageOptions
): Promise<SalvageEvent | null> {
  const { keyPair } = await readHostIdentity(dir)
  const setBacks = await SetBacks.open(dir, keyPair.publicKey)
  const storeDir = storeOf(dir)
  const store = await openStore(storeDir, {
    mendsTables,
    onMended: (mended) => onMended(mendedText(mended))
  })
  if (!isStuck && (await isWhole(store.storage.db))) {
    await closeStore(store)
    return null
  }
  let gone: readonly string[] = []
  const mend = async (storage: CorestoreStorage, losses: readonly Lost[]) => {
    const mending = new Mending(storage, keyPair.publicKey, setBacks)
    gone = await mending.run(losses).catch((error: unknown) => {
      throw mendsTables ? error : new TooLittle(messageOf(error))
    })
    if (gone.length > 0 && !mendsTables) throw new TooLittle('instances would be removed')
    // whoever is removed may be known to others in a newer version
    await Restored.mark(dir)
  }
  const known = new Set(setBacks.addresses)
  // nothing was removed: what is there leads to these heads
  const undo = async () => {
    const fresh = setBacks.addresses.filter((address) => !known.has(address))
    for (const address of fresh) await setBacks.remove(address)
  }
  const { kept, lost } = await salvageStore(storeDir, store, mend, undo).catch(async (error) => {
    if (error instanceof MivmError || error instanceof TooLittle) throw error
    throw await storageError(error, storeDir, DISK)
  })
  return { type: 'salvaged', entries: kept, lost: lost.length, gone }
}

const DISK = {
  disk: 'the disk of the host',
  advice: 'the database is as it was, and needs as much room again to be written anew'
}

type Core = CoreInfo & { readonly auth: NonNullable<CoreInfo['auth']> }

/** What of the data of a core is lost: blocks; what can be made anew from them; or something else, or nobody knows what. */
type Loss = 'blocks' | 'derived' | 'unsure'

class Mending {
  readonly #storage: CorestoreStorage
  readonly #host: Uint8Array
  readonly #setBacks: SetBacks
  readonly #cores = new Map<number, Core>()

  constructor(storage: CorestoreStorage, host: Uint8Array, setBacks: SetBacks) {
    this.#storage = storage
    this.#host = host
    this.#setBacks = setBacks
  }

  /** Addresses, z-base-32, of the instances that are removed. */
  async run(losses: readonly Lost[]): Promise<string[]> {
    await this.#readCores()
    const index = await this.#openIndex()
    const addresses = new Set([...(await readIndex(index)), ...this.#callLogs()])
    const isNoted = ({ auth: { key } }: Core) =>
      b4a.equals(key, index.key) || addresses.has(encodeId(key))
    const byData = new Map<number, Loss>()
    for (const lost of losses) {
      for (const [data, loss] of this.#lossesOf(lost, isNoted)) {
        byData.set(data, worse(byData.get(data) ?? 'blocks', loss))
      }
    }
    const unsure = new Set<Core>()
    for (const [data, loss] of byData) {
      const core = this.#cores.get(data)
      if (core === undefined) continue
      if (b4a.equals(core.auth.key, index.key)) throw tooMuch('the list of the instances')
      const isSure = loss !== 'unsure' && (loss === 'blocks' || (await this.#rebuild(core)))
      if (!isSure) unsure.add(core)
    }
    return this.#remove(unsure, addresses)
  }

  /** Addresses, z-base-32, also of those that a crash has left out of the index: they are signed as well. */
  #callLogs(): string[] {
    const logs = [...this.#cores.values()].filter(
      ({ auth: { manifest } }) => manifest !== null && isCallLog(manifest, this.#host)
    )
    return logs.map(({ auth: { key } }) => encodeId(key))
  }

  async #openIndex(): Promise<Hypercore> {
    const index = new Corestore(this.#storage).get({ name: 'instances' })
    await index.ready().catch(() => {
      throw tooMuch('the list of the instances')
    })
    return index
  }

  async #readCores(): Promise<void> {
    for await (const { discoveryKey } of this.#storage.createCoreStream()) {
      const info = await this.#storage.getInfo(discoveryKey)
      if (info === null || info.auth === null) throw tooMuch('a log')
      this.#cores.set(info.core.dataPointer, { ...info, auth: info.auth })
    }
  }

  /** Whose data a run is of, and what of it. `isNoted`: whether this host keeps notes with a log. */
  *#lossesOf(
    { after, before }: Lost,
    isNoted: (core: Core) => boolean
  ): Generator<readonly [number, Loss]> {
    const from = after && parseDataKey(after)
    if (!from) throw tooMuch('the list of the logs')
    const to = before && parseDataKey(before)
    if (to?.data === from.data) {
      yield [from.data, lossBetween(from, to, before)]
      return
    }
    const others = [...this.#cores.keys()].filter((data) => {
      const isBehind = to !== null && (data > to.data || (data === to.data && to.kind === HEAD))
      return data > from.data && !isBehind
    })
    for (const data of others) yield [data, 'unsure']
    const core = this.#cores.get(from.data)
    const isToEnd = from.kind === TREE || from.kind === PAGE
    const isDerived = isToEnd && core !== undefined && !isNoted(core)
    yield [from.data, isDerived ? 'derived' : 'unsure']
  }

  /** Makes the nodes of a tree and its bitfield anew; false where that does not lead to what was signed. */
  async #rebuild({ discoveryKey, head }: Core): Promise<boolean> {
    const log = head && (await this.#storage.resumeCore(discoveryKey))
    if (!log) return false
    try {
      const tree = new Tree()
      for (let from = 0; from < head.length; from += PAGE_BLOCKS) {
        const to = Math.min(from + PAGE_BLOCKS, head.length)
        const page = b4a.alloc(PAGE_BYTES)
        const tx = log.write()
        let i = 0
        for await (const { isThere, node } of leavesOf(log, from, to)) {
          if (node === null) return false
          if (isThere) page[i >> 3] = (page[i >> 3] ?? 0) | (1 << (i & 7))
          for (const complete of tree.push(node)) tx.putTreeNode(complete)
          i++
        }
        tx.putBitfieldPage(from / PAGE_BLOCKS, page)
        await tx.flush()
      }
      return b4a.equals(tree.treeHash(), head.rootHash)
    } finally {
      await log.close()
    }
  }

  /** Removes all instances that one of these logs is of. */
  async #remove(unsure: ReadonlySet<Core>, addresses: ReadonlySet<string>): Promise<string[]> {
    const gone: string[] = []
    for (const address of addresses) {
      const isOf = this.#coresOf(decodeId(address))
      if (![...unsure].some(isOf)) continue
      await this.#keepHead(address)
      for (const core of this.#cores.values()) {
        if (isOf(core)) await this.#storage.deleteCore(core.core)
      }
      gone.push(address)
    }
    return gone
  }

  /** Whether a log is one of an instance. */
  #coresOf(address: Uint8Array): (core: Core) => boolean {
    const own = [address, stateKey(this.#host, address), blobsKey(this.#host, address)]
    return ({ auth: { key, manifest } }) => {
      const [signer] = manifest?.signers ?? []
      const isUsers = signer !== undefined && b4a.equals(userLogKey(signer.publicKey, address), key)
      return isUsers || own.some((it) => b4a.equals(it, key))
    }
  }

  /** Notes down up to where an instance was signed, so that it is signed again from there on only. */
  async #keepHead(address: string): Promise<void> {
    const key = decodeId(address)
    const core = [...this.#cores.values()].find(({ auth }) => b4a.equals(auth.key, key))
    if (!core?.head) return
    const { length, fork, rootHash, signature } = core.head
    const head = { length, fork, treeHash: rootHash, signature }
    if (this.#setBacks.isSigned(address, head)) await this.#setBacks.keep(address, head)
  }
}

async function* leavesOf(log: CoreStorage, from: number, to: number) {
  for (let at = from; at < to; at += BLOCKS_AT_ONCE) {
    yield* await readLeaves(log, at, Math.min(at + BLOCKS_AT_ONCE, to))
  }
}

/** The leaves of a tree, by the blocks where those are there; null where there is neither. */
async function readLeaves(log: CoreStorage, from: number, to: number) {
  const rx = log.read()
  const reading = Array.from({ length: to - from }, async (_, i) => {
    const index = 2 * (from + i)
    const [block, node] = await Promise.all([rx.getBlock(from + i), rx.getTreeNode(index)])
    if (block === null) return { isThere: false, node }
    return { isThere: true, node: { index, size: block.byteLength, hash: leafHash(block) } }
  })
  rx.tryFlush()
  return Promise.all(reading)
}

/** What is lost of a log between two entries that are there. */
function lossBetween(from: DataKey, to: DataKey, before: Uint8Array | null): Loss {
  const isTo = (kind: number) => to.kind === kind && to.index === 0
  if (from.kind < TREE && (to.kind === BLOCK || isTo(TREE))) return 'blocks'
  // the first note that there is of a call log
  const isBehindPages = before !== null && isNote(before, METHODS_NOTE)
  const isDerived = to.kind === TREE || to.kind === PAGE || isBehindPages
  return from.kind <= PAGE && isDerived ? 'derived' : 'unsure'
}

function worse(a: Loss, b: Loss): Loss {
  const order: readonly Loss[] = ['blocks', 'derived', 'unsure']
  return order.indexOf(a) > order.indexOf(b) ? a : b
}

function tooMuch(what: string): MivmError {
  return new MivmError(
    'DIRECTORY_DAMAGED',
    `the disk has damaged ${what} of this host: restore it from a backup`
  )
}
