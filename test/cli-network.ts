import path from 'node:path'
import { Host } from '../src/host/host.ts'
import { openLocal } from '../src/net/network.ts'
import { Cli } from './cli.ts'
import type { Teardown } from './helpers.ts'
import { shareVm } from './lent-vm.ts'

/** A host that commands are tried on, in this process, which begins in no time: where it is not the host that is tried. */
export interface HostHere {
  readonly id: string
  readonly bootstrap: string
  stop(): Promise<void>
}

/** A host where `mivm host` has it below a directory, and a directory beside it for whoever calls it. */
export async function openNetwork(
  t: Teardown,
  root: string
): Promise<{ host: HostHere; cli: Cli }> {
  shareVm(t)
  const network = await openLocal(0)
  t.teardown(() => network.close(), { order: 3 })
  const { bootstrap } = network
  const host = await Host.open({ dir: path.join(root, 'host', 'host'), bootstrap, engines: 1 })
  t.teardown(() => host.close(), { order: 2 })
  const nodes = bootstrap.join(',')
  return {
    host: { id: host.id, bootstrap: nodes, stop: () => host.close() },
    cli: new Cli(path.join(root, 'user'), nodes)
  }
}
