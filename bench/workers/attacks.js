// Runs attacks in isolates like those of an engine, one after the other: what came of them goes out on stdout as JSON,
// a line each. Plain JavaScript, because --jitless strips no types.
import { readFileSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import * as acorn from 'acorn'
import { Instance, Stopwatch } from '../../src/vm/js-1/instance.js'
import { composeRealm } from '../../src/vm/js-1/realm.js'
import { View } from '../../src/vm/js-1/view.js'

/** No watchdog: what ends has to end by itself. */
const TIME = 60_000

const { ivm } = createRequire(import.meta.url)(process.argv[2])
const tools = { ivm, acorn, realm: composeRealm(), compiledRealm: null }
const { attacks, limits } = JSON.parse(readFileSync(0, 'utf8'))
for (const attack of attacks) writeSync(1, `${JSON.stringify(measure(attack))}\n`)
process.kill(process.pid, 'SIGKILL')

function measure({ name, source }) {
  const instance = new Instance(tools, source, { ...limits, time: TIME })
  instance.prepare()
  instance.open(
    JSON.stringify({
      address: 'a',
      host: 'h',
      deployer: 'd',
      limits,
      variables: [],
      inspect: false
    })
  )
  call(instance, 'init', 1)
  const before = process.cpuUsage()
  const own = process.threadCpuUsage()
  const outcome = call(instance, 'attack', 2)
  const all = process.cpuUsage(before)
  const main = process.threadCpuUsage(own)
  instance.dispose()
  return {
    name,
    outcome: outcome.status === 'ok' ? 'ok' : `${outcome.status} ${outcome.error.code}`,
    message: outcome.error?.message,
    fuel: outcome.fuel ?? null,
    ms: (all.user + all.system) / 1000,
    main: (main.user + main.system) / 1000
  }
}

function call(instance, method, seq) {
  const begin = JSON.stringify([method, '[]', 'caller', seq, 1e12, 1, 2, 3, 4])
  const view = new View({ get: () => null, list: () => [] })
  return instance.run(begin, view, () => [true, null], new Stopwatch(TIME))
}
