import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import b4a from 'b4a'
import test from 'brittle'
import crypto from 'hypercore-crypto'
import { audit } from '../src/audit/audit.ts'
import type { AuditEvent } from '../src/audit/events.ts'
import { encodeEntry, encodeUserEntry } from '../src/protocol/entries.ts'
import { ORACLE_REQUESTS_MAX } from '../src/protocol/limits.ts'
import { userLogManifest } from '../src/protocol/manifest.ts'
import { encodeArgs } from '../src/protocol/values.ts'
import { closeVm, type Item, openShared, userHeadOf, Writer } from './audit-writer.ts'
import { tempDir } from './helpers.ts'

/** Records of oracles behind one ack: more than an auditor holds of one batch, and more than fuel buys. */
const RECORDS = 70_000

/** Users who have written ahead of the host, what each of them has, and what of it all may be in memory. */
const AHEAD_USERS = 60
const AHEAD = 3
const LARGE = 8 * 1024 * 1024
const HELD_MAX = 768 * 1024 * 1024

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

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

test('memory - of large blocks that users have written ahead of the host there is a bound, however many they are', async (t) => {
  const writer = await Writer.deploy(t)
  const items: Item[] = []
  for (let i = 0; i < AHEAD_USERS; i++) items.push(await newcomer(writer))
  await writer.commit(items)
  const { address, store } = writer
  const dir = await tempDir(t)
  let [held, verdict] = [0, '']
  for await (const event of audit({ address, store, dir, patience: 0, openVm: openShared })) {
    if (event.type === 'progress') held = Math.max(held, await external())
    if (event.type === 'verdict') verdict = event.verdict
  }
  t.is(verdict, 'clean')
  t.ok(held < HELD_MAX, `${held} bytes are held of ${AHEAD_USERS * AHEAD * LARGE}`)
})

/** A user whose first entry is a call, with large ones behind it. */
async function newcomer({ store, address }: Writer): Promise<Item> {
  const keyPair = crypto.keyPair()
  const { signers, ...manifest } = userLogManifest(keyPair.publicKey, address)
  const core = store.get({ manifest: { ...manifest, signers: [...signers] }, keyPair })
  await core.ready()
  const block = encodeUserEntry({ type: 'call', method: 'roll', args: encodeArgs([]), head: null })
  await core.append([block, ...Array(AHEAD).fill(b4a.alloc(LARGE, 7))])
  const head = userHeadOf({ keyPair, core, lastAck: 0 })
  await core.close()
  return { user: { keyPair, core, head, lastAck: 0 }, entry: 1, block }
}

/** What native code has allocated is given back a moment after it is collected. */
async function external(): Promise<number> {
  collect()
  await sleep(20)
  return process.memoryUsage().external
}

test.hook('memory - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})
