// node bin/node.js --conditions=mivm-source bench/instances.ts [instances [calls]]
//
// What instances take that live in one engine: forums, each with some calls of addTopic. Resident memory of the engine, with
// as many instances as it still holds: one that becomes too large is replaced.
import { readFileSync } from 'node:fs'
import { LIMITS } from '../src/protocol/limits.ts'
import { openVm } from '../src/vm/registry.ts'
import { describeMachine } from './machine.ts'

const [instances = 500, calls = 5] = process.argv.slice(2).map(Number)
const source = readFileSync(new URL('../contracts/forum.js', import.meta.url), 'utf8')
const limits = LIMITS
const vm = await openVm('js-1', { engines: 1, maxInstances: instances })
for (let i = 0; i < instances; i++) await call(`instance ${i}`)
// the last one collects behind its job: an answer of another shows that it has
await call('instance 0')
const { memory, instances: held } = vm.figures()
console.log(describeMachine())
console.log(
  `${held} of ${instances} instances of ${calls} calls: ${(memory / 2 ** 20).toFixed(0)} MiB in the engine`
)
await vm.close()

async function call(address: string): Promise<void> {
  const contract = { vm: 'js-1', address, host: 'host', deployer: 'deployer', source, limits }
  await vm.run({
    contract,
    variables: [],
    calls: Array.from({ length: calls }, (_, i) => ({
      method: i === 0 ? 'init' : 'addTopic',
      args: i === 0 ? '[]' : '["Hello world"]',
      caller: 'caller',
      seq: i + 1,
      time: Date.UTC(2018, 10, 21) + i,
      seed: new Uint8Array(32).fill(i + 1)
    })),
    base: { get: async () => null, list: async () => [] },
    onStep: () => {},
    onOracle: async () => ({ ok: true, value: null }),
    onLog: () => {}
  })
}
