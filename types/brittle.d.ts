declare module 'brittle' {
  export interface TestOptions {
    skip?: boolean
  }

  type Body = (t: Test) => void | Promise<void>
  type Compare = ((actual: unknown, expected: unknown, message?: string) => void) & {
    coercively(actual: unknown, expected: unknown, message?: string): void
  }
  type Throwing = (() => unknown) | Promise<unknown>
  /** Matches the error: a pattern over its message, its class, or properties it must have. */
  type Expected = RegExp | (abstract new (...args: never[]) => Error) | object

  interface Exception {
    (fn: Throwing, message?: string): Promise<void>
    (fn: Throwing, expected: Expected, message?: string): Promise<void>
  }

  interface Declare {
    (name: string, body: Body): Promise<void>
    (name: string, opts: TestOptions, body: Body): Promise<void>
  }

  export interface Test {
    pass(message?: string): void
    fail(message?: string): void
    ok(value: unknown, message?: string): void
    absent(value: unknown, message?: string): void
    is: Compare
    not: Compare
    alike: Compare
    unlike: Compare
    /** Lets TypeError, RangeError and other native errors through: `all` takes them as well. */
    exception: Exception & { all: Exception }
    execution(fn: Throwing, message?: string): Promise<number>
    comment(...message: unknown[]): void
    /** A lower `order` runs earlier; `force` runs also when the body threw. */
    teardown(fn: () => unknown, opts?: { order?: number; force?: boolean }): void
  }

  export const test: Declare & {
    solo: Declare
    skip: Declare
    todo: Declare
    hook: Declare
    configure(opts: {
      timeout?: number
      bail?: boolean
      source?: boolean
      unstealth?: boolean
    }): void
  }
  export default test
}
