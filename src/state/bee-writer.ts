import b4a from 'b4a'
import type { BeeCore } from 'hyperbee'
import { Node as Block, Header, YoloIndex } from 'hyperbee/lib/messages.js'
import { MivmError } from '../protocol/errors.ts'

/** Of a B-tree with at most nine children a node. */
const KEYS_MIN = 4
const KEYS_MAX = 8

/** Nodes that are kept from one batch to the next; with more of them all are let go and read again. */
const NODES_MAX = 1024

/** A key by the block that wrote it; its bytes once they were needed. */
interface Key {
  readonly seq: number
  bytes: Uint8Array | null
}

/** Where a node is written: the block, and which of the nodes in it. */
interface Place {
  seq: number
  offset: number
  /** Null while it was not needed. */
  node: TreeNode | null
}

class TreeNode {
  readonly keys: Key[]
  readonly children: Place[]
  /** Not as any block has it. */
  changed = true

  constructor(keys: Key[], children: Place[]) {
    this.keys = keys
    this.children = children
  }

  get isLeaf(): boolean {
    return this.children.length === 0
  }
}

/** A key with its value, or null where it is deleted. */
export type Change = readonly [key: Uint8Array, value: Uint8Array | null]

/** A change that no block has yet. */
interface Pending {
  readonly seq: number
  readonly change: Change
  /** The nodes that it changed, the root first: which of them stay as it left them shows when all are written. */
  readonly places: Place[]
}

/**
 * Writes a Hyperbee: the same blocks, byte for byte, that a batch of Hyperbee 2.27 appends for the same puts and
 * deletions in the same order. Hyperbee reads its way down the tree anew in every batch, with a promise for every step;
 * this keeps the nodes it has met.
 *
 * The tree is a B-tree whose nodes are never changed in place: each put or deletion writes one block with its key, its
 * value, and all nodes on the way from the root that it has changed. Of one batch, the blocks before the last have only
 * those that were not changed again.
 */
export class BeeWriter {
  readonly #core: BeeCore
  readonly #blobsKey: Uint8Array
  #root: TreeNode | null = null
  #nodes = 0
  /** Of the core that the nodes at hand are of; -1 where nobody knows. */
  #length = -1

  /** `blobsKey` goes into the header, which comes before the first batch. */
  constructor(core: BeeCore, blobsKey: Uint8Array) {
    this.#core = core
    this.#blobsKey = blobsKey
  }

  /** Makes changes in their order, with one append. To delete what is not there writes nothing. */
  async write(changes: Iterable<Change>): Promise<void> {
    const isKept = this.#length === this.#core.length && this.#nodes <= NODES_MAX
    let root = (isKept ? this.#root : null) ?? (await this.#open())
    // while they are changed they are those of no length, nor if that fails
    this.#length = -1
    const pending: Pending[] = []
    for (const change of changes) {
      const [key, value] = change
      const seq = this.#core.length + pending.length
      const changed =
        value === null ? await this.#delete(root, key) : await this.#put(root, { seq, bytes: key })
      if (changed === null) continue
      root = changed
      pending.push({ seq, change, places: placesOf(root, seq) })
    }
    const blocks = pending.map((each, i) => encode(each, i === pending.length - 1))
    if (blocks.length > 0) await this.#core.append(blocks)
    this.#root = root
    this.#length = this.#core.length
  }

  /** Reads the root. */
  async #open(): Promise<TreeNode> {
    if (this.#core.length === 0) {
      const metadata = { contentFeed: this.#blobsKey }
      await this.#core.append(Header.encode({ protocol: 'hyperbee', metadata }))
    }
    this.#nodes = 0
    const { length } = this.#core
    return length < 2
      ? new TreeNode([], [])
      : this.#load({ seq: length - 1, offset: 0, node: null })
  }

  /** Returns the root then. */
  async #put(root: TreeNode, target: Key & { readonly bytes: Uint8Array }): Promise<TreeNode> {
    const path: TreeNode[] = []
    let node = root
    for (;;) {
      const known = search(node, target.bytes)
      const { index, found } = 'unread' in known ? await this.#search(node, target.bytes) : known
      node.changed = true
      if (found) {
        node.keys[index] = target
        return root
      }
      if (node.isLeaf) {
        node.keys.splice(index, 0, target)
        return this.#split(node, path, root)
      }
      path.push(node)
      // most nodes are at hand: a promise for each takes longer than to look for the key in it
      node = node.children[index]?.node ?? (await this.#child(node, index))
    }
  }

  /** Returns the root then; null where the key is not there. */
  async #delete(root: TreeNode, key: Uint8Array): Promise<TreeNode | null> {
    const path: TreeNode[] = []
    let node = root
    for (;;) {
      path.push(node)
      const { index, found } = await this.#search(node, key)
      if (found) {
        if (node.isLeaf) node.keys.splice(index, 1)
        else await this.#takeNearest(node, index, path)
        break
      }
      if (node.isLeaf) return null
      node = await this.#child(node, index)
    }
    for (const each of path) each.changed = true
    return this.#rebalance(path)
  }

  /** Where a key is among those of a node, or between which it belongs; reads those that it is compared with. */
  async #search(node: TreeNode, key: Uint8Array): Promise<Found> {
    for (;;) {
      const found = search(node, key)
      if (!('unread' in found)) return found
      await this.#bytes(found.unread)
    }
  }

  /** Splits a node with too many keys, and those above it that get too many by that; returns the root then. */
  async #split(leaf: TreeNode, path: TreeNode[], root: TreeNode): Promise<TreeNode> {
    let node = leaf
    while (node.keys.length > KEYS_MAX) {
      const half = node.keys.length >> 1
      const children = node.isLeaf ? [] : node.children.splice(node.children.length - half - 1)
      const keys = node.keys.splice(node.keys.length - half)
      const right = placeOf(new TreeNode(keys, children))
      const median = node.keys.pop()
      if (median === undefined) throw damaged()
      this.#nodes++
      const parent = path.pop()
      if (parent === undefined) return new TreeNode([median], [placeOf(node), right])
      const { index } = await this.#search(parent, await this.#bytes(median))
      parent.keys.splice(index, 0, median)
      parent.children.splice(index + 1, 0, right)
      node = parent
    }
    return root
  }

  /** Puts the nearest key of a leaf into the place of one that goes: from the side where the leaf has more. */
  async #takeNearest(node: TreeNode, index: number, path: TreeNode[]): Promise<void> {
    const left = await this.#edge(await this.#child(node, index), true)
    const right = await this.#edge(await this.#child(node, index + 1), false)
    const isRight = keysOf(left) < keysOf(right)
    path.push(...(isRight ? right : left))
    const leaf = path.at(-1)
    const key = isRight ? leaf?.keys.shift() : leaf?.keys.pop()
    if (key === undefined) throw damaged()
    node.keys[index] = key
  }

  /** The nodes from one down to the last leaf below it, or to the first. */
  async #edge(top: TreeNode, isLast: boolean): Promise<TreeNode[]> {
    const path = [top]
    for (let node = top; !node.isLeaf; path.push(node)) {
      node = await this.#child(node, isLast ? node.children.length - 1 : 0)
    }
    return path
  }

  /** Fills a leaf that has too few keys from its siblings, or joins it with one; returns the root then. */
  async #rebalance(path: TreeNode[]): Promise<TreeNode> {
    const [root] = path
    if (root === undefined) throw damaged()
    for (let depth = path.length - 1; depth > 0; depth--) {
      const node = path[depth]
      const parent = path[depth - 1]
      if (node === undefined || parent === undefined) throw damaged()
      if (node.keys.length >= KEYS_MIN || !(await this.#fill(node, parent))) return root
    }
    // the last key of the root went into the only child that is left
    return root.keys.length === 0 && !root.isLeaf ? this.#child(root, 0) : root
  }

  /** Gives a node a key more: from a sibling that has one to spare, else it is joined with one. True then. */
  async #fill(node: TreeNode, parent: TreeNode): Promise<boolean> {
    const index = parent.children.findIndex((place) => place.node === node)
    const left = index > 0 ? await this.#child(parent, index - 1) : null
    const right = index < parent.children.length - 1 ? await this.#child(parent, index + 1) : null
    if (left !== null && left.keys.length > KEYS_MIN) {
      left.changed = true
      node.keys.unshift(...exchange(parent, index - 1, left.keys.pop()))
      if (!left.isLeaf) node.children.unshift(...left.children.splice(-1))
      return false
    }
    if (right !== null && right.keys.length > KEYS_MIN) {
      right.changed = true
      node.keys.push(...exchange(parent, index, right.keys.shift()))
      if (!right.isLeaf) node.children.push(...right.children.splice(0, 1))
      return false
    }
    if (left !== null) join(parent, index - 1, left, node)
    else if (right !== null) join(parent, index, node, right)
    return true
  }

  async #child({ children }: TreeNode, index: number): Promise<TreeNode> {
    const place = children[index]
    if (place === undefined) throw damaged()
    return place.node ?? this.#load(place)
  }

  async #load(place: Place): Promise<TreeNode> {
    const { index } = await this.#read(place.seq)
    const level = YoloIndex.decode(index).levels[place.offset]
    if (level === undefined) throw damaged()
    const children: Place[] = []
    for (let i = 0; i < level.children.length; i += 2) {
      const [seq = 0, offset = 0] = level.children.slice(i, i + 2)
      children.push({ seq, offset, node: null })
    }
    const keys = level.keys.map((seq) => ({ seq, bytes: null }))
    const node = new TreeNode(keys, children)
    node.changed = false
    place.node = node
    this.#nodes++
    return node
  }

  async #bytes(key: Key): Promise<Uint8Array> {
    key.bytes ??= (await this.#read(key.seq)).key
    return key.bytes
  }

  async #read(seq: number): Promise<ReturnType<typeof Block.decode>> {
    const block = await this.#core.get(seq)
    if (block === null) throw damaged()
    return Block.decode(block)
  }
}

interface Found {
  readonly index: number
  readonly found: boolean
}

/** As far as the keys are at hand: else the first one that is not. */
function search({ keys }: TreeNode, key: Uint8Array): Found | { readonly unread: Key } {
  let start = 0
  let end = keys.length
  while (start < end) {
    const index = (start + end) >> 1
    const middle = keys[index]
    if (middle === undefined) throw damaged()
    if (middle.bytes === null) return { unread: middle }
    const order = b4a.compare(key, middle.bytes)
    if (order === 0) return { index, found: true }
    if (order < 0) end = index
    else start = index + 1
  }
  return { index: start, found: false }
}

function placeOf(node: TreeNode): Place {
  return { seq: 0, offset: 0, node }
}

/** The changed nodes from the root on, as the nodes of the block `seq`: each before those below it. */
function placesOf(root: TreeNode, seq: number): Place[] {
  const places: Place[] = []
  const add = (place: Place, node: TreeNode) => {
    place.seq = seq
    place.offset = places.length
    places.push(place)
    node.changed = false
    for (const child of node.children) if (child.node?.changed === true) add(child, child.node)
  }
  // the root may be at another place, too: in a block before, from which it came up as the only child
  add(placeOf(root), root)
  return places
}

function encode({ seq, change: [key, value], places }: Pending, isLast: boolean): Uint8Array {
  const levels = (isLast ? places : remaining(places, seq)).map(levelOf)
  return Block.encode({ key, value, index: YoloIndex.encode({ levels }) })
}

function levelOf({ node }: Place): { keys: number[]; children: number[] } {
  const keys: number[] = []
  const children: number[] = []
  for (const key of node?.keys ?? []) keys.push(key.seq)
  for (const child of node?.children ?? []) children.push(child.seq, child.offset)
  return { keys, children }
}

/**
 * The places that no later block of the batch has taken on, in Hyperbee's order: where one is taken out, the last one
 * fills the gap. The root always goes.
 */
function remaining([, ...places]: Place[], seq: number): Place[] {
  const last = places.pop()
  if (last !== undefined) places.unshift(last)
  for (let i = 0; i < places.length; ) {
    const place = places[i]
    if (place?.seq === seq) {
      place.offset = i++
      continue
    }
    const end = places.pop()
    if (end !== undefined && i < places.length) places[i] = end
  }
  return places
}

/** Puts a key into the place of another one of a node, and gives that one. */
function exchange({ keys }: TreeNode, index: number, key: Key | undefined): Key[] {
  if (key === undefined) throw damaged()
  return keys.splice(index, 1, key)
}

/** Joins two neighbours, with the key of their parent that was between them, into the left one. */
function join(parent: TreeNode, index: number, left: TreeNode, right: TreeNode): void {
  left.changed = true
  left.keys.push(...parent.keys.splice(index, 1), ...right.keys)
  left.children.push(...right.children)
  const [gone] = parent.children.splice(index + 1, 1)
  // a block of this batch that has it shall not write it
  if (gone !== undefined) gone.seq = 0
}

function keysOf(path: readonly TreeNode[]): number {
  return path.at(-1)?.keys.length ?? 0
}

/** For what an archive's own disk has lost: only sessions that do not wait for peers are read. */
export function damaged(cause?: unknown): MivmError {
  return new MivmError(
    'INSTANCE_DAMAGED',
    'a part of the state archive cannot be read: restore the data directory from a backup',
    cause === undefined ? {} : { cause }
  )
}
