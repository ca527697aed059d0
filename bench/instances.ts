// node bin/node.js --conditions=mivm-source bench/instances.ts [instances [calls]]
//
// What instances take that live in one engine: forums, each with some calls of addTopic. Resident memory of the engine,
// and time of its processor for each instance, from its code to its last answer.
import { readFileSync } from 'node:fs'
import { LIMITS } from '../src/protocol/limits.ts'
import { openVm } from '../src/vm/registry.ts'
import { describeMachine } from './machine.ts'

const [instances = 500, calls = 5] = process.argv.slice(2).map(Number)
const source = readFileSync(new URL('../contracts/forum.js', import.meta.url), 'utf8')
const limits = LIMITS
const vm = await openVm('js-1', { engines: 1, maxInstances: instances })
const sizes: number[] = []
for (let i = 0; i < instances; i++) {
  await call(`instance ${i}`)
  sizes.push(vm.figures().memory / 2 ** 20)
}
// the last one rests behind its job: an answer of another shows that it does
await call('instance 0')
const memory = vm.figures().memory / 2 ** 20
console.log(describeMachine())
console.log(`${instances} instances of ${calls} calls: ${memory.toFixed(0)} MiB in the engine`)
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
