import b4a from 'b4a'
import { encodeUserEntry } from '../../src/protocol/entries.ts'
import { encodeArgs } from '../../src/protocol/values.ts'
import type { Cheat } from './cheat.ts'
import { CALLS, type Kind } from './contract.ts'
import { set } from './entries.ts'

/** A call of the kind, and another one behind it. */
export function two(kind: Kind): Uint8Array[] {
  return [CALLS[kind], ['add', 'the second'] as const].map(([method, ...args]) =>
    encodeUserEntry({ type: 'call', method, args: encodeArgs(args), head: null })
  )
}

/** Asks for nothing, so that the host passes it over. */
export const NOTHING = encodeUserEntry({
  type: 'ack',
  answers: [],
  head: { length: 1, fork: 0, treeHash: b4a.alloc(32), signature: b4a.alloc(68) }
})

export const CHEATS: readonly Cheat[] = [
  {
    row: 'H12',
    what: 'two calls of a user in another order',
    class: 'P',
    blocks: two,
    seams: (host) => ({
      queue: (blocks) => blocks.toReversed(),
      ...set(host, 'ack', (entry) =>
        entry.type === 'ack'
          ? { entry: 1 + host.bob.blocks.findIndex((block) => b4a.equals(block, entry.call)) }
          : {}
      )
    }),
    expect: ({ seq, ack }) => ({
      caught: [
        `CALL_SKIPPED call ${seq} block ${ack}`,
        `CALL_OUT_OF_ORDER call ${seq + 1} block ${ack + 2}`
      ]
    })
  },
  {
    row: 'H12',
    what: 'a call of a user skipped',
    class: 'P',
    blocks: two,
    seams: () => ({ queue: (blocks) => [NOTHING, ...blocks.slice(1)] }),
    expect: ({ seq, ack }) => ({ caught: [`CALL_SKIPPED call ${seq} block ${ack}`] })
  }
]
