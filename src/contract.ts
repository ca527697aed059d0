/**
 * What a contract written in TypeScript finds around it. One line makes it known to the compiler, in the contract
 * or as `"types": ["mivm/contract"]` in its tsconfig.json; nothing of it is left when it runs:
 *
 * ```ts
 * import type { Value } from 'mivm/contract'
 * ```
 */

/** What arguments, results, exported variables and answers of oracles are made of. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Value[]
  | { readonly [key: string]: Value }

/** The files of the instance. Errors have a `code` such as ENOENT. */
export interface State {
  /** Text, or bytes with the encoding `binary`; throws ENOENT. */
  readFile(path: string, options: 'binary' | { readonly encoding: 'binary' }): Promise<Uint8Array>
  readFile(path: string, options?: 'utf8' | { readonly encoding?: 'utf8' }): Promise<string>
  /** The directories on the way need not exist. */
  writeFile(path: string, data: string | Uint8Array): Promise<void>
  /** Names in a directory, sorted by their UTF-8 bytes; none where there is no such directory. */
  readdir(path: string, options?: Range): Promise<string[]>
  /** Throws ENOENT. */
  stat(path: string): Promise<Stat>
  exists(path: string): Promise<boolean>
  /** Throws ENOENT. */
  unlink(path: string): Promise<void>
  /** Checks the path: a directory is there while a file is below it. */
  mkdir(path: string): Promise<void>
  /** Throws ENOTEMPTY where files are below it, without `recursive`. */
  rmdir(path: string, options?: { readonly recursive?: boolean }): Promise<void>
}

export interface Range {
  /** Names behind this one. */
  readonly gt?: string
  /** Names before this one. */
  readonly lt?: string
  readonly limit?: number
  readonly reverse?: boolean
}

export interface Stat {
  readonly type: 'file' | 'directory'
  /** Bytes; 0 for a directory. */
  readonly size: number
  isFile(): boolean
  isDirectory(): boolean
}

export interface Caller {
  /** The key of who calls, z-base-32. */
  readonly id: string
}

export interface Environment {
  /** Of this instance, z-base-32, like the next two. */
  readonly address: string
  readonly host: string
  readonly deployer: string
  /** Number of the call; 1 is init. */
  readonly seq: number
  /** Host time, ms since 1970: the same throughout a call, and never less than in the one before. */
  readonly time: number
}

/**
 * What the host offers of the world outside. Its functions can be named, to be called with their types:
 *
 * ```ts
 * declare module 'mivm/contract' {
 *   interface Oracles { price(symbol: string): Promise<number> }
 * }
 * ```
 */
export interface Oracles {
  // biome-ignore lint/suspicious/noExplicitAny: what an oracle takes and gives is the host's affair
  readonly [name: string]: (...args: any[]) => Promise<any>
}

declare global {
  const state: State
  const caller: Caller
  const env: Environment
  const oracle: Oracles
  /** For contracts that were written for libvms. */
  const System: { readonly caller: string; readonly files: State }

  // as Node's types declare them, so that a project may have both
  // biome-ignore lint/suspicious/noExplicitAny: a contract exports what it likes
  var exports: any
  var module: NodeJS.Module
  namespace NodeJS {
    interface Module {
      // biome-ignore lint/suspicious/noExplicitAny: a contract exports what it likes
      exports: any
    }
  }

  /** Into the log of the host; nothing of it is recorded. */
  var console: Console
  interface Console {
    log(...args: unknown[]): void
    info(...args: unknown[]): void
    warn(...args: unknown[]): void
    error(...args: unknown[]): void
    debug(...args: unknown[]): void
    trace(...args: unknown[]): void
    group(...args: unknown[]): void
    groupCollapsed(...args: unknown[]): void
    groupEnd(): void
    dir(value?: unknown): void
    table(value?: unknown): void
    assert(condition?: unknown, ...args: unknown[]): void
    count(label?: string): void
    countReset(label?: string): void
    time(label?: string): void
    timeLog(label?: string, ...args: unknown[]): void
    timeEnd(label?: string): void
  }

  // TextEncoder and TextDecoder cannot be declared beside Node's types: they come with those, or the lib dom
  function atob(text: string): string
  function btoa(text: string): string
  function queueMicrotask(callback: () => void): void
  function structuredClone<T>(value: T): T
}
