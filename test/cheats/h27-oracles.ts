import { encodeEntry, encodeUserEntry } from '../../src/protocol/entries.ts'
import type { Cheat, Place } from './cheat.ts'
import type { Kind } from './contract.ts'
import { entries, replace, set } from './entries.ts'

const ask = (kind: Kind) => [
  encodeUserEntry({ type: 'call', method: 'ask', args: JSON.stringify([kind]), head: null })
]

const atRequest = ({ seq, ack }: Place) => ({
  caught: [`ORACLE_RECORD_WRONG call ${seq} block ${ack + 1}`]
})

export const CHEATS: readonly Cheat[] = [
  {
    row: 'H27',
    what: 'lying oracle',
    class: 'U',
    blocks: ask,
    seams: () => ({ price: 43 }),
    expect: () => ({ attested: { oracleAnswers: 1 } })
  },
  {
    row: 'H28',
    what: 'asked for something else',
    class: 'R',
    blocks: ask,
    seams: (host) => set(host, 'oracle-request', () => ({ args: '["of that"]' })),
    expect: atRequest
  },
  {
    row: 'H28',
    what: 'asked another oracle',
    class: 'R',
    blocks: ask,
    seams: (host) => set(host, 'oracle-request', () => ({ name: 'rate' })),
    expect: atRequest
  },
  {
    row: 'H28',
    what: 'never asked for',
    class: 'R',
    blocks: ask,
    seams: (host) =>
      entries((all, start) => {
        const [result] = all
        // of a call that has asked the result comes alone; what follows in its batch moves up
        if (result?.type !== 'result') return all
        const { ack } = result
        const record = [
          { type: 'oracle-request', ack, index: 1, name: 'price', args: '["of it"]' },
          { type: 'oracle-answer', ack, index: 1, value: '42', error: null }
        ] as const
        const moved = all.map((entry) =>
          entry.type === 'result' && entry.ack >= start
            ? { ...entry, ack: entry.ack + record.length }
            : entry
        )
        return host.bob.blocks.length > 0 ? [...record, ...moved] : all
      }),
    expect: ({ seq, ack }) => ({ caught: [`ORACLE_RECORD_EXTRA call ${seq} block ${ack + 3}`] })
  },
  {
    row: 'H29',
    what: 'an answer that is not logged',
    class: 'R',
    blocks: ask,
    seams: () =>
      entries((all) =>
        all.filter(({ type }) => type !== 'oracle-request' && type !== 'oracle-answer')
      ),
    expect: ({ seq, result }) => ({ caught: [`ORACLE_RECORD_WRONG call ${seq} block ${result}`] })
  },
  {
    row: 'H29',
    what: 'another answer than the logged one',
    class: 'R',
    blocks: ask,
    seams: (host) => set(host, 'oracle-answer', () => ({ value: '41' })),
    expect: ({ seq, result, end, commit }, kind) => ({
      caught: [
        `RESULT_WRONG call ${seq} block ${result}`,
        ...(kind === 'succeeds' ? [`COMMIT_WRONG call ${end} block ${commit}`] : [])
      ]
    })
  },
  {
    row: 'H29',
    what: 'the answer of another call',
    class: 'R',
    blocks: ask,
    seams: (host) =>
      replace(host, 'oracle-answer', () => [
        encodeEntry({ type: 'oracle-answer', ack: 2, index: 0, value: '42', error: null })
      ]),
    expect: ({ seq, ack }) => ({ caught: [`ORACLE_INDEX_WRONG call ${seq} block ${ack + 2}`] })
  }
]
