import b4a from 'b4a'
import test from 'brittle'
import { closeVm, found, run, Writer } from './audit-writer.ts'

test('audit - an instance with nothing but its deployment is clean', async (t) => {
  const writer = await Writer.deploy(t)
  const audited = await run(t, writer)
  t.alike(found(audited), [])
  t.alike(audited.verdict.missing, [])
  t.is(audited.verdict.verdict, 'clean')
  t.is(audited.verdict.exitCode, 0)
  t.is(audited.verdict.counts.replayed, 1)
  t.alike(audited.verdict.attested, { hostTimes: 1, oracleAnswers: 0, aborts: 0 })
})

test('audit - successes, errors, calls without writes, malformed entries and aborts are clean', async (t) => {
  const writer = await Writer.deploy(t)
  const first = await writer.commit([
    await writer.call(0, 'add', ['one']),
    await writer.call(1, 'add', [b4a.from('two')]),
    await writer.call(1, 'fail')
  ])
  await writer.ack(0, 2, first + 1)
  await writer.ack(1, 1, first + 3)
  await writer.commit([await writer.write(0, b4a.from('nothing of ours'))])
  await writer.commit([
    await writer.call(1, 'roll', [], await writer.head()),
    await writer.call(0, 'remove', [1]),
    await writer.call(0, 'read', [1]),
    await writer.call(0, 'nothing'),
    await writer.call(1, 'read', [2])
  ])
  await writer.commit(
    [await writer.call(0, 'add', ['lost']), await writer.call(1, 'add', ['three'])],
    { aborts: [0] }
  )
  await writer.commit([await writer.call(1, 'fail')])
  const audited = await run(t, writer)
  t.alike(found(audited), [])
  t.alike(audited.verdict.missing, [])
  t.is(audited.verdict.verdict, 'clean')
  t.is(audited.verdict.counts.calls, 13)
  t.is(audited.verdict.counts.replayed, 12)
  t.is(audited.verdict.counts.heads, 3)
  t.is(audited.verdict.counts.users, 2)
  t.is(audited.verdict.attested.aborts, 1)
  t.ok(audited.checks.every(({ complete }) => complete))
})

// a host may have more patience than its contracts ask for
test('audit - calls that take longer than an instance wants them to are executed again all the same', async (t) => {
  const source = `exports.init = () => {}
exports.spin = (n) => { let s = 0; for (let i = 0; i < n; i++) s += i; return s }`
  const writer = await Writer.deploy(t, { source, genesis: { limits: { time: 1 } } })
  await writer.commit([await writer.call(0, 'spin', [300_000])])
  const { verdict } = await run(t, writer)
  t.alike([verdict.verdict, verdict.missing], ['clean', []])
})

test.hook('audit - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})
