declare module 'sub-encoder' {
  /** Keys under a prefix, for Hyperbee's `keyEncoding`. */
  export default class SubEncoder {
    constructor(prefix: string | Uint8Array | null, encoding?: 'utf-8' | 'binary')
    encode(key: string | Uint8Array): Uint8Array
  }
}
