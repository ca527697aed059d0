declare module 'hypercore-id-encoding' {
  /** z-base-32 of 32 bytes: 52 characters. Throws when it is not 32 bytes. */
  export function encode(key: Uint8Array): string
  /**
   * The 32 bytes of an id: z-base-32, hex, or bytes already. Throws on anything else, but does not
   * check that a z-base-32 id is in its one normal form.
   */
  export function decode(id: string | Uint8Array): Uint8Array
  export function normalize(id: string | Uint8Array): string
  export function isValid(id: unknown): boolean

  const api: {
    encode: typeof encode
    decode: typeof decode
    normalize: typeof normalize
    isValid: typeof isValid
  }
  export default api
}
