// Who takes part in a measurement: a network on loopback, and a host and a client in processes of their own.
import { openLocal } from 'mivm'
import type { SomeQuotas } from '../src/host/quotas.ts'
import { Directories } from './directories.ts'
import type { Options } from './harness.ts'
import { Worker } from './process.ts'
import type { ClientCommands } from './workers/client.ts'
import type { HostCommands } from './workers/host.ts'

export const HOST = new URL('./workers/host.ts', import.meta.url)
export const CLIENT = new URL('./workers/client.ts', import.meta.url)

export interface Place {
  readonly bootstrap: readonly string[]
  /** An empty directory, gone when this is over. */
  directory(name: string): Promise<string>
  /** Leaves the directories where they are, for somebody to look at. */
  keep(): void
}

/** A network and directories for something to happen in; whatever it started is ended and removed afterwards. */
export async function inPlace<T>(fn: (place: Place) => Promise<T>): Promise<T> {
  const directories = new Directories()
  const network = await openLocal(0)
  // whoever interrupts a benchmark does not want its processes and gigabytes to stay
  let interrupted = false
  const interrupt = () => {
    // npm and the terminal may both say it
    if (interrupted) return
    interrupted = true
    void Worker.stopAll().then(() => {
      directories.remove()
      process.exit(130)
    })
  }
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  try {
    await directories.check()
    return await fn({
      bootstrap: network.bootstrap,
      directory: (name) => directories.make(name),
      keep: () => directories.keep()
    })
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
    await Worker.stopAll()
    await network.close()
    directories.remove()
  }
}

/** A host and its id. */
export async function startHost(
  { bootstrap }: Place,
  dir: string,
  { profile }: Pick<Options, 'profile'>,
  quotas: SomeQuotas = {}
): Promise<{ worker: Worker<HostCommands>; id: string }> {
  const worker = Worker.start<HostCommands>(HOST, profile)
  return { worker, id: await worker.ask('open', dir, bootstrap, quotas) }
}

export async function startClient(
  { bootstrap }: Place,
  dir: string,
  { profile }: Pick<Options, 'profile'>
): Promise<Worker<ClientCommands>> {
  const worker = Worker.start<ClientCommands>(CLIENT, profile)
  await worker.ask('open', dir, bootstrap)
  return worker
}
