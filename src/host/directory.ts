import { existsSync } from 'node:fs'
import path from 'node:path'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import { MivmError, messageOf } from '../protocol/errors.ts'
import { type Identity, listIdentities, openIdentity, readIdentity } from '../state/identity.ts'
import { isUnreadable } from '../state/salvage.ts'
import { closeStore } from '../state/store.ts'

/** Which instances there are. */
export async function openIndex(store: Corestore, dir: string): Promise<Hypercore> {
  const index = store.get({ name: 'instances' })
  try {
    await index.ready()
    return index
  } catch (error) {
    await closeStore(store)
    throw openError(error, dir)
  }
}

/** What the database cannot read before anything is asked of an instance. */
export function openError(error: unknown, dir: string): unknown {
  if (!isUnreadable(error) || error instanceof MivmError) return error
  const message = messageOf(error)
  return new MivmError(
    'DIRECTORY_DAMAGED',
    `files of the database in ${storeOf(dir)} are damaged (${message}): "mivm host --repair" takes out what cannot be read, or restore it from a backup`,
    { cause: error }
  )
}

/** The identity of a host that there is; throws USAGE where there is none, since nothing can be done for it. */
export async function readHostIdentity(dir: string): Promise<Identity> {
  if ((await listIdentities(dir)).includes('host')) return readIdentity(dir, 'host')
  throw new MivmError(
    'USAGE',
    `there is no host in ${dir}: give its --dir, or put its key there, ${path.join(dir, 'host.key')}`
  )
}

export function storeOf(dir: string): string {
  return path.join(dir, 'store')
}

/** A new identity only where there is nothing yet that another one has signed. */
export async function openHostIdentity(dir: string): Promise<Identity> {
  const names = await listIdentities(dir)
  if (names.includes('host') || !existsSync(storeOf(dir))) return openIdentity(dir, 'host')
  throw new MivmError(
    'DIRECTORY_DAMAGED',
    `the key of the host, ${path.join(dir, 'host.key')}, is missing: put it back from a backup`
  )
}
