import b4a from 'b4a'
import crypto from 'hypercore-crypto'
import { decodeEntry, encodeEntry, encodeUserEntry } from '../../src/protocol/entries.ts'
import { Tree, type TreeNode } from '../../src/protocol/merkle.ts'
import { createProof, verifyProof } from '../../src/protocol/proof.ts'
import { encodeArgs } from '../../src/protocol/values.ts'
import type { Cheat, Place } from './cheat.ts'
import { CALLS, type Kind } from './contract.ts'
import type { CheatingHost } from './host.ts'

const MIRROR = crypto.keyPair(crypto.hash(b4a.from('mirror')))

/** What the log ends with, with another value or message in the last result. */
function alter(blocks: readonly Uint8Array[]): Uint8Array[] {
  const index = blocks.findLastIndex((block) => decodeEntry(block).type === 'result')
  const entry = decodeEntry(blocks[index] ?? b4a.alloc(0))
  if (entry.type !== 'result') throw new Error('there is a result')
  const { error } = entry
  const other = error === null ? { value: '99' } : { error: { ...error, message: 'other' } }
  return blocks.with(index, encodeEntry({ ...entry, ...other }))
}

/** A reply with a result that the log does not have. The user cannot know: it is signed. */
async function answerOtherwise(host: CheatingHost): Promise<void> {
  const blocks = alter(await host.blocks())
  const tree = new Tree()
  const nodes = new Map<number, TreeNode>()
  for (const block of blocks) for (const node of tree.append(block)) nodes.set(node.index, node)
  const head = host.sign(blocks)
  const index = blocks.findLastIndex((block) => decodeEntry(block).type === 'result')
  const told = { index, block: blocks[index] ?? b4a.alloc(0) }
  const proof = await createProof({ start: 0, head, blocks: [told], through: 0 }, async (at) => {
    const node = nodes.get(at)
    if (node === undefined) throw new Error(`no node ${at}`)
    return node
  })
  const { address: key, keyPair } = host
  verifyProof(proof, { key, publicKey: keyPair.publicKey, through: 0 })
  const answers = [{ entry: 1, index, result: told.block }]
  await host.submit(host.bob.write(encodeUserEntry({ type: 'ack', answers, head })))
}

/** Who was there has the head itself. */
const less = ({ length }: Place) => ({
  caught: [`HISTORY_TRUNCATED call - block ${length - 1}`]
})

const twoInBobsLog = ({ bob }: Place) => ({
  caught: [`TWO_HISTORIES call - block ${bob - 1}`]
})

/** A call that says that a history was seen which is longer than any that is shown. */
function citing(kind: Kind, host: CheatingHost): Uint8Array[] {
  const head = host.sign(Array.from({ length: 100 }, () => b4a.from('never shown')))
  const [method, ...args] = CALLS[kind]
  return [encodeUserEntry({ type: 'call', method, args: encodeArgs(args), head })]
}

export const CHEATS: readonly Cheat[] = [
  {
    row: 'H8',
    what: 'a call with a receipt missing from the log',
    class: 'P',
    shown: (_t, host) => host.retell(),
    heads: (host) => host.heads.slice(-1),
    expect: ({ commit }, _kind, position) => ({
      caught: [
        `${position === 'first' ? 'TWO_HISTORIES' : 'HISTORY_TRUNCATED'} call - block ${commit}`
      ]
    }),
    // the log that it tells to others is another one, and shorter
    live: ({ length }, _kind, _position, { retold }) => ({
      caught: [`TWO_HISTORIES call - block ${retold - 1}`],
      may: [`HISTORY_TRUNCATED call - block ${length - 1}`]
    })
  },
  {
    row: 'H9',
    what: 'an answer that differs from the logged result',
    class: 'P',
    behind: answerOtherwise,
    expect: (at) => ({ ...twoInBobsLog(at), counted: { falseAnswers: 1 } })
  },
  {
    row: 'H13',
    what: 'acked before a head that the call cites',
    class: 'P',
    blocks: citing,
    expect: ({ seq, ack }) => ({
      caught: [`ACK_BEFORE_HEAD call ${seq} block ${ack}`, 'HISTORY_TRUNCATED call - block 0']
    })
  },
  {
    row: 'H17',
    what: 'log cut back and rewritten, with a fork',
    class: 'P',
    shown: async (_t, host) => {
      const { ack } = await host.place()
      const { log, files, content } = await host.openCores()
      const rest = (await host.blocks()).slice(ack)
      await log.truncate(ack)
      await log.append(rest)
      for (const core of [log, files, content]) await core.close()
      return host
    },
    expect: ({ length }) => ({ caught: [`HISTORY_FORKED call - block ${length - 1}`] }),
    // who is there may see it between the cut and what comes in its place
    live: ({ length, ack }) => ({
      caught: [`HISTORY_FORKED call - block ${length - 1}`],
      may: [`HISTORY_FORKED call - block ${ack - 1}`]
    })
  },
  {
    row: 'H17',
    what: 'log cut off',
    class: 'P',
    shown: async (_t, host) => host.copy({ length: (await host.place()).ack }),
    expect: ({ alice }) => ({ caught: [`HISTORY_TRUNCATED call - block ${alice - 1}`] }),
    live: less
  },
  {
    row: 'H17',
    what: 'log rewritten, without a fork',
    class: 'P',
    shown: async (_t, host) => host.copy({ change: alter }),
    expect: ({ alice, last }) => ({
      caught: [
        `RESULT_WRONG call ${last.seq} block ${last.block}`,
        `TWO_HISTORIES call - block ${alice - 1}`
      ]
    }),
    live: ({ length }) => ({ caught: [`TWO_HISTORIES call - block ${length - 1}`] })
  },
  {
    row: 'H18',
    what: 'a history of another length for one user',
    class: 'P',
    behind: async (host) => host.pin(host.bob, host.sign(alter(await host.blocks()).slice(0, -1))),
    expect: twoInBobsLog
  },
  {
    row: 'H19',
    what: 'a history of the same length for one user',
    class: 'P',
    behind: async (host) => host.pin(host.bob, host.sign(alter(await host.blocks()))),
    expect: twoInBobsLog
  },
  {
    row: 'H21',
    what: 'an old log shown, by the host',
    class: 'P',
    shown: async (_t, host) => host.copy({ length: (await host.place()).commit + 1 }),
    without: (_kind, position) => (position === 'last' ? 'nothing is newer' : null),
    expect: ({ alice }) => ({ caught: [`HISTORY_TRUNCATED call - block ${alice - 1}`] }),
    live: less
  },
  {
    row: 'H21',
    what: 'an old log shown, by a mirror',
    class: 'S',
    shown: async (_t, host) => {
      const shown = await host.copy({ length: (await host.place()).ack, mirror: true })
      return { ...shown, keyPair: MIRROR }
    },
    expect: ({ ack }) => ({ missing: [`withheld call log ${ack}`] }),
    live: () => ({ unseen: 'a follower has the rest, and a mirror may have less' })
  }
]
