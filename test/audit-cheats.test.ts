import b4a from 'b4a'
import test from 'brittle'
import type { CallLogEntry } from '../src/protocol/entries.ts'
import type { Step } from '../src/vm/vm.ts'
import {
  type Cheat,
  closeVm,
  found,
  type Item,
  run,
  Writer,
  type WriterOptions
} from './audit-writer.ts'

type Spec = readonly [user: number, method: string, ...args: unknown[]]

/** Calls 2 to 12, in batches; call 1 is the deployment. */
const STORY: readonly (readonly Spec[])[] = [
  [[0, 'add', 'a']],
  [
    [1, 'add', 'b'],
    [0, 'fail'],
    [1, 'add', 'c']
  ],
  [
    [0, 'change', 1, 'x'],
    [1, 'roll'],
    [0, 'read', 2]
  ],
  [[1, 'add', 'd']],
  [
    [0, 'add', 'e'],
    [1, 'fail'],
    [1, 'change', 2, 'z']
  ]
]

/** The first, a middle and the last call, all of them with writes: batch and place in it, number, blocks. */
const PLACES = [
  { where: 'at the first call', batch: 0, i: 0, seq: 2, ack: 5, commit: 7 },
  { where: 'at a middle call', batch: 2, i: 0, seq: 6, ack: 15, commit: 21, after: 8 },
  { where: 'at the last call', batch: 4, i: 2, seq: 12, ack: 29, commit: 31 }
]

for (const { where, batch, i, seq, ack, commit } of PLACES) {
  const last = STORY[batch]?.length ?? 0
  const end = seq - i + last - 1
  const result = ack + 1

  test(`audit - a wrong value ${where} is found`, async (t) => {
    const audited = await run(
      t,
      await tell(t, batch, { steps: (steps) => change(steps, i, { value: '99' }) })
    )
    t.alike(found(audited), [`RESULT_WRONG call ${seq} block ${result}`])
    t.alike(
      audited.findings[0]?.differences?.map(({ what }) => what),
      ['value']
    )
    t.is(audited.verdict.verdict, 'violation')
    t.is(audited.verdict.exitCode, 1)
    t.is(audited.verdict.counts.replayed, 12)
  })

  test(`audit - undefined for null ${where} is found`, async (t) => {
    const audited = await run(
      t,
      await tell(t, batch, {
        steps: (steps) => change(steps, i, { value: batch === 0 ? null : 'null' })
      })
    )
    t.alike(found(audited), [`RESULT_WRONG call ${seq} block ${result}`])
  })

  test(`audit - a wrong hash of writes ${where} is found`, async (t) => {
    const audited = await run(
      t,
      await tell(t, batch, {
        entries: (entries) => edit(entries, 2 * i + 1, { writes: b4a.alloc(32) })
      })
    )
    t.alike(found(audited), [`RESULT_WRONG call ${seq} block ${result}`])
    t.alike(
      audited.findings[0]?.differences?.map(({ what }) => what),
      ['writes']
    )
  })

  test(`audit - wrong fuel ${where} is found`, async (t) => {
    const audited = await run(
      t,
      await tell(t, batch, { entries: (entries) => edit(entries, 2 * i + 1, { fuel: 12345 }) })
    )
    t.alike(found(audited), [`RESULT_WRONG call ${seq} block ${result}`])
    t.alike(
      audited.findings[0]?.differences?.map(({ what }) => what),
      ['fuel']
    )
  })

  test(`audit - an error that was not one ${where} is found`, async (t) => {
    const audited = await run(t, await tell(t, batch, { steps: (steps) => fails(steps, i) }))
    t.alike(found(audited), [
      `RESULT_WRONG call ${seq} block ${result}`,
      `COMMIT_WRONG call ${end} block ${commit}`
    ])
    t.alike(
      audited.findings[0]?.differences?.map(({ what }) => what),
      ['outcome', 'value', 'error', 'fuel', 'writes'].filter(
        (what) => what !== 'value' || batch === 0
      )
    )
  })

  test(`audit - a write that is missing in the archive ${where} is found`, async (t) => {
    const audited = await run(t, await tell(t, batch, { writes: (writes) => writes.slice(1) }))
    t.alike(found(audited), [`COMMIT_WRONG call ${end} block ${commit}`])
  })

  test(`audit - a write of no call ${where} is found`, async (t) => {
    const extra = { path: '/items/7', data: b4a.from('for me') }
    const audited = await run(t, await tell(t, batch, { writes: (writes) => [...writes, extra] }))
    t.alike(found(audited), [`COMMIT_WRONG call ${end} block ${commit}`])
  })

  test(`audit - an altered write ${where} is found`, async (t) => {
    const audited = await run(
      t,
      await tell(t, batch, {
        writes: (writes) => writes.map(({ path }) => ({ path, data: b4a.from('1') }))
      })
    )
    t.alike(found(audited), [`COMMIT_WRONG call ${end} block ${commit}`])
  })

  test(`audit - an archive that changes without a call before that ${where} is found`, async (t) => {
    const audited = await run(
      t,
      await tell(t, batch, {}, async (writer, now) => {
        if (now !== batch) return
        await writer.tamper([{ path: '/items/1', data: b4a.from('bad') }])
        await writer.tamper([{ path: '/items/1', data: null }])
      })
    )
    t.alike(found(audited), [`COMMIT_WRONG call ${end} block ${commit}`])
  })

  test(`audit - time that goes back ${where} is found`, async (t) => {
    const audited = await run(
      t,
      await tell(t, batch, {
        entries: (entries) =>
          entries.map((entry) => (entry.type === 'ack' ? { ...entry, time: 1 } : entry))
      })
    )
    t.is(found(audited)[0], `TIME_BACKWARDS call ${seq - i} block ${ack - 2 * i}`)
  })
}

test.hook('audit - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})

async function tell(
  t: Parameters<typeof Writer.deploy>[0],
  batch: number,
  cheat: Cheat,
  before?: (writer: Writer, batch: number) => Promise<unknown>,
  options?: WriterOptions
): Promise<Writer> {
  const writer = await Writer.deploy(t, options)
  for (const [now, specs] of STORY.entries()) {
    const items: Item[] = []
    for (const [user, method, ...args] of specs) items.push(await writer.call(user, method, args))
    await before?.(writer, now)
    await writer.commit(items, now === batch ? cheat : {})
  }
  return writer
}

function change(steps: Step[], i: number, outcome: { value: string | null }): void {
  const step = steps[i]
  if (step !== undefined) steps[i] = { ...step, outcome: { status: 'ok', ...outcome } }
}

function fails(steps: Step[], i: number): void {
  const error = { name: 'Error', message: 'it failed', code: null }
  steps[i] = { outcome: { status: 'error', error }, writes: [], fuel: 0 }
}

function edit(entries: CallLogEntry[], i: number, fields: object): CallLogEntry[] {
  return entries.map((entry, at) => (at === i ? Object.assign({ ...entry }, fields) : entry))
}
