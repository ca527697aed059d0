import b4a from 'b4a'
import test from 'brittle'
import { decodeEntry } from '../src/protocol/entries.ts'
import { blocksOf, closeVm, copyStore, run, Writer } from './audit-writer.ts'
import { Random } from './random.ts'

const FLIPS = 5

test('audit - no byte of a call log can be another, but those of the host’s clock', async (t) => {
  const random = new Random()
  t.comment(`MIVM_SEED=${random.seed}`)
  const writer = await Writer.deploy(t)
  await writer.commit([await writer.call(0, 'add', ['a']), await writer.call(1, 'fail')])
  await writer.commit([await writer.call(1, 'roll'), await writer.call(0, 'change', [1, 'b'])])
  const blocks = await blocksOf(writer.log)
  for (const block of blocks.keys()) {
    // genesis is in the address: there is no such log
    for (let i = 0; block > 0 && i < FLIPS; i++) {
      const changed = b4a.from(blocks[block] ?? b4a.alloc(0))
      const at = random.below(changed.byteLength)
      changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8))
      if (isClock(blocks[block] ?? changed, changed)) continue
      const store = await copyStore(t, writer, writer.log, blocks.toSpliced(block, 1, changed))
      const { verdict } = (await run(t, { store, address: writer.address })).verdict
      t.not(verdict, 'clean', `block ${block}, byte ${at}: ${verdict}`)
    }
  }
  t.is(
    (
      await run(t, {
        store: await copyStore(t, writer, writer.log, blocks),
        address: writer.address
      })
    ).verdict.verdict,
    'clean'
  )
})

test.hook('audit - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})

/** Whether two acks differ in nothing but a time that could have been. */
function isClock(before: Uint8Array, after: Uint8Array): boolean {
  try {
    const [a, b] = [decodeEntry(before), decodeEntry(after)]
    return a.type === 'ack' && b.type === 'ack' && a.time !== b.time && b.time >= a.time
  } catch {
    return false
  }
}
