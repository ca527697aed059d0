import b4a from 'b4a'
import flat from 'flat-tree'
import type Hypercore from 'hypercore'
import { MerkleTree } from 'hypercore/lib/merkle-tree.js'
import { type Head, isSameHead, verifyHead } from '../protocol/head.ts'
import { cover, Tree, type TreeNode } from '../protocol/merkle.ts'
import { leafHash, parentHash } from '../protocol/tree-hash.ts'
import { readBlocks, readNodes } from '../state/blocks.ts'
import { headOf } from '../state/head.ts'
import type { Feed, Proven } from './feed.ts'
import type { Gap, Place } from './findings.ts'
import { ASKED_MAX, awaitLength, type Patience, reopen, Stall } from './patience.ts'

/** Blocks that are read at once, and the bytes above which there are fewer. */
const WINDOW_BLOCKS = 256
const WINDOW_DEPTH = Math.log2(WINDOW_BLOCKS)
const WINDOW_BYTES = 32 * 1024 * 1024
const WINDOW_BLOCKS_LARGE = 4
/** Of the log of a user: there may be thousands of them, and what is read of each is kept until the host has executed it. */
export const USER_WINDOW_BYTES: number = 1024 * 1024

export interface LogName {
  readonly log: Place['log']
  readonly user?: string
}

export interface Window {
  readonly start: number
  readonly blocks: readonly Uint8Array[]
}

/** The head that a reader reads to, which is verified, and the bytes of the blocks under it. */
export interface ReadTo {
  readonly head: Head | null
  readonly byteLength: number
}

/** Called for each block as it is read, with the tree up to and with it. Nothing is proven yet. */
export type Visit = (block: Uint8Array, tree: Tree) => void

/**
 * Reads a log from its beginning to a head that its author signed, some hundred blocks at a time. Blocks are
 * given out only when they are proven to lie under that head: what a damaged disk makes of them is a gap, and
 * nobody's fraud.
 */
export class LogReader {
  readonly core: Hypercore
  readonly name: LogName
  #session: Hypercore
  readonly #publicKey: Uint8Array
  readonly #patience: Patience
  /** Who has many blocks at once; null where there is nobody. */
  readonly #feed: Feed | null
  #tree: Tree
  #byteLength = 0
  #head: Head | null = null
  /** What was not shown when the blocks before it were read: it is not waited for twice. */
  #next: Gap | null = null

  /** `roots` are those of the part that has been read before, which is not read again. */
  constructor(
    core: Hypercore,
    publicKey: Uint8Array,
    name: LogName,
    patience: Patience,
    roots: readonly TreeNode[] = [],
    feed: Feed | null = null
  ) {
    this.core = core
    this.name = name
    this.#feed = feed
    this.#session = core.session()
    // a window at once: on a near peer Hypercore asks for sixteen blocks, and then for the next sixteen
    core.core.replicator.setInflightRange(WINDOW_BLOCKS, 2 * WINDOW_BLOCKS)
    this.#publicKey = publicKey
    this.#patience = patience
    this.#tree = new Tree(roots)
  }

  /** The head that the log is read to; its length is 0 before `fix`. */
  get length(): number {
    return this.#head?.length ?? 0
  }

  get head(): Head | null {
    return this.#head
  }

  /** Blocks that have been read. */
  get at(): number {
    return this.#tree.length
  }

  /** Roots of the tree over them. */
  get roots(): readonly TreeNode[] {
    return this.#tree.roots
  }

  get done(): boolean {
    return this.at >= this.length
  }

  /** Waits for a log of at least this length, and takes its newest head as the one to read to. */
  async fix(lengthMin: number): Promise<Gap | null> {
    await awaitLength(this.core, lengthMin, this.#patience)
    const head = headOf(this.core)
    if (head === null) return this.gap('missing', 0, null, 'nobody has shown it')
    // whoever follows thousands of logs looks at each of them again and again
    if (this.#head !== null && isSameHead(this.#head, head)) return null
    if (!verifyHead(head, this.core.key, this.#publicKey)) {
      return this.gap('damaged', 0, null, 'its head on this disk is not what its author signed')
    }
    if (head.length > this.length) {
      this.#head = head
      this.#byteLength = this.core.byteLength
    }
    return null
  }

  /** The next blocks, or why there are none; then it stays where it is. */
  async read(visit?: Visit): Promise<Window | Gap> {
    const start = this.at
    const sent = await this.#receive()
    if (sent !== null) {
      this.#tree = grow(this.#tree, sent, visit)
      return { start, blocks: sent.blocks }
    }
    const next = this.#takeNext()
    if (next?.from === start) return next
    const end = await this.#windowEnd(start)
    const read = await this.#fetch(start, end)
    if (!Array.isArray(read)) return read
    const tree = grow(this.#tree, { blocks: read, leaves: null }, visit)
    switch (await this.#judge(tree)) {
      case 'proven':
        this.#tree = tree
        return { start, blocks: read }
      case 'open':
        return (
          this.#takeNext() ?? this.gap('missing', start, end, 'nobody has shown what proves them')
        )
      case 'wrong':
        return this.gap('damaged', start, end, 'these blocks are not what the signed head says')
    }
  }

  /** Whether what was read before is the beginning of the log as it is signed now; null where what proves it is not here. */
  async holds(): Promise<boolean | null> {
    const judged = await this.#judge(this.#tree)
    return judged === 'open' ? null : judged === 'proven'
  }

  /**
   * The tree hash at a length up to that of the head, from the nodes of the tree that are on this disk; null where they
   * do not prove it. A node says the bytes below it, which only its own hash is over, and not that of its parent: so the
   * roots at that length are held against what is below them.
   */
  async treeHashAt(length: number): Promise<Uint8Array | null> {
    if (length > this.length) return null
    const nodes = await Promise.all(cover(0, length).map((index) => this.#checkedNode(index)))
    const tree = new Tree()
    for (const node of nodes) {
      if (node === null) return null
      tree.push(node)
    }
    return (await this.#judge(tree)) === 'proven' ? tree.treeHash() : null
  }

  get readTo(): ReadTo {
    return { head: this.#head, byteLength: this.#byteLength }
  }

  /** Takes over from another reader of this log which head it reads to. */
  set readTo({ head, byteLength }: ReadTo) {
    this.#head = head
    this.#byteLength = byteLength
  }

  /** Another reader from where this one is, or from roots of an earlier place, to the same head. */
  fork(roots: readonly TreeNode[] = this.roots): LogReader {
    const reader = new LogReader(
      this.core,
      this.#publicKey,
      this.name,
      this.#patience,
      roots,
      this.#feed
    )
    reader.readTo = this.readTo
    return reader
  }

  gap(reason: Gap['reason'], from: number | null, to: number | null, why: string): Gap {
    const { log, user } = this.name
    const whose = user === undefined ? `the ${log}` : `the log of user ${user}`
    const which = from === null || to === null ? '' : `, blocks ${from} to ${to - 1}`
    return { reason, ...this.name, from, to, message: `${whose}${which}: ${why}` }
  }

  /** Ends what is still asked of peers. */
  async close(): Promise<void> {
    await this.#session.close()
  }

  #takeNext(): Gap | null {
    const next = this.#next
    this.#next = null
    return next
  }

  /** Many at once, where the next block is not here. */
  async #receive(): Promise<Proven | null> {
    const head = this.#head
    if (this.#feed === null || head === null) return null
    if (this.core.core.bitfield.get(this.at)) return null
    try {
      return await this.#feed.next(this.#tree, head)
    } catch (error) {
      // a conflict between peers closes a core under its readers
      if (!this.#session.closed && !this.#session.closing) throw error
      return null
    }
  }

  /** Aligned windows, smaller where blocks are large: sizes of subtrees are known before the blocks are here. */
  async #windowEnd(start: number): Promise<number> {
    const offset = Math.floor(start / WINDOW_BLOCKS)
    const end = Math.min((offset + 1) * WINDOW_BLOCKS, this.length)
    const bytes = this.#tree.roots.reduce((sum, { size }) => sum + size, 0)
    const most = this.name.user === undefined ? WINDOW_BYTES : USER_WINDOW_BYTES
    if (this.#byteLength - bytes <= most) return end
    const few = Math.min(start + WINDOW_BLOCKS_LARGE, end)
    const node = await MerkleTree.get(this.core.state, flat.index(WINDOW_DEPTH, offset))
    if (node !== null) return node.size <= most ? end : few
    // the first block of a window comes with a proof, and that with the node above them all; the last one may have none
    return this.name.user === undefined ? start + 1 : few
  }

  async #fetch(start: number, end: number): Promise<Uint8Array[] | Gap> {
    const indexes = Array.from({ length: end - start }, (_, i) => start + i)
    const local = await readBlocks(this.core, indexes)
    const missing = local.indexOf(null)
    if (missing === -1) return local.filter((block) => block !== null)
    // what is here first
    if ((this.#patience.isOver || this.#feed !== null) && missing > 0) {
      return local.slice(0, missing).filter((block) => block !== null)
    }
    return this.#download(start, local)
  }

  /** Asks peers for what is not here, for as long as something comes, and then once more. */
  async #download(
    start: number,
    local: readonly (Uint8Array | null)[]
  ): Promise<Uint8Array[] | Gap> {
    const blocks = [...local]
    let waited = 0
    for (let asked = 0; asked < ASKED_MAX && this.#patience.ms > 0; asked++) {
      if (asked > 0) await this.#askAnew()
      waited += await this.#ask(start, blocks)
      const here = blocks.filter((block) => block !== null)
      if (here.length === blocks.length) return here
    }
    const why =
      waited === 0 ? 'nobody has shown them' : `nobody has shown them in ${inWords(waited)}`
    const missing = blocks.indexOf(null)
    const gap = this.gap('missing', start + missing, start + blocks.length, why)
    if (missing === 0) return gap
    // one block that is not shown hides none of those before it
    this.#next = gap
    return blocks.slice(0, missing).filter((block) => block !== null)
  }

  /** Puts in what comes; how long nothing came in the end, ms. */
  async #ask(start: number, blocks: (Uint8Array | null)[]): Promise<number> {
    const session = this.#session
    const stall = new Stall(this.#patience)
    const gets = blocks.map(async (known, i) => {
      if (known !== null) return
      blocks[i] = await session.get(start + i, { wait: true })
      stall.progress()
    })
    try {
      await Promise.race([Promise.all(gets), stall.promise])
    } catch (error) {
      // a conflict between peers closes a core under its readers
      if (!session.closed && !session.closing) throw error
    } finally {
      stall.end()
      for (const get of gets) get.catch(() => {})
    }
    return stall.waited
  }

  /** Takes back what was asked for, and asks also those again who have closed the log meanwhile. */
  async #askAnew(): Promise<void> {
    await this.#session.close()
    this.#session = this.core.session()
    reopen(this.core)
  }

  /** Whether a tree, with the nodes to its right, is the one that was signed; open where a node is not here. */
  async #judge(beginning: Tree): Promise<'proven' | 'wrong' | 'open'> {
    const head = this.#head
    if (head === null || beginning.length > head.length) return 'wrong'
    const tree = beginning.clone()
    for (const node of await readNodes(this.core, cover(tree.length, head.length))) {
      if (node === null) return 'open'
      tree.push(node)
    }
    return b4a.equals(tree.treeHash(), head.treeHash) ? 'proven' : 'wrong'
  }

  /** A node whose size is that of what is below it. */
  async #checkedNode(index: number): Promise<TreeNode | null> {
    const node = await MerkleTree.get(this.core.state, index)
    const children = flat.children(index)
    if (node === null) return null
    if (children === null) {
      const [block] = await readBlocks(this.core, [index / 2])
      if (!block || !b4a.equals(leafHash(block), node.hash)) return null
      return { index, size: block.byteLength, hash: node.hash }
    }
    const [left, right] = await Promise.all(children.map((i) => MerkleTree.get(this.core.state, i)))
    if (!left || !right || !b4a.equals(parentHash(left, right), node.hash)) return null
    return { index, size: left.size + right.size, hash: node.hash }
  }
}

/** The tree with more blocks, each of which is shown to `visit`; `leaves` are those of the tree, where they are known. */
function grow(
  beginning: Tree,
  { blocks, leaves }: { blocks: readonly Uint8Array[]; leaves: readonly TreeNode[] | null },
  visit: Visit | undefined
): Tree {
  const tree = beginning.clone()
  blocks.forEach((block, i) => {
    const leaf = leaves?.[i]
    if (leaf === undefined) tree.append(block)
    else tree.push(leaf)
    visit?.(block, tree)
  })
  return tree
}

function inWords(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${Math.round(ms / 1000)} s`
}
