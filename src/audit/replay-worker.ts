// The thread of `ReplayThread`: executes one request after the other.
import { parentPort } from 'node:worker_threads'
import { MivmError } from '../protocol/errors.ts'
import { openVm } from '../vm/registry.ts'
import type { VirtualMachine } from '../vm/vm.ts'
import { unpack } from './packed-batches.ts'
import type { Found } from './replay.ts'
import type { Answer, Asked, ReplayCommands } from './replay-thread.ts'
import { LocalReplayer } from './replayer.ts'

/** What was found since the last answer. */
class Relay implements Found {
  readonly counts = { replayed: 0 }
  #found: Parameters<Found['find']>[] = []
  #gaps: Parameters<Found['gap']>[0][] = []

  find(...finding: Parameters<Found['find']>): void {
    this.#found.push(finding)
  }

  gap(gap: Parameters<Found['gap']>[0]): void {
    this.#gaps.push(gap)
  }

  take(): Pick<Answer, 'found' | 'gaps' | 'replayed'> {
    const taken = { found: this.#found, gaps: this.#gaps, replayed: this.counts.replayed }
    this.#found = []
    this.#gaps = []
    this.counts.replayed = 0
    return taken
  }
}

const relay = new Relay()
let vm: Promise<VirtualMachine> | null = null
let replayer: LocalReplayer | null = null

const commands: ReplayCommands = {
  async open(subject) {
    const options = { engines: 1, maxInstances: 1, keepCompiler: false }
    const open = () => {
      vm ??= openVm(subject.genesis.vm, options).catch((error) => {
        // whoever got it ready in vain tries again when there is something to execute
        vm = null
        throw error
      })
      return vm
    }
    replayer = await LocalReplayer.open(subject, open, relay)
    return replayer !== null
  },
  prepare: async () => opened().prepare(),
  run: (batches) => opened().run(unpack(batches)),
  finish: () => opened().finish(),
  judgeTail: (tail) => opened().judgeTail(tail),
  sync: () => opened().sync(),
  isWhole: () => opened().isWhole(),
  flush: () => opened().flush(),
  async close(options) {
    await (await vm?.catch(() => null))?.close()
    await opened().close(options)
  }
}

function opened(): LocalReplayer {
  if (replayer === null) throw new MivmError('INTERNAL', 'asked before it was open: report this')
  return replayer
}

async function answer({ command, args }: Asked): Promise<void> {
  let value: unknown
  let error: Answer['error'] = null
  try {
    value = await Reflect.apply(commands[command], commands, args)
  } catch (thrown) {
    error = failureOf(thrown)
  }
  const stopped = replayer?.stopped === true
  parentPort?.postMessage({ value, error, ...relay.take(), stopped } satisfies Answer)
}

/** An error as it goes to another thread, which keeps nothing of it but what is told here. */
function failureOf(thrown: unknown): Answer['error'] {
  if (thrown instanceof MivmError) return { code: thrown.code, message: thrown.message }
  if (!(thrown instanceof Error)) return { code: null, message: String(thrown) }
  // the file system's tell what is wrong with a disk
  const system = 'code' in thrown ? { system: String(thrown.code) } : {}
  return { code: null, message: thrown.message, ...system }
}

let last: Promise<void> = Promise.resolve()
parentPort?.on('message', (asked: Asked) => {
  last = last.then(() => answer(asked))
})
