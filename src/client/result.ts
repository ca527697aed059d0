import type { Result } from '../protocol/entries.ts'
import { ContractError } from '../protocol/errors.ts'
import { decodeValue, type Value } from '../protocol/values.ts'

/** The value of a call; undefined where it returned none. Throws ContractError for what the contract threw. */
export function resultValue(result: Result): Value | undefined {
  if (result.error !== null) throw contractError(result)
  return result.value === null ? undefined : decodeValue(result.value, 'result')
}

function contractError({ error, outcome }: Result): ContractError {
  return new ContractError(
    error?.name ?? 'Error',
    error?.message ?? '',
    error?.code ?? null,
    outcome === 'abort'
  )
}
