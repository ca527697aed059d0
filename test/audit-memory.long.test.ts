import test from 'brittle'
import { encodeEntry } from '../src/protocol/entries.ts'
import { closeVm, run, Writer } from './audit-writer.ts'

/** Records of oracles behind one ack, more than fuel buys. */
const RECORDS = 70_000

test('memory - a batch that never ends is not kept, however small its blocks are', async (t) => {
  const writer = await Writer.deploy(t)
  const { user, entry, block } = await writer.call(0, 'ask', ['a'])
  const { log } = writer
  const ack = log.length
  const { publicKey } = user.keyPair
  const time = writer.time + 1
  const asked = { seq: 2, user: publicKey, entry, call: block, time, previous: user.lastAck }
  await log.append(encodeEntry({ type: 'ack', ...asked }))
  for (let i = 0; i < RECORDS; i += 10_000) {
    const records = Array.from({ length: 10_000 }, (_, k) => {
      const index = i + k
      return [
        encodeEntry({ type: 'oracle-request', ack, index, name: '', args: '' }),
        encodeEntry({ type: 'oracle-answer', ack, index, value: null, error: null })
      ]
    })
    await log.append(records.flat())
  }
  const { verdict } = (await run(t, writer)).verdict
  t.is(verdict, 'inconclusive')
})

test.hook('memory - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})
