import b4a from 'b4a'
import { type CallLogEntry, encodeUserEntry, type UserHead } from '../src/protocol/entries.ts'
import type { Step } from '../src/vm/vm.ts'
import { type Cheat, run, SOURCE, Writer } from './audit-writer.ts'
import type { Teardown } from './helpers.ts'

/** Cheats of every kind of which evidence is made up: by their codes, all keys from one seed. */
export const CASES: readonly (readonly [code: string, tell: (t: Teardown) => Promise<Writer>])[] = [
  ['RESULT_WRONG', (t) => tell(t, { steps: (steps) => setValue(steps, '99') })],
  ['COMMIT_WRONG', (t) => tell(t, { writes: (writes) => writes.slice(1) })],
  ['TIME_BACKWARDS', (t) => tell(t, { entries: (entries) => set(entries, 'ack', { time: 1 }) })],
  ['SEQ_WRONG', (t) => tell(t, { entries: (entries) => set(entries, 'ack', { seq: 7 }) })],
  [
    'ACK_CHAIN_WRONG',
    (t) => tell(t, { entries: (entries) => set(entries, 'ack', { previous: 3 }) })
  ],
  ['RESULT_FORM', (t) => tell(t, { entries: (entries) => set(entries, 'result', { ack: 2 }) })],
  [
    'ENTRY_UNEXPECTED',
    (t) => tell(t, { entries: ([ack, ...rest]) => [...rest, ...(ack ? [ack] : [])] })
  ],
  ['COMMIT_HEADS_WRONG', (t) => tell(t, { heads: () => [] })],
  ['USER_HEAD_INVALID', (t) => tell(t, { heads: (heads) => heads.map(flip) })],
  [
    'COMMIT_BACKWARDS',
    (t) => tell(t, { entries: (entries) => set(entries, 'commit', { archive: START }) })
  ],
  ['CALL_ALTERED', altered],
  ['CALL_SKIPPED', skipped],
  ['CALL_REPEATED', repeated],
  ['CALL_INVENTED', invented],
  ['ACK_BEFORE_HEAD', late],
  ['TWO_HISTORIES', twoHistories],
  ['ORACLE_RECORD_WRONG', oracles]
]

/** The evidence of one cheat. */
export async function evidenceOf(t: Teardown, code: string): Promise<Uint8Array> {
  const [, telling] = CASES.find(([name]) => name === code) ?? wrong()
  const { findings, evidence } = await run(t, await telling(t))
  return evidence[findings.findIndex((finding) => finding.code === code)] ?? wrong()
}

const START = { length: 1, treeHash: b4a.alloc(32) }

/** Three honest batches, of which the second is not. */
async function tell(t: Teardown, cheat: Cheat): Promise<Writer> {
  const writer = await Writer.deploy(t, { seed: 'evidence' })
  await writer.commit([await writer.call(1, 'add', ['a'])])
  await writer.commit(
    [await writer.call(1, 'add', ['b']), await writer.call(0, 'read', [1])],
    cheat
  )
  await writer.commit([await writer.call(0, 'roll')])
  return writer
}

async function altered(t: Teardown): Promise<Writer> {
  const writer = await Writer.deploy(t, { seed: 'evidence' })
  const item = await writer.call(1, 'add', ['a'])
  const other = encodeUserEntry({ type: 'call', method: 'add', args: '["mine"]', head: null })
  await writer.commit([{ ...item, block: other }])
  return writer
}

async function skipped(t: Teardown): Promise<Writer> {
  const writer = await Writer.deploy(t, { seed: 'evidence' })
  await writer.commit([await writer.call(1, 'add', ['a'])])
  await writer.call(1, 'add', ['never'])
  await writer.commit([await writer.call(1, 'add', ['b'])])
  return writer
}

async function repeated(t: Teardown): Promise<Writer> {
  const writer = await Writer.deploy(t, { seed: 'evidence' })
  const item = await writer.call(1, 'add', ['a'])
  await writer.commit([item])
  await writer.commit([item])
  return writer
}

async function invented(t: Teardown): Promise<Writer> {
  const writer = await Writer.deploy(t, { seed: 'evidence' })
  const ack = encodeUserEntry({ type: 'ack', answers: [], head: await writer.head() })
  await writer.commit([await writer.write(1, ack)])
  return writer
}

async function late(t: Teardown): Promise<Writer> {
  const shown = await Writer.deploy(t, { seed: 'evidence' })
  await shown.commit([await shown.call(1, 'add', ['shown'])])
  const writer = await Writer.deploy(t, { seed: 'evidence' })
  await writer.commit([await writer.call(0, 'add', ['late'], await shown.head())])
  return writer
}

async function twoHistories(t: Teardown): Promise<Writer> {
  const other = await Writer.deploy(t, { seed: 'evidence' })
  await other.commit([await other.call(1, 'add', ['shown'])])
  const writer = await Writer.deploy(t, { seed: 'evidence' })
  await writer.commit([await writer.call(1, 'add', ['told'])])
  await writer.commit([await writer.call(0, 'add', ['more'])])
  const head = await other.head()
  await writer.write(1, encodeUserEntry({ type: 'ack', answers: [], head }))
  return writer
}

async function oracles(t: Teardown): Promise<Writer> {
  const oracle = () => ({ ok: true, value: '7' }) as const
  const writer = await Writer.deploy(t, { seed: 'evidence', source: SOURCE, oracle })
  await writer.commit([await writer.call(0, 'ask', ['a'])], {
    entries: (entries) => set(entries, 'oracle-request', { args: '["b"]' })
  })
  return writer
}

function setValue(steps: Step[], value: string): void {
  const [step] = steps
  if (step !== undefined) steps[0] = { ...step, outcome: { status: 'ok', value } }
}

/** Changes the first entry of a type. */
function set(entries: CallLogEntry[], type: CallLogEntry['type'], fields: object): CallLogEntry[] {
  const at = entries.findIndex((entry) => entry.type === type)
  return entries.map((entry, i) => (i === at ? Object.assign({ ...entry }, fields) : entry))
}

function flip(head: UserHead): UserHead {
  const signature = b4a.from(head.signature)
  signature[9] = (signature[9] ?? 0) ^ 1
  return { ...head, signature }
}

function wrong(): never {
  throw new Error('the test is wrong')
}
