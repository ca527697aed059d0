// What a host says of itself: figures that add up to what was called.
import path from 'node:path'
import test, { type Test } from 'brittle'
import { Client } from '../src/client/client.ts'
import { Host } from '../src/host/host.ts'
import { Histogram, STAGES, Tally, TIME_BOUNDS } from '../src/host/measures.ts'
import { VM_ID } from '../src/protocol/vm-id.ts'
import { tempDir } from './helpers.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'

const SOURCE = `exports.count = 0
exports.add = () => { console.log('adding'); return ++exports.count }
exports.fail = () => { throw new RangeError('too far') }
exports.sleep = () => { for (;;) Math.imul(1, 2) }`

test('measures - quantiles lie in the bucket of their value', (t) => {
  const histogram = new Histogram(TIME_BOUNDS)
  t.is(histogram.quantile(0.5), null)
  t.is(histogram.mean, null)
  for (let ms = 1; ms <= 100; ms++) histogram.add(ms)
  t.is(histogram.count, 100)
  t.is(histogram.sum, 5050)
  for (const [share, ms] of [
    [0.01, 1],
    [0.5, 50],
    [0.99, 99],
    [1, 100]
  ] as const) {
    const quantile = histogram.quantile(share) ?? 0
    const above = TIME_BOUNDS.find((bound) => bound >= ms) ?? 0
    const below = TIME_BOUNDS.findLast((bound) => bound < ms) ?? 0
    t.ok(quantile > below && quantile <= above, `${share} of them below ${quantile}`)
  }
})

test('measures - what is above the last bound, below the first, and weighed', (t) => {
  const histogram = new Histogram([1, 2])
  histogram.add(0)
  histogram.add(1)
  histogram.add(2, 3)
  const before = histogram.copy()
  histogram.add(1e9, 5)
  t.alike(histogram.counts, [2, 3, 5])
  t.is(histogram.quantile(0.99), 2, 'no more is known')
  t.alike(before.counts, [2, 3, 0], 'a copy stays')
  t.alike(histogram.since(before).counts, [0, 0, 5])
  t.is(histogram.since(before).sum, 5e9)
})

test('measures - codes that others choose do not fill the memory', (t) => {
  const tally = new Tally()
  for (let i = 0; i < 1000; i++) tally.add(`CODE_${i}`)
  t.ok(tally.entries.length < 100)
  t.is(
    tally.entries.reduce((sum, [, count]) => sum + count, 0),
    1000
  )
})

test('measures - every call is seen in every stage, with its outcome', async (t) => {
  const { host, client } = await open(t)
  const { link } = await client.deploy({ host: host.id, source: SOURCE })
  await Promise.all(Array.from({ length: 300 }, () => client.call(link, 'add', [])))
  await client.call(link, 'fail', []).catch(() => {})
  await client.call(link, 'sleep', []).catch(() => {})
  await client.call('not a link', 'add', []).catch(() => {})
  await client
    .deploy({
      host: host.id,
      source: 'exports.init = () => { throw new Error("no") }; exports.x = () => 1'
    })
    .catch(() => {})

  const { measures } = host
  const calls = 302
  for (const stage of STAGES) {
    t.ok(measures.stages[stage].count >= calls, `${stage} ${measures.stages[stage].count}`)
  }
  t.ok(measures.calls.count >= calls)
  t.is(measures.batches.sum, calls)
  t.ok(measures.batches.count < calls, 'many in one commit')
  t.is(measures.outcomes.ok, 301, 'init is one, as long as it succeeds')
  t.is(measures.outcomes.error + measures.outcomes.abort, 2)
  t.ok(measures.fuel > 0)

  const status = host.status()
  t.is(status.queued, 0)
  t.is(status.problem, null)
  t.is(status.total.lines, 300)
  t.is(status.total.deployments, 1)
  t.alike(status.total.refused, { DEPLOY_FAILED: 1 })
  t.ok((status.lately.call.p50 ?? 0) > 0)
  t.ok(status.engines.running >= 1 && status.engines.started >= 1)
  t.is(status.engines.most, 2, 'one, and one for those that hold it for long')
  t.ok(status.process.memory.resident > 0)
  t.is(JSON.stringify(JSON.parse(JSON.stringify(status))), JSON.stringify(status), 'all is JSON')
})

test('measures - a host that is closed has no calls that wait', async (t) => {
  const { host, client } = await open(t)
  const { link } = await client.deploy({ host: host.id, source: SOURCE })
  const calls = Promise.allSettled(Array.from({ length: 500 }, () => client.call(link, 'add', [])))
  await host.close()
  t.is(host.status().queued, 0, 'what is not open waits nowhere')
  await client.close()
  await calls
})

test('measures - a stranger learns nothing of others', async (t) => {
  const { host, client } = await open(t)
  const said = await client.status(host.id)
  t.alike(said, { id: host.id, vm: VM_ID, instances: 0, ready: true })
})

async function open(t: Test) {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  shareVm(t)
  const host = await Host.open({ dir: path.join(dir, 'host'), bootstrap, engines: 1 })
  t.teardown(() => host.close(), { order: 2 })
  const client = await Client.open({ dir: path.join(dir, 'user'), bootstrap })
  t.teardown(() => client.close(), { order: 1 })
  return { host, client }
}
