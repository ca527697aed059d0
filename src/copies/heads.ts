import b4a from 'b4a'
import type Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import type { Head } from '../protocol/head.ts'

/** The newest head of a log that is here, as Hypercore has verified it; null where there is nothing of it. */
export function headOf({ state }: Hypercore): Head | null {
  const { length, fork, roots, signature } = state
  if (length === 0 || signature === null) return null
  return { length, fork, treeHash: crypto.tree(roots), signature: b4a.from(signature) }
}
