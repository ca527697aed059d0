import test from 'brittle'
import { LIMITS } from '../src/protocol/limits.ts'
import { contractOf, THEMES } from './hostile/index.ts'
import { briefOf, contractOf as contract, Instance, openOne } from './vm-helpers.ts'

/** No watchdog: what ends has to end by itself. */
const TIME = 600_000

test('hostile - with all the fuel that a call may have, nothing but memory ends by the engine', async (t) => {
  const vm = await openOne(t)
  for (const [theme, attacks] of Object.entries(THEMES)) {
    const limits = { ...LIMITS, time: TIME }
    const instance = new Instance(contract(contractOf(attacks), { address: theme, limits }))
    await instance.run(vm, [['init']])
    for (const [index, { name, outcome }] of attacks.entries()) {
      const started = process.hrtime.bigint()
      const [result] = await instance.run(vm, [[`attack${index}`]])
      const ms = Number(process.hrtime.bigint() - started) / 1e6
      const brief = briefOf(result).replace(/^ok .*/s, 'ok')
      // ten times the fuel may reach a limit, or be enough
      const hasEnded =
        brief === outcome || !brief.startsWith('abort') || brief === 'abort ABORT_MEMORY'
      t.ok(hasEnded, `${theme}: ${name}: ${brief}`)
      if (ms > LIMITS.time)
        t.comment(`${theme}: ${name}: ${ms.toFixed()} ms, over the time of a call`)
    }
  }
})
