import type Corestore from 'corestore'
import { MerkleTreeBatch } from 'hypercore/lib/merkle-tree.js'
import SessionState from 'hypercore/lib/session-state.js'
import type { Atom, AtomView } from 'hypercore-storage'
import type { TreeNode } from '../protocol/merkle.ts'
import { isSameKey } from './keys.ts'

/** Reads of one atom before its changes are indexed after all: whoever reads so often is better off with that. */
const SEARCHED_MAX = 64
const CHANGES_MAX = 8192

/**
 * An atom of a store. Before the library reads through one it makes a text of the key of each change in it, thousands in
 * a commit, to find one of the few that are read: here they are looked through from the newest on.
 */
export function createAtom(store: Corestore): Atom {
  const atom = store.storage.createAtom()
  const { view } = atom
  const indexed = view.get.bind(view)
  const reset = view.reset.bind(view)
  let searched = 0
  view.reset = () => {
    searched = 0
    reset()
  }
  view.get = (read, key) => {
    const { changes } = view
    if (changes === null) return read.get(key)
    if (changes.length > CHANGES_MAX || searched >= SEARCHED_MAX) return indexed(read, key)
    searched++
    const found = search(changes, key)
    return found === undefined ? read.get(key) : Promise.resolve(found)
  }
  return atom
}

/**
 * Has the flush of an atom go by the logs to which nothing was appended. As it is it takes over every one that it has, hashes
 * its roots and tells its peers of it: with the logs of 400 users that was as much as all else of a commit of one call.
 */
export function skipUnchanged(): void {
  SessionState.prototype._commit = async function () {
    if (isChanged(this)) await commit.call(this)
  }
}

/** The library's own. */
const commit = SessionState.prototype._commit

/**
 * Has the nodes of a tree written in the order of their keys. As they are made, most of them go before the one that was made last, and
 * RocksDB looks for the place of each from the beginning; what goes behind the one before it has its place at once.
 */
export function sortNodes(): void {
  MerkleTreeBatch.prototype.commit = function (tx) {
    this.nodes.sort(byIndex)
    return commitNodes.call(this, tx)
  }
}

/** The library's own. */
const commitNodes = MerkleTreeBatch.prototype.commit

function byIndex(a: TreeNode, b: TreeNode): number {
  return a.index - b.index
}

/** Whether a session in an atom has, as far as its log goes, anything that the log outside of it has not. */
function isChanged({ parent, length, fork, signature, _pendingBitfield }: SessionState): boolean {
  if (parent === null || _pendingBitfield !== null) return true
  // a signature is made anew with each append, and the same piece of memory in both until then
  return parent.length !== length || parent.fork !== fork || parent.signature !== signature
}

/** What a key was last set to; null where it was deleted, undefined where there is no change of it. */
function search(
  changes: NonNullable<AtomView['changes']>,
  key: Uint8Array
): Uint8Array | null | undefined {
  for (let i = changes.length - 1; i >= 0; i--) {
    const change = changes[i]
    if (change === undefined) continue
    const [start, value, end] = change
    if (end === null) {
      if (isSameKey(start, key)) return value
    } else if (Buffer.compare(start, key) <= 0 && Buffer.compare(key, end) < 0) {
      return null
    }
  }
  return undefined
}
