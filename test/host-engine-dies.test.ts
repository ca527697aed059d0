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

test('host - an answer that comes while the call it is for is given up moves no other entry of the log', async (t) => {
  const keyPair = crypto.keyPair()
  const store = await openStore(await tempDir(t))
  t.teardown(() => store.close())
  const wal = new Wal(store.storage.rocks)
  const writing = { store, keyPair, wal, gate: new Gate(), onFatal: () => {} }
  let asked = Promise.withResolvers<void>()
  let answer = Promise.withResolvers<number>()
  const price = () => {
    asked.resolve()
    return answer.promise
  }
  let late = 0
  const vm: VirtualMachine = {
    ...DYING,
    async run({ calls, onOracle, onStep }: Batch): Promise<number> {
      if (calls[0]?.method === 'ask') {
        ;[asked, answer] = [Promise.withResolvers(), Promise.withResolvers()]
        void onOracle({ call: 0, index: 0, name: 'price', args: '[]' }).catch(() => {})
        await asked.promise
        // a turn of the microtasks later each time
        const { resolve } = answer
        void turns(late++).then(() => resolve(1))
      }
      for (const [i, { method }] of calls.entries()) onStep(method === 'ask' ? ABORT : OK, i)
      return calls.length
    }
  }
  const execution = { vm, oracles: new Oracles({ price }), onLog: () => {} }
  const { address, request } = deployment(encodeId(keyPair.publicKey), '')
  const genesis = decodeEntry(request.genesis)
  if (genesis.type !== 'genesis') return t.fail()
  const instance = await Instance.deploy(writing, execution, address, genesis, request)
  const user = new BareUser(address, 'user')
  while (late < 40) {
    const start = user.blocks.length
    await instance.submit(user.call('ask').call('add').call('add').log(start))
    await instance.settled(user.key, user.blocks.length)
  }
  const { length } = instance.head
  await instance.close()
  await wal.close()
  const log = store.get({ key: address })
  let [ack, wrong, answers] = [0, 0, 0]
  for (let i = 0; i < length; i++) {
    const entry = decodeEntry((await log.get(i)) ?? b4a.alloc(0))
    if (entry.type === 'ack') ack = i
    if (entry.type === 'oracle-answer') answers++
    if (entry.type === 'result' && entry.ack !== ack) wrong++
  }
  t.is(wrong, 0)
  t.comment(`${answers} of ${late} answers came in time`)
})

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await null
}
