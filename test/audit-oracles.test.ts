import test from 'brittle'
import type { CallLogEntry } from '../src/protocol/entries.ts'
import type { OracleAnswer } from '../src/vm/vm.ts'
import { closeVm, found, run, SOURCE, Writer } from './audit-writer.ts'

const ORACLES = `${SOURCE}
exports.twice = async () => {
  const both = await Promise.all([oracle.price('a'), oracle.price('b').catch((error) => error.code)])
  await state.writeFile('/both', JSON.stringify(both))
  return both
}
exports.careless = async () => { oracle.price('unawaited'); return 'done' }
`

/** Blocks of a second call: ack 5, its request 6, the answer 7, the result 8. */
const CASES: [string, string[], (entries: CallLogEntry[]) => CallLogEntry[]][] = [
  [
    'an answer that was not used',
    ['RESULT_WRONG call 2 block 8', 'COMMIT_WRONG call 2 block 9'],
    (entries) => set(entries, 'oracle-answer', { value: '1' })
  ],
  [
    'a request for something else',
    ['ORACLE_RECORD_WRONG call 2 block 6'],
    (entries) => set(entries, 'oracle-request', { args: '["b"]' })
  ],
  [
    'a request to another oracle',
    ['ORACLE_RECORD_WRONG call 2 block 6'],
    (entries) => set(entries, 'oracle-request', { name: 'rate' })
  ],
  [
    'an answer that is not logged',
    ['ORACLE_RECORD_WRONG call 2 block 6'],
    (entries) => entries.filter(({ type }) => !type.startsWith('oracle'))
  ],
  [
    'a record that the call did not ask for',
    ['ORACLE_RECORD_EXTRA call 2 block 8'],
    ([ack, request, answer, ...rest]) =>
      [ack, request, answer, again(request), again(answer), ...rest].filter((e) => e !== undefined)
  ],
  [
    'a record of another call',
    ['ORACLE_INDEX_WRONG call 2 block 6'],
    (entries) => set(entries, 'oracle-request', { ack: 2 })
  ],
  [
    'an answer before its request',
    ['ENTRY_UNEXPECTED call 2 block 6'],
    ([ack, request, answer, ...rest]) =>
      [ack, answer, request, ...rest].filter((e) => e !== undefined)
  ],
  [
    'an answer that takes more memory than a call has',
    ['ENTRY_TOO_LARGE call 2 block 7'],
    (entries) => set(entries, 'oracle-answer', { value: `[${'[],'.repeat(22_000)}0]` })
  ],
  [
    'a question of more than fuel buys',
    ['ENTRY_TOO_LARGE call 2 block 6'],
    (entries) => set(entries, 'oracle-request', { index: 250 })
  ],
  [
    'an error of more text than a host logs',
    ['ENTRY_TOO_LARGE call 2 block 7'],
    (entries) =>
      set(entries, 'oracle-answer', {
        value: null,
        error: { name: 'Error', message: 'x'.repeat(4097), code: null }
      })
  ],
  [
    'a request without an answer in a call that succeeded',
    ['ENTRY_UNEXPECTED call 2 block 7'],
    (entries) => entries.filter(({ type }) => type !== 'oracle-answer')
  ]
]

test('audit - oracle answers are replayed from the log, and attested', async (t) => {
  const writer = await Writer.deploy(t, { source: ORACLES, oracle })
  await writer.commit([await writer.call(0, 'ask', ['a'])])
  await writer.commit([await writer.call(1, 'add', ['a']), await writer.call(0, 'twice')])
  await writer.commit([await writer.call(0, 'careless')])
  const audited = await run(t, writer)
  t.alike(found(audited), [])
  t.alike(audited.verdict.missing, [])
  t.is(audited.verdict.attested.oracleAnswers, 4)
})

for (const [what, expected, entries] of CASES) {
  test(`audit - ${what} is found`, async (t) => {
    const writer = await Writer.deploy(t, { source: ORACLES, oracle })
    await writer.commit([await writer.call(0, 'ask', ['a'])], { entries })
    const audited = await run(t, writer)
    t.alike(found(audited), expected)
    t.is(audited.verdict.verdict, 'violation')
  })
}

test('audit - a call that is aborted while it waits for an oracle is attested', async (t) => {
  const writer = await Writer.deploy(t, { source: ORACLES, oracle })
  await writer.commit([await writer.call(0, 'ask', ['a'])], {
    aborts: [0],
    entries: ([ack, ...rest]) => {
      const request = {
        type: 'oracle-request',
        ack: 5,
        index: 0,
        name: 'price',
        args: '["a"]'
      } as const
      return ack === undefined ? rest : [ack, request, ...rest]
    }
  })
  await writer.commit([await writer.call(0, 'ask', ['a'])])
  const audited = await run(t, writer)
  t.alike(found(audited), [])
  t.is(audited.verdict.attested.aborts, 1)
})

test('audit - a call that waits for an oracle is pending, also with an answer', async (t) => {
  for (const count of [1, 2, 3]) {
    const writer = await Writer.deploy(t, { source: ORACLES, oracle })
    await writer.commit([await writer.call(0, 'ask', ['a'])], {
      entries: (entries) => entries.slice(0, count),
      writes: () => []
    })
    const audited = await run(t, writer)
    t.alike(found(audited), [])
    t.is(audited.verdict.verdict, 'clean')
    t.is(audited.verdict.pending, count)
  }
})

test.hook('audit - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})

function oracle(args: string): OracleAnswer {
  if (args === '["a"]') return { ok: true, value: '42' }
  return { ok: false, error: { name: 'OracleError', message: 'closed', code: 'CLOSED' } }
}

function set(entries: CallLogEntry[], type: CallLogEntry['type'], fields: object): CallLogEntry[] {
  return entries.map((entry) => (entry.type === type ? Object.assign({ ...entry }, fields) : entry))
}

function again(entry: CallLogEntry | undefined): CallLogEntry | undefined {
  return entry === undefined ? entry : Object.assign({ ...entry }, { index: 1 })
}
