// What it takes a host to prove calls that were answered long ago.
import path from 'node:path'
import test from 'brittle'
import { Client } from '../src/client/client.ts'
import { Host } from '../src/host/host.ts'
import { Tail } from '../src/host/tail.ts'
import { decodeId } from '../src/protocol/ids.ts'
import { tempDir } from './helpers.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'

const CALLS = 3_000

test('proofs - whoever asks for old results does not have the host read all of them again', async (t) => {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  const options = { dir: path.join(dir, 'host'), bootstrap }
  shareVm(t)
  const before = await Host.open(options)
  t.teardown(() => before.close(), { order: 2 })
  const client = await Client.open({ dir: path.join(dir, 'client'), bootstrap })
  t.teardown(() => client.close(), { order: 1 })
  const source = 'exports.count = 0; exports.add = () => ++exports.count'
  const { address, link } = await client.deploy({ host: before.id, source })
  await Promise.all(Array.from({ length: CALLS }, () => client.call(link, 'add', [])))
  await client.close()
  await before.close()

  const host = await Host.open(options)
  t.teardown(() => host.close(), { order: 2 })
  const { proofs } = await host.instance(decodeId(address))
  const user = decodeId(client.id)
  const { block } = Tail.prototype
  let reads = 0
  Tail.prototype.block = function (index) {
    reads++
    return block.call(this, index)
  }
  t.teardown(() => Object.assign(Tail.prototype, { block }))
  const readsOf = async (from: number, to: number) => {
    reads = 0
    const { items } = await proofs.prove({ user, from, to })
    return { reads, proven: items.filter((item) => item.block !== null).map((item) => item.block) }
  }
  const first = await readsOf(1, 1)
  t.ok(first.reads > CALLS, `${first.reads} blocks the first time`)
  t.is(first.proven.length, 2, 'an ack and a result')
  const again = await readsOf(1, 1)
  t.ok(again.reads < CALLS / 4, `${again.reads} blocks after that`)
  t.alike(again.proven, first.proven)
  for (const entry of [511, 512, 513, 1_024, 2_047, 2_500]) {
    const { proven } = await readsOf(entry, entry)
    const [wide] = [await proofs.prove({ user, from: entry, to: CALLS * 2 })]
    const blocks = wide.items.filter((item) => item.block !== null).map((item) => item.block)
    // an entry may be an ack of the user's, of which there is no result
    t.alike(proven, blocks.slice(0, proven.length), `entry ${entry}`)
  }
})
