import test from 'brittle'
import { closeVm, found, type Item, run, Writer } from './audit-writer.ts'

test('audit - few aborts are not suspicious, and many among many calls neither', async (t) => {
  for (const [aborts, calls, suspicious] of [
    [7, 8, false],
    [8, 78, true],
    [8, 100, false]
  ] as const) {
    const writer = await Writer.deploy(t)
    const items: Item[] = []
    for (let i = 0; i < calls; i++) items.push(await writer.call(i % 2, 'roll'))
    const first = await writer.commit(items, {
      aborts: Array.from({ length: aborts }, (_, i) => i)
    })
    const audited = await run(t, writer)
    t.alike(found(audited), [])
    t.is(audited.verdict.verdict, 'clean')
    const { suspicions } = audited.verdict
    const expected = suspicious ? [`ABORTS_MANY call 2 block ${first + 1}`] : []
    t.alike(found({ findings: suspicions }), expected, `${aborts} of ${calls}`)
  }
})

test('audit - a call that waits is suspicious after a minute in which others are served', async (t) => {
  for (const [seconds, suspicious] of [
    [59, false],
    [60, true]
  ] as const) {
    const writer = await Writer.deploy(t)
    const first = await writer.call(1, 'roll')
    await writer.call(1, 'roll')
    await writer.commit([first])
    const second = await writer.call(0, 'roll')
    // a batch is a second later than the one before
    writer.time += (seconds - 1) * 1000
    await writer.commit([second])
    const { verdict, suspicions, counts } = (await run(t, writer)).verdict
    t.is(verdict, 'clean')
    t.is(counts.unanswered, 1)
    t.alike(
      found({ findings: suspicions }),
      suspicious ? ['CALLS_UNANSWERED call - block 1'] : [],
      `after ${seconds} s`
    )
  }
})

test('audit - calls of a user that are answered one after the other are not suspicious, however many wait', async (t) => {
  for (const [seconds, suspicious] of [
    [59, false],
    [60, true]
  ] as const) {
    const writer = await Writer.deploy(t)
    const calls: Item[] = []
    for (let i = 0; i < 8; i++) calls.push(await writer.call(1, 'roll'))
    for (const call of calls.slice(0, 5)) {
      await writer.commit([call, await writer.call(0, 'roll')])
      writer.time += 30_000
    }
    // from the last one on that was answered
    writer.time += (seconds - 31) * 1000
    await writer.commit([await writer.call(0, 'roll')])
    const { suspicions, counts } = (await run(t, writer)).verdict
    t.is(counts.unanswered, 3)
    const expected = suspicious ? ['CALLS_UNANSWERED call - block 5'] : []
    t.alike(found({ findings: suspicions }), expected, `after ${seconds} s`)
  }
})

test('audit - of a call that was answered late, or that no commit shows the host to have, nothing is suspected', async (t) => {
  const writer = await Writer.deploy(t)
  const calls = [await writer.call(1, 'roll'), await writer.call(1, 'roll')]
  await writer.commit(calls.slice(0, 1))
  writer.time += 3_600_000
  await writer.commit([await writer.call(0, 'roll')])
  await writer.commit(calls.slice(1))
  await writer.call(1, 'roll')
  writer.time += 3_600_000
  await writer.commit([await writer.call(0, 'roll')])
  const { suspicions, counts } = (await run(t, writer)).verdict
  t.alike(suspicions, [])
  t.is(counts.unanswered, 1)
})

test.hook('audit - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})
