declare module 'sodium-universal' {
  /** BLAKE2b of `input`; of as many bytes as `output` has. */
  function crypto_generichash(output: Uint8Array, input: Uint8Array): void

  export default { crypto_generichash }
}
