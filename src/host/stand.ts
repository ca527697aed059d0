import { type CallLogEntry, decodeEntry } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { readVariables } from '../vm/variables.ts'
import type { Ledger } from './ledger.ts'
import { decodeMethods, METHODS_NOTE } from './notes.ts'

/** Where an instance stands between two batches; whoever commits one goes on with it. */
export interface Stand {
  readonly methods: readonly string[]
  readonly variables: Map<string, string>
  /** Of the last call that is committed. */
  seq: number
  time: number
  /** Tree hash of the call log at the last commit. */
  committed: Uint8Array
}

/** Where an instance on disk stands, and what is in its call log behind the newest commit. Throws INSTANCE_DAMAGED. */
export async function readStand(
  ledger: Ledger
): Promise<{ stand: Stand; trailing: CallLogEntry[] }> {
  const trailing: CallLogEntry[] = []
  let index = ledger.tail.length - 1
  for (; index > 1; index--) {
    const entry = decodeEntry(await ledger.tail.block(index))
    if (entry.type === 'commit') break
    trailing.unshift(entry)
  }
  const result = await readEntry(ledger, index - 1, 'result')
  const ack = await readEntry(ledger, result.ack, 'ack')
  const stand = {
    methods: decodeMethods(await ledger.note(METHODS_NOTE)),
    variables: await readVariables(ledger.archive),
    seq: ack.seq,
    time: ack.time,
    committed: await ledger.treeHash(index + 1)
  }
  return { stand, trailing }
}

/** The entry in a block of the call log; throws INSTANCE_DAMAGED where it is another. */
export async function readEntry<T extends CallLogEntry['type']>(
  ledger: Ledger,
  index: number,
  type: T
): Promise<Extract<CallLogEntry, { type: T }>> {
  if (index < 0 || index >= ledger.tail.length) throw damaged(`block ${index}`)
  const entry = decodeEntry(await ledger.tail.block(index))
  if (!isType(entry, type)) throw damaged(`block ${index}`)
  return entry
}

function isType<T extends CallLogEntry['type']>(
  entry: CallLogEntry,
  type: T
): entry is Extract<CallLogEntry, { type: T }> {
  return entry.type === type
}

export function damaged(what: string): MivmError {
  return new MivmError(
    'INSTANCE_DAMAGED',
    `${what} is not what it should be: the data directory is damaged; restore it from a backup`
  )
}
