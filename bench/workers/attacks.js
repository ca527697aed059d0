// Runs attacks in isolates like those of an engine, one after the other: what came of them goes out on stdout as JSON,
// a line each. Plain JavaScript, because --jitless strips no types.
import { readFileSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import * as acorn from 'acorn'
import { compileOrRefuse } from '../../src/vm/js-1/compile.js'
import { Abort, Instance } from '../../src/vm/js-1/instance.js'
import { Operations } from '../../src/vm/js-1/operations.js'
import { readRealm } from '../../src/vm/js-1/realm.js'
import { View } from '../../src/vm/js-1/view.js'

/** No watchdog: what ends has to end by itself. */
const TIME = 60_000

const { ivm } = createRequire(import.meta.url)(process.argv[2])
const tools = { ivm, realm: readRealm(), cachedRealm: null }
const { attacks, limits } = JSON.parse(readFileSync(0, 'utf8'))
for (const attack of attacks) writeSync(1, `${JSON.stringify(measure(attack))}\n`)
process.kill(process.pid, 'SIGKILL')

function measure({ name, source }) {
  const instance = new Instance(tools, source, compileOrRefuse(acorn, source), limits)
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
  const { outcome, fuel } = call(instance, 'attack', 2)
  const all = process.cpuUsage(before)
  const main = process.threadCpuUsage(own)
  instance.dispose()
  return {
    name,
    outcome: outcome.status === 'ok' ? 'ok' : `${outcome.status} ${outcome.error.code}`,
    message: outcome.error?.message,
    fuel: fuel ?? null,
    ms: (all.user + all.system) / 1000,
    main: (main.user + main.system) / 1000
  }
}

/** The step of one call, on an instance without files. */
function call(instance, method, seq) {
  const begin = JSON.stringify([method, '[]', 'caller', seq, 1e12, 1, 2, 3, 4])
  const left = { view: () => new View({ get: () => null, list: () => [] }) }
  const operations = new Operations(left, () => ({ ok: true, value: null }))
  try {
    const ask = (_, ops, isFirst) => operations.answer(ops, isFirst)
    return JSON.parse(instance.run([begin], TIME, ask).text)
  } catch (error) {
    if (!(error instanceof Abort)) throw error
    return { outcome: { status: 'abort', error } }
  }
}
