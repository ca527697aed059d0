import { rm, stat } from 'node:fs/promises'
import path from 'node:path'
import type Corestore from 'corestore'
import { findServer } from '../client/locate.ts'
import { Replica } from '../client/replica.ts'
import { askOthers } from '../host/asking.ts'
import { SetBacks } from '../host/set-back.ts'
import { readIdentity } from '../net/identity.ts'
import type { Bootstrap } from '../net/network.ts'
import { MivmError } from '../protocol/errors.ts'
import type { Head } from '../protocol/head.ts'
import { decodeId, encodeId } from '../protocol/ids.ts'
import { closeStore, openStore } from '../state/store.ts'
import { Wal } from '../state/wal.ts'
import { Progress } from './progress.ts'
import { recoverInstance } from './recovered-instance.ts'

export interface RecoveryOptions {
  /** The data directory of the host, which is not running. */
  readonly dir: string
  readonly bootstrap?: Bootstrap
  /** Beside those who are found by themselves: ids of mirrors, and directories with copies of an auditor or a mirror. */
  readonly from?: readonly string[]
  /** How long nothing may come before an instance is given up, ms; default 15 s. */
  readonly patience?: number
  readonly onEvent?: (event: RecoveryEvent) => void
}

export type RecoveryEvent =
  /** Blocks of the call log, before and after. */
  | {
      readonly type: 'recovered'
      readonly address: string
      readonly from: number
      readonly to: number
    }
  /** What is here is all that anybody knows of. */
  | { readonly type: 'level'; readonly address: string; readonly blocks: number }
  | { readonly type: 'unrecovered'; readonly address: string; readonly message: string }

const PATIENCE_MS = 15_000

/**
 * Takes back from others what this host has signed and does not have any more: of each instance the whole call log up to
 * the newest head that anybody knows, with the archive and the users' logs that belong to it. Nothing is written that is
 * not under a signature of its author and in line with what is here; what cannot be had in full stays as it is, and
 * refused. Throws DIRECTORY_LOCKED, IDENTITY_UNKNOWN.
 */
export async function recover(options: RecoveryOptions): Promise<RecoveryEvent[]> {
  const { dir, bootstrap, from = [], patience = PATIENCE_MS, onEvent = () => {} } = options
  const { keyPair } = await readIdentity(dir, 'host')
  const setBacks = await SetBacks.open(dir, keyPair.publicKey)
  const store = await openStore(path.join(dir, 'store'))
  const wal = new Wal(store.storage.rocks)
  const network = bootstrap === undefined ? {} : { bootstrap }
  const closing: (() => Promise<unknown>)[] = [() => closeStore(store), () => wal.close()]
  const events: RecoveryEvent[] = []
  try {
    const replica = await Replica.open({ dir, copies: 'recovering', ...network })
    closing.push(() => replica.close())
    for (const name of from) closing.push(await join(replica, name))
    const index = store.get({ name: 'instances' })
    await index.ready()
    const known = await read(index)
    const newest = await ask(setBacks, known, bootstrap)
    for (const [address, head] of newest) {
      const progress = new Progress(patience)
      const parts = { store, keyPair, wal, replica, progress, setBacks, head }
      const enlist = async () => {
        if (!known.has(address)) await index.append(decodeId(address))
      }
      await findServer(replica.network, decodeId(address))
      const event = await recoverInstance({ ...parts, address: decodeId(address), enlist }).catch(
        (error: unknown): RecoveryEvent => {
          if (!(error instanceof MivmError)) throw error
          return { type: 'unrecovered', address, message: error.message }
        }
      )
      progress.end()
      events.push(event)
      onEvent(event)
    }
  } finally {
    for (const close of closing.reverse()) await close()
  }
  const isOver = events.every(({ type }) => type !== 'unrecovered')
  if (isOver) await rm(path.join(dir, 'recovering'), { recursive: true, force: true })
  return events
}

async function read(index: { length: number; get(i: number): Promise<Uint8Array | null> }) {
  const known = new Set<string>()
  for (let i = 0; i < index.length; i++) {
    const address = await index.get(i)
    if (address !== null) known.add(encodeId(address))
  }
  return known
}

/** Of each instance the newest head that anybody knows; null where nobody does. */
async function ask(
  setBacks: SetBacks,
  known: ReadonlySet<string>,
  bootstrap: Bootstrap | undefined
): Promise<ReadonlyMap<string, Head | null>> {
  const newest = new Map<string, Head | null>()
  for (const address of [...known, ...setBacks.addresses]) {
    newest.set(address, setBacks.get(address))
  }
  const addresses = [...newest.keys()].map((id) => decodeId(id))
  await askOthers(addresses, bootstrap, new AbortController().signal, async (address, head) => {
    const id = encodeId(address)
    if (head.fork !== 0 || head.length <= (newest.get(id)?.length ?? 0)) return
    if (setBacks.isSigned(id, head)) newest.set(id, head)
  })
  return newest
}

/** Takes what a peer or a directory has; returns what ends that. */
async function join(replica: Replica, name: string): Promise<() => Promise<unknown>> {
  const isDirectory = await stat(name).then(
    (stats) => stats.isDirectory(),
    () => false
  )
  if (!isDirectory) {
    await replica.connect(decodeId(name, 'id of a mirror, nor a directory'))
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

/** What an auditor or a mirror has in its data directory. */
async function openCopies(dir: string): Promise<Corestore> {
  for (const name of ['mirror/store', 'cache', 'store', '.']) {
    const isThere = await stat(path.join(dir, name, 'db')).then(
      () => true,
      () => false
    )
    if (isThere) return openStore(path.join(dir, name))
  }
  throw new MivmError(
    'USAGE',
    `there are no copies in ${dir}: name the data directory of an auditor`
  )
}
