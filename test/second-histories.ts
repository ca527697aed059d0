import b4a from 'b4a'
import test from 'brittle'
import { closeVm, run, Writer } from './audit-writer.ts'
import { Random } from './random.ts'
import { Batches } from './second-batches.ts'
import { Mutator } from './second-mutate.ts'

/** Compares the two over so many histories of each kind. */
export function compare(histories: number): void {
  for (const heads of [true, false]) {
    const which = heads ? 'that users have seen' : 'that nobody has seen'
    test(`second - the auditor and the second checker agree on changes of a history ${which}`, async (t) => {
      const random = new Random()
      t.comment(`MIVM_SEED=${random.seed}`)
      const writer = await tell(t, heads)
      const counts: { [said: string]: number } = {}
      const mutator = await Mutator.of(writer, random)
      for (let i = 0; i < histories; i++) {
        const { logs, what } =
          i === 0 ? { logs: mutator.honest(), what: 'nothing' } : mutator.next()
        const store = await mutator.store(t, logs)
        try {
          // it compares
          const { verdict, findings } = await run(t, { store, address: writer.address })
          for (const said of new Set([verdict.verdict, ...findings.map(({ code }) => code)])) {
            counts[said] = (counts[said] ?? 0) + 1
          }
        } catch (error) {
          t.fail(`${i}: ${what}: ${error instanceof Error ? error.message : error}`)
        }
        await store.close()
      }
      t.comment(JSON.stringify(counts))
      for (const verdict of ['clean', 'violation']) t.ok(counts[verdict], verdict)
    })
  }

  test('second - the two agree on what a host may make of the logs of its users', async (t) => {
    const random = new Random()
    t.comment(`MIVM_SEED=${random.seed}`)
    const writer = await Writer.deploy(t, { seed: 'batches' })
    const counts: { [said: string]: number } = {}
    for (let i = 0; i < histories; i++) {
      const told = await Batches.tell(writer, random)
      const store = await told.store(t)
      try {
        const { verdict, findings } = await run(t, { store, address: writer.address })
        for (const said of new Set([verdict.verdict, ...findings.map(({ code }) => code)])) {
          counts[said] = (counts[said] ?? 0) + 1
        }
      } catch (error) {
        const why = error instanceof Error ? error.message : error
        t.fail(`${i}: ${told.what.join(', ')}: ${why}`)
      }
      await store.close()
    }
    t.comment(JSON.stringify(counts))
    for (const verdict of ['clean', 'violation']) t.ok(counts[verdict], verdict)
  })

  test.hook('second - the VM of these tests closes', async (t) => {
    await t.execution(closeVm())
  })
}

/** An honest history with something of everything; without `heads`, users write down none of what they see. */
async function tell(t: Parameters<typeof Writer.deploy>[0], heads: boolean): Promise<Writer> {
  const writer = await Writer.deploy(t, { oracle: () => ({ ok: true, value: '42' }) })
  const seen = async () => (heads ? await writer.head() : null)
  const first = await seen()
  await writer.commit([await writer.call(1, 'add', ['a'], first), await writer.call(0, 'fail')])
  if (heads) await writer.ack(1, 1, 6)
  await writer.commit([
    await writer.call(1, 'ask', ['a']),
    await writer.write(0, b4a.from('nothing of ours')),
    await writer.call(1, 'roll', [], await seen())
  ])
  if (heads) await writer.ack(0, 2, 8)
  await writer.commit(
    [await writer.call(0, 'ask', ['b']), await writer.call(0, 'change', [1, 'b'])],
    { aborts: [1] }
  )
  const item = await writer.call(1, 'add', ['c'], await seen())
  await writer.call(1, 'add', ['not yet'])
  if (heads) await writer.ack(1, 3, 12)
  await writer.commit([item])
  return writer
}
