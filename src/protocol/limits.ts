/**
 * Every limit of the protocol and of `js-1`, in one place. Sizes are bytes of UTF-8 unless a name says
 * otherwise; times are milliseconds. An instance may ask for lower call limits in its genesis.
 */
export const LIMITS = {
  /** Deterministic cost of one call. */
  fuel: 10_000_000,
  /** Memory of an isolate; a backstop, since V8 takes it as a guideline. */
  memory: 64 * 1024 * 1024,
  /** Wall clock of one call; a backstop, its outcome is `abort`. */
  time: 2_000,
  /** Nested function calls. */
  depth: 512,
  /** Source of a contract. */
  code: 1024 * 1024,
  /** Encoded arguments of a call. */
  args: 256 * 1024,
  /** Encoded result of a call. */
  result: 256 * 1024,
  /** All encoded exported variables of an instance together, names included. */
  exports: 256 * 1024,
  /** One file of the state. */
  file: 1024 * 1024,
  /** Files that one call writes or deletes; as many exported variables may change besides. */
  writes: 1_000,
  /** Bytes that one call writes into files. */
  written: 4 * 1024 * 1024,
  /** A path of the state. */
  path: 1024
} as const

export type LimitName = keyof typeof LIMITS

/** Limits as they hold for one instance: all of {@link LIMITS}, some of them lowered. */
export type Limits = { readonly [name in LimitName]: number }

/** Levels of arrays and objects in one value. */
export const VALUE_DEPTH_MAX = 128

/** Calls in one batch. */
export const BATCH_CALLS_MAX = 256

/** Work that one batch takes on, in ms, before it commits. */
export const BATCH_WORK_MS = 50

/** Length of a method's name, in UTF-8 bytes, that a client sends. */
export const METHOD_MAX = 256

/** Questions of one call to oracles; the fuel of `js-1` buys fewer. */
export const ORACLE_REQUESTS_MAX = 250

/** What an oracle answers, bytes of its text form: who replays a call has to have it in the memory that the call has. */
export const ORACLE_ANSWER_MAX: number = 64 * 1024

/** Characters of an error's name, message and code that a result entry keeps, or an oracle's answer. */
export const ERROR_TEXT_MAX = 4096

/** The largest block of a user's log, bytes: an ack in the call log has to hold it. */
export const USER_BLOCK_MAX: number = 1024 * 1024

/** The largest block that any of our logs holds, bytes. */
export const BLOCK_MAX = 8 * 1024 * 1024

/** The largest receipt or piece of evidence, bytes. */
export const PROOF_BYTES_MAX: number = 64 * 1024 * 1024

/**
 * Items of a proof in evidence: the blocks of a batch with all oracles that fuel buys, and what ties them together. And in a
 * receipt, which shows two blocks. A made-up file may have a million, each of which takes some hundred bytes.
 */
export const EVIDENCE_ITEMS_MAX: number = 256 * 1024
export const RECEIPT_ITEMS_MAX = 4096
