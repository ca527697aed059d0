import type Hypercore from 'hypercore'

/**
 * Asks whoever has this log for its newest head, the first peer where nobody is there yet. A peer may say that it has
 * more, and never show it: false where nothing has come within so many ms, then it is as it was.
 */
export async function update(core: Hypercore, ms: number): Promise<boolean> {
  const found = core.findingPeers()
  const { promise: late, resolve } = Promise.withResolvers<false>()
  const timer = setTimeout(() => {
    found()
    resolve(false)
  }, ms)
  core.once('peer-add', found)
  if (core.peers.length > 0) found()
  const updated = core.update({ wait: true }).then(() => true)
  // it ends with the log, whoever still waits for it
  updated.catch(() => {})
  try {
    return await Promise.race([updated, late])
  } finally {
    core.off('peer-add', found)
    clearTimeout(timer)
    found()
  }
}
