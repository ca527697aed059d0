declare module 'hypercore-crypto' {
  export interface KeyPair {
    publicKey: Uint8Array
    /** 64 bytes: seed and public key. */
    secretKey: Uint8Array
  }

  /** A node of a Merkle tree; `index` counts as in flat-tree, `size` is the bytes under it. */
  export interface TreeNode {
    index: number
    size: number
    hash: Uint8Array
  }

  export function keyPair(seed?: Uint8Array): KeyPair
  export function validateKeyPair(keyPair: KeyPair): boolean
  export function sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array
  /** False for a signature or key of the wrong size; never throws. */
  export function verify(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean
  /** Hash of a leaf. */
  export function data(block: Uint8Array): Uint8Array
  /** Hash of an inner node; puts the two children in order itself. */
  export function parent(a: TreeNode, b: TreeNode): Uint8Array
  /** The tree hash: over the roots of a log, left to right. */
  export function tree(roots: TreeNode[], out?: Uint8Array): Uint8Array
  /** BLAKE2b-256 over one buffer, or over several as if they were one. */
  export function hash(data: Uint8Array | Uint8Array[], out?: Uint8Array): Uint8Array
  export function randomBytes(count: number): Uint8Array
  export function discoveryKey(key: Uint8Array): Uint8Array
  /** `count` values of 32 bytes each, derived from a name. */
  export function namespace(name: string | Uint8Array, count: number | number[]): Uint8Array[]

  const api: {
    keyPair: typeof keyPair
    validateKeyPair: typeof validateKeyPair
    sign: typeof sign
    verify: typeof verify
    data: typeof data
    parent: typeof parent
    tree: typeof tree
    hash: typeof hash
    randomBytes: typeof randomBytes
    discoveryKey: typeof discoveryKey
    namespace: typeof namespace
  }
  export default api
}
