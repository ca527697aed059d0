import b4a from 'b4a'
import type Hypercore from 'hypercore'
import type { Head } from '../protocol/head.ts'
import { rootsHash } from '../protocol/tree-hash.ts'

/** The newest head of a log as it is on this machine, not verified; null where there is nothing of it, or no signature. */
export function headOf({ state }: Hypercore): Head | null {
  const { length, fork, signature, roots } = state
  if (length === 0 || signature === null || signature.byteLength === 0) return null
  return { length, fork, treeHash: rootsHash(roots), signature: b4a.from(signature) }
}

/** Whether an append has failed since the signature that came with its blocks is none over the log that comes of them. */
export function isSignatureError(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('INVALID_SIGNATURE')
}
