import type { Receipt } from '../protocol/receipt.ts'
import type { Value } from '../protocol/values.ts'

/** A call under way: a promise of its value, of what it cost, and of the receipt that proves it. */
export interface CallPromise<T = Value | undefined> extends Promise<T> {
  /** Fuel that the call used, whatever came of it; 0 where the host has ended it. */
  readonly fuel: Promise<number>
  /** Asked of the host when it is first read, once the call has its result, be it a value or an error. */
  readonly receipt: Promise<Receipt>
}

/** A call that was made and has no result yet. */
export interface Undelivered {
  readonly method: string
  readonly args: readonly Value[]
  /** As if it had just been made. */
  readonly result: CallPromise
}

/** A contract of which nothing is known. */
export interface AnyContract {
  readonly [method: string]: (...args: unknown[]) => Value | undefined
}

/**
 * An instance as its caller sees it: one function a method. Frozen, and safe to await: `then` is never a method. Its type may be
 * made of what the contract exports, `typeof import('./shop.ts')`, or of an interface with its methods; that the instance has
 * such methods nobody checks.
 */
export type ContractObject<T extends object = AnyContract> = {
  readonly [Name in MethodName<T>]: T[Name] extends (...args: infer Args) => infer Result
    ? (...args: Args) => CallPromise<Awaited<Result>>
    : never
}

/** The functions that can be called: exported variables are read from the archive. */
export type MethodName<T> = {
  [Name in keyof T]: T[Name] extends (...args: never[]) => unknown
    ? Name extends 'then' | 'constructor' | 'toJSON' | '__proto__' | `_${string}` | symbol
      ? never
      : Name
    : never
}[keyof T]

export function contractObject<T extends object = AnyContract>(
  methods: readonly string[],
  call: (method: string, args: readonly unknown[]) => CallPromise
): ContractObject<T> {
  const object = Object.create(null)
  for (const method of methods) {
    if (method === 'then') continue
    object[method] = (...args: unknown[]) => call(method, args)
  }
  return Object.freeze(object)
}

/** Adds to a promise what is only asked for where somebody wants it. */
export function callPromise(
  value: Promise<Value | undefined>,
  readFuel: () => Promise<number>,
  fetchReceipt: () => Promise<Receipt>
): CallPromise {
  let receipt: Promise<Receipt> | null = null
  // who has only this need not ask for the value as well: an error that nobody hears of ends the process
  const heard = () => value.catch(() => {})
  return Object.defineProperties(value, {
    fuel: {
      get: () => {
        heard()
        return readFuel()
      }
    },
    receipt: {
      get: () => {
        heard()
        receipt ??= fetchReceipt()
        return receipt
      }
    }
  }) as CallPromise
}
