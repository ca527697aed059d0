import { blake2b } from '@noble/hashes/blake2.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'

export const digest = (text: string) => {
  const bytes = utf8ToBytes(text)
  return {
    sha256: bytesToHex(sha256(bytes)),
    sha512: bytesToHex(sha512(bytes)),
    keccak256: bytesToHex(keccak_256(bytes)),
    blake2b: bytesToHex(blake2b(bytes)),
    hmac: bytesToHex(hmac(sha256, utf8ToBytes('key'), bytes))
  }
}

export const root = (size: number) => sha256(new Uint8Array(size))
