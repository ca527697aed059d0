/** A contract that wants to stop, fill, break or fool the VM. */
export interface Attack {
  readonly name: string
  /** A contract with a method `attack`. */
  readonly source: string
  /** How the call of it has to end: `ok`, or `error` or `abort` with its code; `error null` is one of the contract's. */
  readonly outcome: string
}

/** What is done, and how it has to end, by name. */
type Bodies = Readonly<Record<string, readonly [body: string, outcome: string]>>

/** Attacks that take place in the method. */
export function inMethod(bodies: Bodies): Attack[] {
  return Object.entries(bodies).map(([name, [body, outcome]]) => ({
    name,
    source: `exports.attack = async () => { ${body} }`,
    outcome
  }))
}

export const OK = 'ok'
export const THROWN = 'error null'
export const FUEL = 'error OUT_OF_FUEL'
export const ROOM = 'error ALLOCATION_LIMIT'
export const NESTED = 'error NESTING_LIMIT'
export const DEPTH = 'error CALL_DEPTH'
