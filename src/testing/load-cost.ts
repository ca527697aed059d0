import { type Bundle, bundleOf } from '../bundle/bundle.ts'
import { NO_FILES } from '../protocol/files.ts'
import type { Contract, VirtualMachine } from '../vm/vm.ts'
import { callBy, contractOf, userKey } from './contract.ts'
import { locateDeployment } from './locate.ts'
import { acquireVm } from './shared-vm.ts'

/** What every call costs before its method begins. */
export interface LoadCost {
  /** Milliseconds on this machine. */
  readonly ms: number
  /** Fuel, the same everywhere. */
  readonly fuel: number
}

/**
 * What loading a contract costs, since its whole body runs anew for every call. Throws CODE_* for what is wrong with
 * the contract.
 */
export async function loadCost(contract: string | Bundle): Promise<LoadCost> {
  const bundle = bundleOf(contract)
  const { vm, release } = await acquireVm()
  try {
    return await measure(vm, contractOf(vm.id, bundle.source, userKey('deployer'), {}))
  } catch (error) {
    throw await locateDeployment(bundle, [], bundle.explain(error))
  } finally {
    await release()
  }
}

/** Calls of a method that there is not: they end where a method would begin. */
async function measure(vm: VirtualMachine, contract: Contract): Promise<LoadCost> {
  const methods = await vm.inspect(contract)
  let method = 'load'
  while (methods.includes(method)) method += '_'
  const call = callBy('caller', method, '[]', 2, 0)
  let fuel = 0
  const run = (count: number) =>
    vm.run(
      {
        contract,
        variables: [],
        calls: Array.from({ length: count }, () => call),
        base: NO_FILES,
        onStep: (step) => {
          fuel = step.fuel
        },
        onOracle: async () => ({ ok: true, value: null })
      },
      { workMs: WORK_MS }
    )
  await run(WARM_UP)
  const from = performance.now()
  const count = await run(CALLS)
  const ms = (performance.now() - from) / count
  vm.evict(contract.address)
  return { ms, fuel }
}

/** V8 compiles a function when it is called for the first time. */
const WARM_UP = 2
const CALLS = 20
const WORK_MS = 200
