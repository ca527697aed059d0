import b4a from 'b4a'
import test from 'brittle'
import crypto from 'hypercore-crypto'
import { encodeUserEntry } from '../src/protocol/entries.ts'
import { signHead } from '../src/protocol/head.ts'
import { closeVm, found, Writer } from './audit-writer.ts'
import { closeOwnVm, Follower } from './follower.ts'

/** More than a call takes arguments. */
const HEADS = 130_000

test('heads - of any number of histories that nobody shows, the longest is named by who follows a log', async (t) => {
  const writer = await Writer.deploy(t)
  const { address, keyPair, store } = writer
  const items = [await writer.call(1, 'read', [1])]
  const sign = (message: Uint8Array) => crypto.sign(message, keyPair.secretKey)
  for (let i = 0; i < HEADS; i += 10_000) {
    const blocks = Array.from({ length: 10_000 }, (_, k) => {
      const head = { length: 1000 + i + k, fork: 0, treeHash: b4a.alloc(32, 1) }
      return encodeUserEntry({ type: 'ack', answers: [], head: signHead(head, address, sign) })
    })
    await writer.writeAll(1, blocks)
  }
  await writer.commit(items)
  const follower = await Follower.open(t, { store, address, patience: 200, evidence: false })
  await follower.until('following')
  await follower.found(1)
  const { verdict, findings } = await follower.stop()
  t.is(verdict.verdict, 'violation')
  t.alike(found({ findings }), [`HISTORY_TRUNCATED call - block ${HEADS}`])
})

test.hook('heads - the VM of these tests closes', async (t) => {
  await t.execution(Promise.all([closeVm(), closeOwnVm()]))
})
