declare module 'z32' {
  export function encode(bytes: Uint8Array): string
  /** Throws on a character that is not in the alphabet. */
  export function decode(text: string): Uint8Array

  const api: {
    encode: typeof encode
    decode: typeof decode
  }
  export default api
}
