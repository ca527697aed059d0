declare module 'flat-tree' {
  /** Roots of the tree that ends before `index`; `index` is twice the number of blocks. */
  export function fullRoots(index: number, result?: number[]): number[]
  export function depth(index: number): number
  export function sibling(index: number, depth?: number): number
  export function parent(index: number, depth?: number): number
  export function leftChild(index: number, depth?: number): number
  export function rightChild(index: number, depth?: number): number
  export function children(index: number, depth?: number): [number, number] | null
  export function leftSpan(index: number, depth?: number): number
  export function rightSpan(index: number, depth?: number): number
  export function spans(index: number, depth?: number): [number, number]
  export function count(index: number, depth?: number): number
  export function countLeaves(index: number): number
  export function index(depth: number, offset: number): number
  export function offset(index: number, depth?: number): number
  export function iterator(index?: number): Iterator

  /** Moves over the tree in place: every move returns the new index. */
  export interface Iterator {
    readonly index: number
    readonly offset: number
    readonly factor: number
    seek(index: number): void
    isLeft(): boolean
    isRight(): boolean
    contains(index: number): boolean
    next(): number
    prev(): number
    sibling(): number
    parent(): number
    leftChild(): number
    rightChild(): number
    leftSpan(): number
    rightSpan(): number
    nextTree(): number
    prevTree(): number
    count(): number
    countLeaves(): number
    /** Moves up to the root that covers as much as fits before `index`; false when there is none. */
    fullRoot(index: number): boolean
  }

  const api: {
    fullRoots: typeof fullRoots
    depth: typeof depth
    sibling: typeof sibling
    parent: typeof parent
    leftChild: typeof leftChild
    rightChild: typeof rightChild
    children: typeof children
    leftSpan: typeof leftSpan
    rightSpan: typeof rightSpan
    spans: typeof spans
    count: typeof count
    countLeaves: typeof countLeaves
    index: typeof index
    offset: typeof offset
    iterator: typeof iterator
  }
  export default api
}
