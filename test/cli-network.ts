import path from 'node:path'
import { Host } from '../src/host/host.ts'
import { Cli } from './cli.ts'
import type { Teardown } from './helpers.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'

/** A host in this process, which begins in no time: for commands that are tried on one where it is not the host that is tried. */
export interface HostHere {
  readonly id: string
  /** Nodes of its network, as commands take them. */
  readonly bootstrap: string
  /** There is no signal for it. */
  stop(signal?: NodeJS.Signals): Promise<unknown>
}

/** A host where `mivm host` has it below a directory. */
export async function openHost(
  t: Teardown,
  dir: string,
  bootstrap: readonly string[]
): Promise<HostHere> {
  shareVm(t)
  const host = await Host.open({ dir: path.join(dir, 'host'), bootstrap, engines: 1 })
  const stop = () => host.close()
  t.teardown(stop, { order: 2 })
  return { id: host.id, bootstrap: bootstrap.join(','), stop }
}

/** A host in a network of its own, and a directory beside it for whoever calls it. */
export async function openNetwork(
  t: Teardown,
  root: string,
  name = 'host'
): Promise<{ host: HostHere; cli: Cli }> {
  const host = await openHost(t, path.join(root, name), await localNetwork(t))
  return { host, cli: new Cli(path.join(root, 'user'), host.bootstrap) }
}
