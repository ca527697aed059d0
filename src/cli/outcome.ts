import type { CallPromise } from '../client/contract.ts'
import { ContractError } from '../protocol/errors.ts'
import { encodeValue, type Value } from '../protocol/values.ts'
import { embed } from './text.ts'

/** What came of a call. */
export interface CallOutcome {
  readonly value: Value | undefined
  /** What the contract threw, which is an answer like any other; null where there is a value. */
  readonly thrown: ContractError | null
  /** The same for programs. */
  readonly words: {
    readonly outcome: 'ok' | 'error' | 'abort'
    readonly value: unknown
    readonly error: { name: string; message: string; code: string | null } | null
    readonly fuel: number
  }
}

/** Waits for it; throws where there is none. */
export async function outcomeOf(calling: CallPromise): Promise<CallOutcome> {
  try {
    const value = await calling
    const embedded = value === undefined ? null : embed(encodeValue(value))
    const fuel = await calling.fuel
    return { value, thrown: null, words: { outcome: 'ok', value: embedded, error: null, fuel } }
  } catch (thrown) {
    if (!(thrown instanceof ContractError)) throw thrown
    const { name, message, code, aborted } = thrown
    const outcome = aborted ? 'abort' : 'error'
    const error = { name, message, code }
    const fuel = await calling.fuel
    return { value: undefined, thrown, words: { outcome, value: null, error, fuel } }
  }
}
