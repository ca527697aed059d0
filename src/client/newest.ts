import type Hypercore from 'hypercore'
import { deferred } from '../protocol/deferred.ts'

/** What is asked about each log, and not answered by all. */
const asking = new WeakMap<Hypercore, Promise<unknown>>()

/**
 * Asks peers for the newest head of a log. Resolves when all who are there have answered, false where that takes longer than
 * `ms`: Hypercore waits without end for one who says that there is more and does not show it, and keeps each that waits
 * beside it. So what is asked already is not asked again.
 */
export async function askNewest(log: Hypercore, ms: number): Promise<boolean> {
  const answered = asking.get(log) ?? ask(log)
  const { promise: late, resolve } = deferred<false>()
  const timer = setTimeout(() => resolve(false), ms)
  try {
    return await Promise.race([answered.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}

/** A log that is closed meanwhile has said what there is to say. */
function ask(log: Hypercore): Promise<unknown> {
  const answered = log
    .update({ wait: true })
    .catch(() => {})
    .finally(() => asking.delete(log))
  asking.set(log, answered)
  return answered
}

/** The same where nobody may be there yet: `ms` for the first peer and for what it says, together. */
export async function findNewest(log: Hypercore, ms: number): Promise<boolean> {
  const found = log.findingPeers()
  const timer = setTimeout(found, ms)
  log.once('peer-add', found)
  if (log.peers.length > 0) found()
  try {
    return await askNewest(log, ms)
  } finally {
    log.off('peer-add', found)
    clearTimeout(timer)
    found()
  }
}
