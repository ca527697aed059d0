import test from 'brittle'
import { audit } from '../src/audit/audit.ts'
import type { AuditEvent } from '../src/audit/events.ts'
import { encodeEntry } from '../src/protocol/entries.ts'
import { ORACLE_REQUESTS_MAX } from '../src/protocol/limits.ts'
import { closeVm, openShared, Writer } from './audit-writer.ts'
import { tempDir } from './helpers.ts'

/** Records of oracles behind one ack: more than an auditor holds of one batch, and more than fuel buys. */
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
      const index = (i + k) % ORACLE_REQUESTS_MAX
      return [
        encodeEntry({ type: 'oracle-request', ack, index, name: '', args: '' }),
        encodeEntry({ type: 'oracle-answer', ack, index, value: null, error: null })
      ]
    })
    await log.append(records.flat())
  }
  const { address, store } = writer
  const events: AuditEvent[] = []
  const dir = await tempDir(t)
  for await (const event of audit({ address, store, dir, patience: 0, openVm: openShared }))
    events.push(event)
  const codes = new Set(
    events.flatMap((event) => (event.type === 'finding' ? [event.finding.code] : []))
  )
  t.alike([...codes], ['ORACLE_INDEX_WRONG'])
  const verdict = events.find((event) => event.type === 'verdict')
  t.is(verdict?.missing[0]?.reason, 'not-reproduced', 'it is not held to its end')
})

test.hook('memory - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})
