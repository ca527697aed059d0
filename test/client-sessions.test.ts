import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import test from 'brittle'
import crypto from 'hypercore-crypto'
import { deploy } from '../src/client/deploy.ts'
import { KnownInstances } from '../src/client/known-instances.ts'
import { CALLER_DIALS, Meeting } from '../src/client/meeting.ts'
import { Remote } from '../src/client/remote.ts'
import { resultValue } from '../src/client/result.ts'
import { Sessions } from '../src/client/sessions.ts'
import { Host } from '../src/host/host.ts'
import { Network } from '../src/net/network.ts'
import { MivmError } from '../src/protocol/errors.ts'
import { decodeId } from '../src/protocol/ids.ts'
import { EvidenceDir } from '../src/state/evidence-dir.ts'
import { closeStore, openStore } from '../src/state/store.ts'
import { Wal } from '../src/state/wal.ts'
import { tempDir } from './helpers.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'

const SOURCE = 'exports.count = 0; exports.add = () => ++exports.count'

test('client - of very many instances those that nobody calls are closed, and opened again by a call', async (t) => {
  shareVm(t)
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  const host = await Host.open({ dir: path.join(dir, 'host'), bootstrap })
  t.teardown(() => host.close(), { order: 2 })
  const { sessions, calling, close: closeAll } = await openSessions(dir, bootstrap, host.id)
  t.teardown(closeAll, { order: 1 })
  const addresses: Uint8Array[] = []
  for (let i = 0; i < 6; i++) {
    addresses.push((await deploy(calling, sessions, { host: host.id, source: SOURCE })).address)
  }
  await turn()
  t.is(sessions.size, 2)
  const call = async (address: Uint8Array) => {
    const session = await sessions.of(address)
    return resultValue((await session.call('add', '[]', performance.now())).result)
  }
  for (const address of addresses) {
    t.is(await call(address), 1)
    // while its result is acknowledged it is not closed
    const session = await sessions.opened(address)
    while (session?.idleSince === null) await sleep(5)
  }
  await turn()
  t.is(sessions.size, 2, 'each of them was opened again, and another one closed')
  const rounds = await Promise.all(
    [1, 2, 3].map(() => Promise.all(addresses.map((address) => call(address))))
  )
  t.alike(
    rounds.map((round) => new Set(round).size),
    [1, 1, 1]
  )
  t.alike(rounds.map(([first]) => first).sort(), [2, 3, 4], 'and none while it is called')
})

/** What a client has inside, with a bound that is reached. */
async function openSessions(dir: string, bootstrap: readonly string[], host: string) {
  const keyPair = crypto.keyPair()
  const store = await openStore(path.join(dir, 'store'))
  const wal = new Wal(store.storage.rocks)
  const network = new Network(crypto.keyPair(), bootstrap)
  const remote = new Remote(network, store, decodeId(host), 60_000)
  await mkdir(path.join(dir, 'instances'))
  const known = new KnownInstances(path.join(dir, 'instances'), async () => {
    throw new MivmError('INSTANCE_UNKNOWN', 'it is deployed here')
  })
  const calling = { keyPair, store, wal, known, timeout: 60_000, remote: () => remote }
  const meeting = new Meeting(bootstrap, CALLER_DIALS)
  const bounds = { max: 2, idleMs: 0 }
  const sessions = new Sessions(calling, new EvidenceDir(dir), meeting, bounds)
  const close = async () => {
    await sessions.close(async () => {
      remote.close()
      await Promise.all([meeting.close(), network.close()])
    })
    await wal.close()
    await closeStore(store)
  }
  return { sessions, calling, close }
}
