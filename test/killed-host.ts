import { setTimeout as sleep } from 'node:timers/promises'
import { Host } from '../src/host/host.ts'
import { Oracles } from '../src/host/oracles.ts'
import { encodeUserEntry } from '../src/protocol/entries.ts'
import { BareUser, deployment } from './bare-user.ts'

/**
 * A host that is killed while a call of bob is under way and something else has been flushed: by the oracle that the call
 * before it asks (`asking`), or behind an ack of the deployer that came alone (`acks`).
 */
export const SOURCE = `
exports.count = 0
exports.add = () => ++exports.count
exports.ask = async () => oracle.price()
exports.slow = () => { for (let i = 0; i < 1e7; i++); return ++exports.count }`

async function main(scenario: string, dir: string, bootstrap: string): Promise<void> {
  const kill = () => process.kill(process.pid, 'SIGKILL')
  const oracles = new Oracles({ price: kill })
  const host = await Host.open({ dir, bootstrap: bootstrap.split(','), engines: 1, oracles })
  const { request, address, deployer } = deployment(host.id, SOURCE)
  const instance = await host.deploy(request)
  const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => new BareUser(address, name))
  if (alice === undefined || bob === undefined || carol === undefined) return
  if (scenario === 'asking') {
    // keeps the instance at work, so that the others are one batch
    await instance.submit(carol.call('slow').log())
    await Promise.all(
      [alice.call('ask'), bob.call('add')].map((user) => instance.submit(user.log()))
    )
    return
  }
  await instance.submit(bob.call('add').log())
  await instance.settled(bob.key, 1)
  const answers = [{ entry: 1, index: 3, result: new Uint8Array([1]) }]
  deployer.write(encodeUserEntry({ type: 'ack', answers, head: instance.head }))
  while (instance.idleSince === null) await sleep(1)
  await Promise.all([deployer, bob.call('slow')].map((user) => instance.submit(user.log(1))))
  // the ack is on disk, the call is not executed yet
  await sleep(100)
  kill()
}

const [, , scenario, dir, bootstrap] = process.argv
if (import.meta.main && scenario && dir && bootstrap) await main(scenario, dir, bootstrap)
