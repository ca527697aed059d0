import type { KeyPair } from 'hypercore-crypto'
import type { Attested, Counts } from '../../src/audit/findings.ts'
import type { Write } from '../../src/protocol/files.ts'
import type { Head } from '../../src/protocol/head.ts'
import type { Call, Step } from '../../src/vm/vm.ts'
import type { Shown } from '../audit-writer.ts'
import type { Teardown } from '../helpers.ts'
import type { Kind } from './contract.ts'
import type { CheatingHost } from './host.ts'

/** Which of the calls behind the deployment. */
export const POSITIONS = ['first', 'middle', 'last'] as const
export type Position = (typeof POSITIONS)[number]

/** Where the host can be made to cheat while it works; in the batch that has bob's call, and nowhere else. */
export interface Seams {
  /** Changes which of the blocks that bob has sent are executed, and in what order. */
  queue?(blocks: readonly Uint8Array[]): readonly Uint8Array[]
  /** Changes bob's call before the engine has it. */
  call?(call: Call): Call
  /** The code that the engine executes. */
  readonly source?: string
  /** Changes what the engine says that bob's call came to. */
  step?(step: Step): Step
  /** What the oracle says. */
  readonly price?: unknown
  /** Changes the writes that go into the archive. */
  archive?(writes: readonly Write[]): readonly Write[]
  /** Changes the blocks that go into the call log from block `start` on. */
  append?(blocks: readonly Uint8Array[], start: number): readonly Uint8Array[]
}

/** Where bob's call stands in the log that is audited. */
export interface Place {
  readonly seq: number
  readonly ack: number
  readonly result: number
  /** The batch: its commit, and its last call. */
  readonly commit: number
  readonly end: number
  /** The batch behind it; null behind the last. */
  readonly next: { readonly commit: number; readonly end: number } | null
  /** Blocks of the log. */
  readonly length: number
  /** Lengths of the archive's logs, and of bob's. */
  readonly files: number
  readonly blobs: number
  readonly bob: number
  readonly alice: number
  /** The last result of the log. */
  readonly last: { readonly seq: number; readonly block: number }
}

/** What an audit has to say of it; what is not named must not be said. */
export interface Expected {
  /** Findings as `found` writes them. */
  readonly caught?: readonly string[]
  /** In what the first of them says that log and replay differ. */
  readonly differing?: readonly string[]
  /** Suspicions, the same way. */
  readonly suspected?: readonly string[]
  /** Gaps: reason, log, first block. */
  readonly missing?: readonly string[]
  readonly attested?: Partial<Attested>
  readonly counted?: Partial<Counts>
  readonly pending?: number
  /** Code with which the host refuses it. */
  readonly refused?: string
  /** Where nothing of that is to be seen: why. */
  readonly unseen?: string
  /** Findings, or their codes, that are right, and come or not, as it happens. */
  readonly may?: readonly string[]
}

/** One way to cheat, in the words of the list of cheats. */
export interface Cheat {
  readonly row: string
  readonly what: string
  /** P: provable from signatures; R: by replay; S: suspicion; U: undetectable; -: the user is refused, or nobody cheats. */
  readonly class: 'P' | 'R' | 'S' | 'U' | '-'
  /** What bob writes into its log; by default a call of the kind. */
  readonly blocks?: (kind: Kind, host: CheatingHost) => readonly Uint8Array[]
  /** Why it cannot strike there; null where it can. */
  readonly without?: (kind: Kind, position: Position) => string | null
  readonly seams?: (host: CheatingHost, kind: Kind, position: Position) => Seams
  /** What it does to its log when the instance is deployed. */
  readonly deployment?: Seams
  /** Before bob's call, and behind its batch. */
  readonly before?: (host: CheatingHost, kind: Kind) => Promise<unknown>
  readonly behind?: (host: CheatingHost, kind: Kind) => Promise<unknown>
  /** What an auditor is shown when the host is down; by default what is on its disk. */
  readonly shown?: (
    t: Teardown,
    host: CheatingHost
  ) => Promise<Shown & { readonly patience?: number; readonly keyPair?: KeyPair }>
  /** Heads of the call log that somebody has a receipt with. */
  readonly heads?: (host: CheatingHost) => readonly Head[]
  readonly expect: (at: Place, kind: Kind, position: Position) => Expected
  /** The same of an audit that was following the host when it happened, where that says something else. */
  readonly live?: (at: Place, kind: Kind, position: Position, host: CheatingHost) => Expected
}
