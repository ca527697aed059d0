import { ed25519 } from '@noble/curves/ed25519.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'

export const publicKey = (secret: Uint8Array) => ed25519.getPublicKey(secret)

export const sign = (text: string, secret: Uint8Array) => ed25519.sign(utf8ToBytes(text), secret)

export const verify = (signature: Uint8Array, text: string, key: Uint8Array) =>
  ed25519.verify(signature, utf8ToBytes(text), key)

export const verifySecp256k1 = (signature: Uint8Array, bytes: Uint8Array, key: Uint8Array) =>
  secp256k1.verify(signature, bytes, key, { prehash: true, lowS: false })
