import b4a from 'b4a'
import { decodeEntry, type Genesis } from './entries.ts'
import { MivmError } from './errors.ts'
import { encodeId } from './ids.ts'
import { addressOf } from './manifest.ts'

/**
 * Reads the genesis of an instance. Its address commits to it, so that nobody can show another one: PROOF_INVALID, or
 * ENTRY_MALFORMED and ENTRY_VERSION for what is no entry.
 */
export function checkGenesis(address: Uint8Array, block: Uint8Array): Genesis {
  const genesis = decodeEntry(block)
  if (genesis.type === 'genesis' && b4a.equals(addressOf(genesis.host, block), address))
    return genesis
  throw new MivmError('PROOF_INVALID', `what was sent is not the genesis of ${encodeId(address)}`)
}

/** The same; null where what was sent is not the genesis of that instance: who says that it is has nothing of it. */
export function readGenesis(address: Uint8Array, block: Uint8Array): Genesis | null {
  try {
    return checkGenesis(address, block)
  } catch {
    return null
  }
}
