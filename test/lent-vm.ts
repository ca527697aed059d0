import { acquireVm } from '../src/testing/shared-vm.ts'
import type { VirtualMachine } from '../src/vm/vm.ts'
import type { Teardown } from './helpers.ts'

const borrowed = new WeakMap<Teardown, Promise<VirtualMachine>>()

/** One VM for all audits of a test: to start an engine takes longer than most of them. */
export function lendVm(t: Teardown): Promise<VirtualMachine> {
  const known = borrowed.get(t)
  if (known !== undefined) return known
  const lending = acquireVm().then(({ vm, leave }) => {
    t.teardown(leave)
    return lent(vm)
  })
  borrowed.set(t, lending)
  return lending
}

/** A VM that whoever gets it does not close. */
export function lent(machine: VirtualMachine): VirtualMachine {
  return {
    id: machine.id,
    inspect: (contract) => machine.inspect(contract),
    run: (batch, options) => machine.run(batch, options),
    evict: (address) => machine.evict(address),
    close: async () => {}
  }
}
