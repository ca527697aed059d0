declare module 'brittle' {
  export interface TestOptions {
    /** In ms; brittle's default is 30,000. */
    timeout?: number
    solo?: boolean
    skip?: boolean
    todo?: boolean
    deadlock?: boolean
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
    readonly name: string
    plan(assertions: number): void
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
    timeout(ms: number): void
    /** A lower `order` runs earlier; `force` runs also when the body threw. */
    teardown(fn: () => unknown, opts?: { order?: number; force?: boolean }): void
    /** A directory of the test's own, removed at its end. */
    tmp(): Promise<string>
    test(name: string, body: Body): Promise<void>
    test(name: string, opts: TestOptions, body: Body): Promise<void>
    end(): void
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
  export const solo: Declare
  export const skip: Declare
  export const hook: Declare
  export default test
}
