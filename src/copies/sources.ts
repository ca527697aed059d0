import { rm, stat } from 'node:fs/promises'
import path from 'node:path'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import type { KeyPair } from 'hypercore-crypto'
import { Replica } from '../client/replica.ts'
import { readHostIdentity, storeOf } from '../host/directory.ts'
import type { Bootstrap } from '../net/network.ts'
import { MivmError, messageOf } from '../protocol/errors.ts'
import { decodeId, encodeId } from '../protocol/ids.ts'
import { fileError } from '../state/file-error.ts'
import { mendedText } from '../state/mend-records.ts'
import { closeStore, openStore } from '../state/store.ts'
import { Wal } from '../state/wal.ts'

/** How a host that is not running takes something back from others. */
export interface RecoveryOptions<Event> {
  /** The data directory of the host. */
  readonly dir: string
  readonly bootstrap?: Bootstrap | undefined
  /** Beside those who are found by themselves: ids of mirrors, and directories with copies of an auditor or a mirror. */
  readonly from?: readonly string[]
  /** How long nothing may come before an instance is given up, ms; default 15 s. */
  readonly patience?: number
  readonly onEvent?: (event: Event) => void
  /** Is told of bits of the database that the disk had flipped and that are turned back. */
  readonly onMended?: (message: string) => void
}

const PATIENCE_MS = 15_000

/** What is fetched, before it is known to be right, in a store of its own. */
const FETCHED = 'recovering'

/** What a host that is not running works with. */
export interface Opened {
  readonly keyPair: KeyPair
  readonly store: Corestore
  /** Addresses of its instances. */
  readonly index: Hypercore
  readonly wal: Wal
  /** What others show. */
  readonly replica: Replica
  /** Data directories of auditors. */
  readonly auditors: readonly string[]
  readonly patience: number
  /** Why something was not taken back: where what others show could not be written, that it is not that nobody has it. */
  reasonOf(error: MivmError): string
}

/** Those who have what a host has lost. */
interface Sources {
  readonly replica: Replica
  /** Why what they show could not be written; null as long as it could. */
  stuck(): unknown
  close(): Promise<void>
  /** Removes what was fetched. */
  remove(): Promise<void>
}

/**
 * Opens the directory of a host, finds those who have what it lacks, and tells what `work` says of one instance after
 * another. What was fetched stays for the next time where one of that is of the type `failed`. Throws DIRECTORY_LOCKED;
 * USAGE where there is no host, or no copies where `from` says; KEY_INVALID, HOST_UNKNOWN for a mirror that it names.
 */
export async function withSources<Event extends { readonly type: string }>(
  options: RecoveryOptions<Event>,
  failed: Event['type'],
  work: (opened: Opened) => AsyncIterable<Event>
): Promise<Event[]> {
  const { dir, bootstrap, from = [], patience = PATIENCE_MS } = options
  const { onEvent = () => {}, onMended = () => {} } = options
  const { keyPair } = await readHostIdentity(dir)
  const store = await openStore(storeOf(dir), {
    onMended: (mended) => onMended(mendedText(mended))
  })
  const wal = new Wal(store.storage.rocks)
  const events: Event[] = []
  try {
    const { replica, stuck, close, remove } = await openSources(dir, from, bootstrap)
    try {
      const index = store.get({ name: 'instances' })
      const auditors = await Promise.all(
        from.map(async (name) => ((await isDirectory(name)) ? [name] : []))
      )
      const reasonOf = (error: MivmError) => messageOf(fileError(stuck() ?? error))
      const shared = { keyPair, store, index, wal, replica, patience, reasonOf }
      const opened = { ...shared, auditors: auditors.flat() }
      for await (const event of work(opened)) {
        events.push(event)
        onEvent(event)
      }
    } finally {
      await close()
    }
    if (events.every(({ type }) => type !== failed)) await remove()
  } finally {
    await wal.close()
    await closeStore(store)
  }
  return events
}

async function openSources(
  dir: string,
  from: readonly string[],
  bootstrap: Bootstrap | undefined
): Promise<Sources> {
  let why: unknown = null
  const onStuck = (error: unknown) => {
    why ??= error
  }
  const replica = await Replica.open({ dir, copies: FETCHED, bootstrap, onStuck })
  // one who shows another version of a log ends nothing: what is taken has to lead to what was signed
  replica.store.watch((core) => {
    core.checkConflict = async () => true
  })
  const ends: (() => Promise<unknown>)[] = [() => replica.close()]
  const close = async () => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    for (const name of from) ends.push(await join(replica, name))
  } catch (error) {
    await close()
    throw error
  }
  const remove = () => rm(path.join(dir, FETCHED), { recursive: true, force: true })
  return { replica, stuck: () => why, close, remove }
}

/** Addresses, z-base-32, of the instances of a host. */
export async function readIndex(index: Hypercore): Promise<ReadonlySet<string>> {
  await index.ready()
  const known = new Set<string>()
  for (let i = 0; i < index.length; i++) {
    const address = await index.get(i, { wait: false })
    if (address !== null) known.add(encodeId(address))
  }
  return known
}

/** Takes what a peer or a directory has; returns what ends that. */
async function join(replica: Replica, name: string): Promise<() => Promise<unknown>> {
  if (!(await isDirectory(name))) {
    await replica.connect(decodeId(name, 'id of a mirror, nor a directory')).catch((error) => {
      throw away(error, name)
    })
    return async () => {}
  }
  const copies = await openCopies(name)
  const stream = copies.replicate(true)
  const own = replica.store.replicate(false)
  stream.pipe(own).pipe(stream)
  return async () => {
    stream.destroy()
    own.destroy()
    await closeStore(copies)
  }
}

/** What is away is not the host that is to be started: its operator has to know whom to look for. */
function away(error: unknown, name: string): unknown {
  if (!(error instanceof MivmError) || error.code !== 'HOST_UNKNOWN') return error
  return new MivmError(
    'HOST_UNKNOWN',
    `--from ${name} cannot be reached: check the id and that it runs, or leave it out: others are asked as well`
  )
}

/** What an auditor or a mirror has in its data directory. */
async function openCopies(dir: string): Promise<Corestore> {
  for (const name of ['mirror/store', 'cache', 'store', '.']) {
    if (await isDirectory(path.join(dir, name, 'db'))) return openStore(path.join(dir, name))
  }
  throw new MivmError(
    'USAGE',
    `there are no copies in ${dir}: name the data directory of an auditor`
  )
}

function isDirectory(name: string): Promise<boolean> {
  return stat(name).then(
    (stats) => stats.isDirectory(),
    () => false
  )
}
