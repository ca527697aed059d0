import { findServer } from '../client/locate.ts'
import { askOthers } from '../host/asking.ts'
import { SetBacks } from '../host/set-back.ts'
import type { Bootstrap } from '../net/network.ts'
import { MivmError } from '../protocol/errors.ts'
import type { Head } from '../protocol/head.ts'
import { decodeId, encodeId } from '../protocol/ids.ts'
import { Progress } from './progress.ts'
import { type Recovered, recoverInstance } from './recovered-instance.ts'
import { type RecoveryOptions, readIndex, withSources } from './sources.ts'

export type RecoveryEvent =
  | Recovered
  | { readonly type: 'unrecovered'; readonly address: string; readonly message: string }

/**
 * Takes back from others what this host has signed and does not have any more: of each instance the whole call log up to
 * the newest head that anybody knows, with the archive and the users' logs that belong to it. Nothing is written that is
 * not under a signature of its author and in line with what is here; what cannot be had in full stays as it is, and
 * refused. Throws DIRECTORY_LOCKED; USAGE where there is no host, and for what `from` names and is none; HOST_UNKNOWN where
 * that is away.
 */
export async function recover(options: RecoveryOptions<RecoveryEvent>): Promise<RecoveryEvent[]> {
  const { dir, bootstrap } = options
  return withSources(options, 'unrecovered', async function* ({ index, patience, ...opened }) {
    const setBacks = await SetBacks.open(dir, opened.keyPair.publicKey)
    const known = await readIndex(index)
    const newest = await ask(setBacks, known, bootstrap)
    for (const [address, head] of newest) {
      const parts = { ...opened, progress: new Progress(patience), setBacks, head }
      const enlist = async () => {
        if (!known.has(address)) await index.append(decodeId(address))
      }
      await findServer(opened.replica.network, decodeId(address))
      yield await recoverInstance({ ...parts, address: decodeId(address), enlist }).catch(
        (error: unknown): RecoveryEvent => {
          if (!(error instanceof MivmError)) throw error
          return { type: 'unrecovered', address, message: opened.reasonOf(error) }
        }
      )
    }
  })
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
