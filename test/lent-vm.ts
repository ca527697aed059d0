import { acquireVm } from '../src/testing/shared-vm.ts'
import { Laggards } from '../src/vm/laggards.ts'
import { Supervisor } from '../src/vm/supervisor.ts'
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

/**
 * Until the end of a test, hosts and audits that it opens in this process have one VM: where the same host is opened again and
 * again, and what it executes is not what is tested.
 */
export function shareVm(t: Teardown): void {
  const acquiring = acquireVm()
  acquiring.catch(() => {})
  sharing++
  Supervisor.open = async () => keptOpen((await acquiring).vm)
  forgetLaggards()
  t.teardown(
    async () => {
      if (--sharing === 0) Supervisor.open = open
      ;(await acquiring).leave()
    },
    { order: 8 }
  )
}

/** Scenes of a test may share it twice. */
let sharing = 0
const { open } = Supervisor

/** For a minute behind one that was slow, or has waited for an oracle, each new instance would begin in an engine of its own. */
export function forgetLaggards(): void {
  Laggards.prototype.has = () => false
}

/** The same, whose `close` does nothing. */
export function keptOpen(vm: Supervisor): Supervisor {
  return new Proxy(vm, {
    get(target, name) {
      if (name === 'close') return async () => {}
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    }
  })
}
