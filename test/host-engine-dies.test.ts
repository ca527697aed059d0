import b4a from 'b4a'
import test from 'brittle'
import crypto from 'hypercore-crypto'
import { Gate } from '../src/host/gate.ts'
import { Instance } from '../src/host/instance.ts'
import { Oracles } from '../src/host/oracles.ts'
import { decodeEntry } from '../src/protocol/entries.ts'
import { encodeId } from '../src/protocol/ids.ts'
import { openStore } from '../src/state/store.ts'
import { Wal } from '../src/state/wal.ts'
import type { Batch, Step, VirtualMachine } from '../src/vm/vm.ts'
import { BareUser, deployment } from './bare-user.ts'
import { tempDir } from './helpers.ts'

const OK: Step = { outcome: { status: 'ok', value: null }, writes: [], fuel: 0 }
const ABORT: Step = {
  outcome: { status: 'abort', error: { name: 'MivmError', message: '', code: 'ABORT_ENGINE' } },
  writes: [],
  fuel: 0
}

/** One call a batch; of a call of `ask` every engine dies as soon as it has asked. */
const DYING: VirtualMachine = {
  id: 'js-1',
  inspect: async () => ['init', 'add', 'ask'],
  async run(batch: Batch): Promise<number> {
    const asks = batch.calls[0]?.method === 'ask'
    if (asks) {
      void batch.onOracle({ call: 0, index: 0, name: 'price', args: '[]' }).catch(() => {})
    }
    batch.onStep(asks ? ABORT : OK, 0)
    return 1
  },
  evict() {},
  async close() {}
}

test('host - the question of an engine that is dead for good does not come into the log', async (t) => {
  const keyPair = crypto.keyPair()
  const store = await openStore(await tempDir(t))
  const wal = new Wal(store.storage.rocks)
  const writing = { store, keyPair, wal, gate: new Gate(), onFatal: () => {} }
  const oracles = new Oracles({ price: () => t.fail('nobody is left who would take the answer') })
  const execution = { vm: DYING, oracles, onLog: () => {} }
  const { address, request } = deployment(encodeId(keyPair.publicKey), '')
  const genesis = decodeEntry(request.genesis)
  if (genesis.type !== 'genesis') return t.fail()
  const instance = await Instance.deploy(writing, execution, address, genesis, {
    ...request,
    log: new BareUser(address, 'deployer').call('init').log()
  })
  t.teardown(() => store.close())
  const user = new BareUser(address, 'user').call('add').call('ask').call('add')
  await instance.submit(user.log())
  await instance.settled(user.key, 3)
  const { length } = instance.head
  await instance.close()
  await wal.close()
  const log = store.get({ key: address })
  const types: string[] = []
  for (let i = 5; i < length; i++) {
    types.push(decodeEntry((await log.get(i)) ?? b4a.alloc(0)).type)
  }
  const batch = ['ack', 'result', 'commit']
  t.alike(types, [...batch, ...batch, ...batch])
})
