import { encodeEntry, encodeUserEntry, type Genesis } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { codeHash, hash, uint64 } from '../protocol/hash.ts'
import { encodeId } from '../protocol/ids.ts'
import type { LimitName } from '../protocol/limits.ts'
import { addressOf } from '../protocol/manifest.ts'
import { callOf, contractOf as contractIn } from '../vm/record.ts'
import type { Call, Contract } from '../vm/vm.ts'

/** The id, z-base-32, that a contract sees as `caller.id` when `name` calls. The same for ever. */
export function callerId(name: string): string {
  return encodeId(userKey(name))
}

/** A call as a host would read it from a user's log; `args` is the text form of the arguments. */
export function callBy(
  name: string,
  method: string,
  args: string,
  seq: number,
  time: number
): Call {
  const block = encodeUserEntry({ type: 'call', method, args, head: null })
  const call = callOf(block, userKey(name), seq, time, hash('testing/log', uint64(seq)))
  if (call === null) throw new MivmError('INTERNAL', 'a call that cannot be read: report this')
  return call
}

export function userKey(name: string): Uint8Array {
  // programs in JavaScript give anything
  if (typeof name !== 'string') {
    throw new MivmError('USAGE', `a caller is ${typeof name}: give a name, any text`)
  }
  return hash('testing/user', new TextEncoder().encode(name))
}

export function contractOf(
  vm: string,
  source: string,
  deployer: Uint8Array,
  limits: { readonly [name in LimitName]?: number }
): Contract {
  const host = hash('testing/host')
  const salt = hash('testing/salt')
  const genesis: Genesis = {
    type: 'genesis',
    vm,
    host,
    deployer,
    salt,
    codeHash: codeHash(source),
    limits
  }
  return contractIn(addressOf(host, encodeEntry(genesis)), genesis, source)
}
