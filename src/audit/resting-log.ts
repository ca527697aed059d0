import { decodeValue, encodeValue } from '../protocol/values.ts'
import { Bits } from './bits.ts'
import type { Ending } from './log-ending.ts'
import type { ReadTo } from './log-reader.ts'
import type { LogAtRest, Trouble, UserLogState } from './user-log.ts'

/** Bytes of the acked entries of a user of which the text has them: of more they stay as they are. */
const ACKED_BYTES_MAX = 64

/**
 * The log of a user that is closed. There may be any number of them: as objects, with buffers for each hash, they would take
 * five times as much memory as the texts do.
 */
export class RestingLog {
  /** As a checkpoint has it, but for what is kept beside it. */
  readonly #state: string
  readonly #readTo: string
  readonly #acked: Bits | null
  readonly #trouble: Trouble | null
  readonly ending: Ending | null
  /** The length that the host itself showed last. */
  readonly shown: number
  /** Whether nothing was in the copy. */
  readonly isAbsent: boolean

  constructor(
    { state, acked, readTo, trouble, ending }: LogAtRest,
    shown: number,
    isAbsent: boolean
  ) {
    // one that is far away makes it as long as any log may come to be
    const bytes = acked.byteLength <= ACKED_BYTES_MAX ? acked.bytes() : null
    const dispute = trouble?.dispute?.message ?? null
    this.#state = encodeValue({ ...state, acked: bytes ?? NONE, dispute })
    this.#readTo = encodeValue(readTo)
    this.#acked = bytes === null ? acked : null
    this.#trouble = trouble
    this.ending = ending !== null && isQuiet(ending) ? QUIET : ending
    this.shown = shown
    this.isAbsent = isAbsent
  }

  /** What the log goes on with. */
  wake(): LogAtRest {
    const { acked, dispute, ...state } = this.#read()
    const readTo = decodeValue(this.#readTo)
    return {
      state,
      acked: this.#acked ?? new Bits(acked),
      readTo: isReadTo(readTo) ? readTo : null,
      trouble: this.#trouble,
      ending: this.ending
    }
  }

  /** Bytes of the bits of acked entries beside the text. */
  get ackedBytes(): number {
    return this.#acked?.byteLength ?? 0
  }

  /** Where it is, as text; null where something is still open that the next audit would have to know. */
  text(): string | null {
    const { gap = null, suspicions = [], waiting = [] } = this.#trouble ?? {}
    if (gap !== null || suspicions.length > 0 || waiting.length > 0) return null
    if (this.#acked === null) return this.#state
    const acked = this.#acked.bytes()
    return acked && encodeValue({ ...this.#read(), acked })
  }

  #read(): UserLogState {
    const state = decodeValue(this.#state)
    if (!isState(state)) throw new Error('what was written is not what is read')
    return state
  }
}

const NONE = new Uint8Array()

/** Of nearly all logs. */
const QUIET: Ending = { unanswered: 0, first: 0, ahead: null, gaps: [] }

function isQuiet({ unanswered, first, gaps }: Ending): boolean {
  return unanswered === 0 && first === 0 && gaps.length === 0
}

/** What was encoded here has the form that it had. */
function isState(value: unknown): value is UserLogState {
  return typeof value === 'object' && value !== null && 'claimedTo' in value
}

function isReadTo(value: unknown): value is ReadTo {
  return typeof value === 'object' && value !== null && 'byteLength' in value
}
