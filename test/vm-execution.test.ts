import test from 'brittle'
import { Engine, EngineDeath, type JobHandlers } from '../src/vm/engine.ts'
import { Execution } from '../src/vm/execution.ts'
import type { DoneReport, StepReport } from '../src/vm/frames.ts'
import { findNode } from '../src/vm/node.ts'
import type { Contract } from '../src/vm/vm.ts'
import { baseOf, callOf, contractOf } from './vm-helpers.ts'

const STEP: StepReport = { outcome: { status: 'ok', value: '1' }, writes: [], fuel: 1, logs: [] }

/** Engines that die over their first jobs; those behind them execute all that they are given. */
async function outcomes(calls: number, deaths: readonly EngineDeath[]): Promise<string[]> {
  const left = [...deaths]
  const slot = {
    async run(
      _: Contract,
      job: { readonly time: number; readonly calls?: unknown },
      { onSteps }: JobHandlers
    ): Promise<DoneReport> {
      const death = left.shift()
      if (death !== undefined) throw death
      const steps = Array.isArray(job.calls) ? job.calls.map(() => STEP) : []
      onSteps(steps)
      return {
        type: 'done',
        steps: [],
        count: steps.length,
        work: 1,
        processor: 1,
        outOfTime: false
      }
    }
  }
  const said: string[] = []
  const batch = {
    contract: contractOf(''),
    variables: [],
    calls: Array.from({ length: calls }, (_, i) => callOf(['add'], i + 1)),
    base: baseOf(new Map()),
    onStep({ outcome }: { outcome: StepReport['outcome'] }) {
      said.push(outcome.status === 'abort' ? String(outcome.error.code) : outcome.status)
    },
    onOracle: () => Promise.reject(new Error('nobody asks'))
  }
  await new Execution(batch, {}).run(slot, false)
  return said
}

const crash = (hasBegun = true) => new EngineDeath('crash', 'it ended', hasBegun)

test('execution - a call is aborted when an engine dies over it alone, for the second time', async (t) => {
  t.alike(await outcomes(2, [crash()]), ['ok', 'ok'])
  t.alike(await outcomes(2, [crash(), crash()]), ['ABORT_ENGINE', 'ok'])
})

test('execution - an engine that was killed with the one before it is held against no call', async (t) => {
  t.alike(await outcomes(2, [crash(), crash(false)]), ['ok', 'ok'])
  t.alike(await outcomes(1, [crash(), crash(false), crash(false), crash(false)]), ['ok'])
})

test('execution - where no engine comes to any call it ends all the same', async (t) => {
  const never = Array.from({ length: 20 }, () => crash(false))
  t.is((await outcomes(1, never))[0], 'ABORT_ENGINE')
})

test('execution - an engine that dies before it is used has not begun with its job', async (t) => {
  const engine = await Engine.start({ node: findNode() ?? '' })
  if (engine.pid === null) throw new Error('it has no pid')
  process.kill(engine.pid, 'SIGKILL')
  const contract = contractOf('exports.add = () => 1')
  const time = contract.limits.time
  const job = {
    type: 'run',
    ...contract,
    code: '',
    variables: [],
    calls: [],
    workMs: null,
    time
  } as const
  const handlers = { onSteps: () => {}, onQuestion: () => Promise.reject(new Error('no')) }
  const death: unknown = await engine.run(job, handlers).catch((error) => error)
  t.ok(death instanceof EngineDeath && death.reason === 'crash' && !death.hasBegun)
})
