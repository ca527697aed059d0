import type { Files, PathRange, Write } from '../protocol/files.ts'
import type { Limits } from '../protocol/limits.ts'

export type { PathRange, Write }

/**
 * What host and auditor share: the words in which a call goes into the VM and its outcome comes out. The one
 * rule of the project is in these types: a {@link Step} depends on the contract, the exported variables, the
 * state, the call and the answers of oracles, and on nothing else.
 */

/** An instance as the VM sees it. Keys are z-base-32, as contracts see them in `env`. */
export interface Contract {
  readonly vm: string
  readonly address: string
  readonly host: string
  readonly deployer: string
  readonly source: string
  readonly limits: Limits
}

export interface Call {
  readonly method: string
  /** The arguments: an array in the text form of values (protocol/values.ts), as the user wrote it. */
  readonly args: string
  /** The user's identity key, z-base-32. */
  readonly caller: string
  /** Number of the call in the instance, from 1. Call 1 is the deployment: `init`, if there is one. */
  readonly seq: number
  /** The ack's host time, ms since 1970. */
  readonly time: number
  /** 32 bytes that seed `Math.random`. */
  readonly seed: Uint8Array
}

/** What was thrown, as far as a result entry records it. */
export interface Thrown {
  readonly name: string
  readonly message: string
  readonly code: string | null
}

export type Outcome =
  /** `value` is in the text form of values; null where the call returned undefined. */
  | { readonly status: 'ok'; readonly value: string | null }
  | { readonly status: 'error'; readonly error: Thrown }
  /** A backstop ended the call: not reproducible, the host's word only. */
  | { readonly status: 'abort'; readonly error: Thrown }

export interface Step {
  readonly outcome: Outcome
  /**
   * Changed files and exported variables (as files, see variables.ts), sorted by path in code unit order, one
   * write a path. Empty unless the outcome is ok.
   */
  readonly writes: readonly Write[]
  readonly fuel: number
}

/** The files as they were before the batch. Everything a call sees of the state comes from here. */
export type BaseState = Files

/** What an oracle said: a value in text form (null: undefined), or an error for the contract to catch. */
export type OracleAnswer =
  | { readonly ok: true; readonly value: string | null }
  | { readonly ok: false; readonly error: Thrown }

export interface OracleRequest {
  /** Index in {@link Batch.calls} of the call that asks. */
  readonly call: number
  /** Which of the call's requests this is, from 0. The same request may be asked again after a crash. */
  readonly index: number
  readonly name: string
  /** The arguments: an array in the text form of values. */
  readonly args: string
}

/** Calls of one instance to be executed in order, each seeing what those before it left. */
export interface Batch {
  readonly contract: Contract
  /** Exported variables before the batch: names and values in text form, in the order of their paths. */
  readonly variables: readonly (readonly [name: string, value: string])[]
  readonly calls: readonly Call[]
  readonly base: BaseState
  /** Called once for every step that was executed, in order. */
  onStep(step: Step, index: number): void
  /** Called after onStep of all calls before the one that asks. */
  onOracle(request: OracleRequest): Promise<OracleAnswer>
  /** A line of `console`, for the host's log. */
  onLog?(line: string): void
}

export interface RunOptions {
  /** Stop taking further calls after this much work, ms; default: never. At least one call is executed. */
  readonly workMs?: number
  /** Multiplies the wall clock limit: an auditor waits longer, so that a slow machine accuses nobody. */
  readonly patience?: number
  /** Called when an engine begins with the batch: it may have to wait for one. Until then calls may be added to it. */
  readonly onBegin?: () => void
}

/** One version of the semantics, as an engine executes it. */
export interface VirtualMachine {
  readonly id: string
  /** Names of the callable methods; throws CODE_SYNTAX (line and column), CODE_NO_EXPORTS, CODE_THROWS, CODE_TOO_LARGE. */
  inspect(contract: Contract): Promise<readonly string[]>
  /** Executes a batch; resolves to the number of its calls that were executed. Without any, all is made ready for the next. */
  run(batch: Batch, options?: RunOptions): Promise<number>
  /** Forgets what is kept for an instance; only ever a question of memory. */
  evict(address: string): void
  close(): Promise<void>
}
