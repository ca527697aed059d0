import b4a from 'b4a'
import flat from 'flat-tree'
import { MivmError, messageOf } from './errors.ts'
import { type Head, verifyHead } from './head.ts'
import { cover, haveSizes, Tree, type TreeNode } from './merkle.ts'

/** A block that is proven, or a node that stands for the blocks that are not. */
export type ProofItem =
  | { readonly block: Uint8Array; readonly node: null }
  | { readonly block: null; readonly node: TreeNode }

/**
 * Proves blocks of a log under a signed head, and in the same walk that the head extends an earlier one. The items
 * cover the log from block `start` to `length` from left to right: given the tree up to `start` (nothing, where
 * `start` is 0) they lead to the tree that the author signed. With `start` 0 and one block it is an inclusion proof.
 *
 * Ours, because the verifiers that come with the library accept a block grafted on an honest head (see FORMAT.md).
 */
export interface Proof {
  readonly start: number
  readonly items: readonly ProofItem[]
  readonly length: number
  readonly fork: number
  readonly signature: Uint8Array
}

export interface Proven {
  readonly head: Head
  /** The proven blocks by their index in the log. */
  readonly blocks: ReadonlyMap<number, Uint8Array>
  /** The tree at `head.length`, to verify the next proof from. */
  readonly tree: Tree
  /** What the log was at the asked length, where the items have a boundary there; else null. */
  readonly through: Through | null
}

/** A log as it was at a length, as far as a proof under a later head says so. */
export interface Through {
  readonly treeHash: Uint8Array
  /**
   * Whether that is the tree hash for certain: a tree hash is also over the sizes of the roots, and where a node and its
   * sibling are both given, anybody can make the one larger and the other one smaller. What is equal is equal all the same.
   */
  readonly isCertain: boolean
}

export interface ProofContext {
  /** Key of the log and of its author. */
  readonly key: Uint8Array
  readonly publicKey: Uint8Array
  /** The verified tree up to `proof.start`; not needed where that is 0. */
  readonly tree?: Tree
  /** Ask for the tree hash at this length on the way, to compare it with a head known before. */
  readonly through?: number
  /** Called for each block that is shown, with the tree up to and with it. */
  readonly visit?: (index: number, tree: Tree) => void
  /** Called for each node of the tree that is complete, in the order of the walk. */
  readonly onNode?: (node: TreeNode) => void
}

/** Throws PROOF_INVALID unless every item, the walk and the signature hold. */
export function verifyProof(proof: Proof, context: ProofContext): Proven {
  const tree = proof.start === 0 ? new Tree() : context.tree?.clone()
  if (tree === undefined || tree.length !== proof.start) {
    throw invalid(`begins at block ${proof.start}, where nothing is known yet`)
  }
  const blocks = new Map<number, Uint8Array>()
  let through = context.through === tree.length ? tree.clone() : null
  for (const item of proof.items) {
    const index = tree.length
    for (const node of pushItem(tree, item)) context.onNode?.(node)
    if (context.through === tree.length) through = tree.clone()
    if (item.block === null) continue
    blocks.set(index, item.block)
    context.visit?.(index, tree)
  }
  if (tree.length !== proof.length) {
    throw invalid(`covers ${tree.length} blocks of the ${proof.length} that are signed`)
  }
  const { length, fork, signature } = proof
  const head = { length, fork, treeHash: tree.treeHash(), signature }
  if (!verifyHead(head, context.key, context.publicKey))
    throw invalid('its signature is not the author’s')
  return { head, blocks, tree, through: through && throughOf(through, nodesGiven(proof)) }
}

/** Indexes of the nodes that a proof has as items. */
export function nodesGiven({ items }: Proof): ReadonlySet<number> {
  return new Set(items.flatMap(({ node }) => (node === null ? [] : node.index)))
}

/** What a proof that holds says of the log at a length, by the tree that it leads to there and the nodes that it gives. */
export function throughOf(tree: Tree, given: ReadonlySet<number>): Through {
  const isOpen = tree.roots.some(({ index }) => given.has(index) && given.has(flat.sibling(index)))
  return { treeHash: tree.treeHash(), isCertain: !isOpen }
}

/** Where the prover finds the nodes of a log's tree; a missing node is an error of the reader. */
export type NodeReader = (index: number) => TreeNode | Promise<TreeNode>

/** And its blocks. */
export type BlockReader = (index: number) => Uint8Array | Promise<Uint8Array>

/** Bytes of the blocks that one proof shows for nothing but their sizes: others take it in one message. */
const WEIGHED_MAX = 40 * 1024

export interface ProofRequest {
  readonly start: number
  readonly head: Head
  /** Blocks to prove, in ascending order of index, all from `start` on. */
  readonly blocks: readonly { readonly index: number; readonly block: Uint8Array }[]
  /** Lengths at which the items must have a boundary, so that the verifier can compare other heads. */
  readonly through?: number | readonly number[]
  /** For that: without them what the log was at an odd length is not certain. */
  readonly readBlock?: BlockReader
}

/** Builds what {@link verifyProof} verifies. */
export async function createProof(request: ProofRequest, readNode: NodeReader): Promise<Proof> {
  const { head, ...rest } = request
  return {
    start: request.start,
    items: await createItems({ ...rest, length: head.length }, readNode),
    length: head.length,
    fork: head.fork,
    signature: b4a.from(head.signature)
  }
}

/** The items of a proof: what leads to the tree of a log at a length. */
export async function createItems(
  request: Omit<ProofRequest, 'head'> & { readonly length: number },
  readNode: NodeReader
): Promise<ProofItem[]> {
  const { start, length, through } = request
  const between = [through ?? []].flat().filter((at) => at > start && at < length)
  const blocks = [...request.blocks, ...(await weighed(request, between, readNode))]
  const boundaries = [...blocks.map(({ index }) => index), ...between, length]
  boundaries.sort((a, b) => a - b)
  const values = new Map(blocks.map(({ index, block }) => [index, block]))
  const halved = new Set(between.map(lastRootAt).filter((node) => isPaired(node, length)))
  const items: (ProofItem | Promise<ProofItem>)[] = []
  let at = start
  for (const boundary of boundaries) {
    if (boundary < at) continue // a block and `through` may share a boundary
    const nodes = cover(at, boundary)
    for (const index of nodes.flatMap((node) => (halved.has(node) ? halvesOf(node) : node))) {
      const node = readNode(index)
      // many are at hand, and a promise takes longer than to look them up
      items.push(node instanceof Promise ? node.then(itemOf) : itemOf(node))
    }
    at = boundary
    const block = values.get(boundary)
    if (block !== undefined) {
      items.push({ block, node: null })
      values.delete(boundary)
      at++
    }
  }
  return Promise.all(items)
}

/**
 * Blocks that say what the size of the last root is at odd lengths, which is a leaf: its own, or the one behind it, whichever
 * is smaller. All other roots are children of what is made of two in the proof.
 */
async function weighed(
  { blocks, length, readBlock }: Parameters<typeof createItems>[0],
  between: readonly number[],
  readNode: NodeReader
): Promise<{ index: number; block: Uint8Array }[]> {
  if (readBlock === undefined) return []
  const known = new Set(blocks.map(({ index }) => index))
  const found: { index: number; block: Uint8Array }[] = []
  let bytes = 0
  for (const at of between) {
    if (at % 2 === 0 || at >= length || known.has(at - 1) || known.has(at)) continue
    const [own, next] = [await readNode(2 * (at - 1)), await readNode(2 * at)]
    const { index, size } = own.size <= next.size ? own : next
    bytes += size
    if (bytes > WEIGHED_MAX) break
    known.add(index / 2)
    found.push({ index: index / 2, block: await readBlock(index / 2) })
  }
  return found
}

/** Of a log with so many blocks. */
function lastRootAt(length: number): number {
  return cover(0, length).at(-1) ?? 0
}

/** Whether a log of that length has the sibling of a node as well. */
function isPaired(node: number, length: number): boolean {
  return flat.rightSpan(flat.sibling(node)) < 2 * length
}

/** Two nodes in the place of one: what is made of them has the size that its hash is over. A leaf is made of none. */
function halvesOf(node: number): readonly number[] {
  return flat.children(node) ?? [node]
}

function itemOf(node: TreeNode): ProofItem {
  return { block: null, node }
}

/** Takes the next item into a tree and returns the nodes that are complete with it; throws PROOF_INVALID where it has no place there. */
export function pushItem(tree: Tree, { block, node }: ProofItem): readonly TreeNode[] {
  // what comes from a peer may hold both, of which one would count for nothing, or neither
  if ((block === null) === (node === null)) throw invalid('an item is not a block or a node')
  let complete: readonly TreeNode[]
  try {
    complete = block === null ? tree.push(node) : tree.append(block)
  } catch (error) {
    // a place that no node of one log can have
    throw invalid(messageOf(error))
  }
  if (!haveSizes(complete)) throw invalid('its sizes add up to more bytes than any log has')
  return complete
}

function invalid(why: string): MivmError {
  return new MivmError('PROOF_INVALID', `the proof does not hold: ${why}`)
}
