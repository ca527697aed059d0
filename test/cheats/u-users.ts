import b4a from 'b4a'
import { encodeUserEntry } from '../../src/protocol/entries.ts'
import { USER_BLOCK_MAX } from '../../src/protocol/limits.ts'
import { encodeArgs } from '../../src/protocol/values.ts'
import { openStore, replicate } from '../audit-writer.ts'
import { BareUser } from '../bare-user.ts'
import type { Cheat } from './cheat.ts'
import { CALLS, type Kind } from './contract.ts'
import type { CheatingHost } from './host.ts'

const FLOOD = 300

/** The same user with another log, as long. */
function another({ address, bob }: CheatingHost): BareUser {
  const other = new BareUser(address, 'bob')
  while (other.blocks.length < bob.blocks.length) other.call('read', 'another')
  return other
}

function callsOf(kind: Kind, count: number): Uint8Array[] {
  const [method, ...args] = CALLS[kind]
  const call = encodeUserEntry({ type: 'call', method, args: encodeArgs(args), head: null })
  return Array.from({ length: count }, () => call)
}

const call = (method: string, args: string) =>
  encodeUserEntry({ type: 'call', method, args, head: null })

/** What is no call, or is one of nothing. */
const NONSENSE = [
  b4a.from('nothing of ours'),
  b4a.from([1, 0, 0xff]),
  b4a.from([1, 7]),
  call('nothing', '[]'),
  call('__proto__', '[]'),
  call('constructor', '["return 1"]'),
  call('end', '["throws", 1]'),
  call('add', 'no JSON'),
  call('add', '{"0":1,"length":1}'),
  call('add', `[${'['.repeat(5000)}${']'.repeat(5000)}]`),
  call('add', `["${'x'.repeat(300_000)}"]`),
  call('add', '["__proto__", {"__proto__":{"a":1},"constructor":1}, {"toString":1}]')
]

export const CHEATS: readonly Cheat[] = [
  {
    row: 'U1',
    what: 'denies a call, with another log',
    class: 'P',
    shown: async (_t, host) => host.copy({ bob: another(host) }),
    // the host is not accused: it has the head that bob has signed
    expect: () => ({ missing: ['disputed user log 0'] }),
    live: () => ({ unseen: 'a follower has the log that the host had' })
  },
  {
    row: 'U2',
    what: 'writes its log twice',
    class: 'P',
    behind: (host) => host.refuses(host.submit(another(host))),
    expect: () => ({ refused: 'USER_LOG_FORKED' })
  },
  {
    row: 'U4',
    what: 'replays a call to another instance',
    class: '-',
    behind: async (host) => host.refuses((await host.neighbour()).submit(host.bob.log())),
    expect: () => ({ refused: 'REQUEST_INVALID' })
  },
  {
    row: 'U5',
    what: 'claims an answer that was never given',
    class: '-',
    behind: async (host) => {
      const { result } = await host.place()
      const answers = [{ entry: 1, index: result, result: b4a.from('never') }]
      await host.submit(host.bob.write(encodeUserEntry({ type: 'ack', answers, head: host.head })))
    },
    expect: () => ({ counted: { falseAnswers: 1 } })
  },
  {
    row: 'U5',
    what: 'claims a head that was never signed',
    class: '-',
    behind: (host) => host.pin(host.bob, { ...host.head, treeHash: b4a.alloc(32) }),
    expect: () => ({ counted: { falseHeads: 1 } })
  },
  {
    row: 'U6',
    what: 'withholds its log',
    class: '-',
    shown: async (t, host) => {
      const store = await openStore(t)
      t.teardown(await replicate(store, host), { order: -1 })
      return { store, address: host.address, patience: 5000 }
    },
    expect: () => ({ counted: { users: 3 } })
  },
  {
    row: 'U7',
    what: 'floods with calls',
    class: '-',
    blocks: (kind) => callsOf(kind, FLOOD),
    behind: (host) => host.call(host.carol, 'add', 'is served'),
    expect: () => ({ counted: { calls: FLOOD + 6 } })
  },
  {
    row: 'U7',
    what: 'floods with bytes',
    class: '-',
    behind: (host) => host.refuses(host.submit(host.bob.write(b4a.alloc(USER_BLOCK_MAX + 1)))),
    expect: () => ({ refused: 'REQUEST_INVALID' })
  },
  {
    row: 'U8',
    what: 'malformed and impossible calls',
    class: '-',
    without: (kind) => (kind === 'throws' ? null : 'all of them end with an error'),
    blocks: () => NONSENSE,
    expect: () => ({ counted: { calls: NONSENSE.length + 5 } })
  }
]
