import type Hypercore from 'hypercore'
import type { SharedCore } from 'hypercore'
import { Network } from '../net/network.ts'
import type { MivmError } from '../protocol/errors.ts'
import { VM_ID } from '../protocol/vm-id.ts'
import { makeDirectory } from '../state/make-directory.ts'
import { mendedText } from '../state/mend-records.ts'
import { Readers } from '../state/readers.ts'
import { closeStore, openStore } from '../state/store.ts'
import { Wal } from '../state/wal.ts'
import { openVm } from '../vm/registry.ts'
import type { Supervisor } from '../vm/supervisor.ts'
import { Admission } from './admission.ts'
import { openHostIdentity, openIndex, storeOf } from './directory.ts'
import type { HostEvent } from './events.ts'
import { Gate } from './gate.ts'
import type { ExecutionOptions } from './instance.ts'
import type { Writing } from './ledger.ts'
import { Measures } from './measures.ts'
import type { HostOptions } from './options.ts'
import { Oracles } from './oracles.ts'
import { withDefaults } from './quotas.ts'
import { isCopied, Restored } from './restored.ts'
import { SetBacks } from './set-back.ts'
import { StoredBytes } from './stored.ts'

/** What a host is made of. */
export interface HostParts {
  readonly writing: Writing
  readonly network: Network
  readonly execution: HostExecution
  readonly admission: Admission
  /** Which instances there are. */
  readonly index: Hypercore
  readonly setBacks: SetBacks
  readonly restored: Restored | null
  /** Whether a copy of the directory may have gone on in its place. */
  readonly isCopied: boolean
  /** Notes something, and tells the operator. */
  onEvent(event: HostEvent): void
}

export interface HostExecution extends ExecutionOptions {
  readonly vm: Supervisor
  readonly measures: Measures
}

/** With half of it RocksDB compacts twice as much: each file that it makes of it reaches across all that was made of those before. */
const WRITE_BUFFER = 32 * 1024 * 1024

/** Opens a data directory, and starts engines. Nobody is connected yet. Throws as `Host.open` does. */
export async function openParts(options: HostOptions): Promise<HostParts> {
  await makeDirectory(options.dir)
  const { keyPair } = await openHostIdentity(options.dir)
  const setBacks = await SetBacks.open(options.dir, keyPair.publicKey)
  const restored = await Restored.find(options.dir)
  const copied = await isCopied(options.dir)
  const store = await openStore(storeOf(options.dir), {
    writeBuffer: WRITE_BUFFER,
    onMended: (mended) => tell(options, { type: 'mended', message: mendedText(mended) })
  })
  store.watch(serveOnly)
  const index = await openIndex(store, options.dir)
  const vm = await openEngines(options).catch(async (error) => {
    await closeStore(store)
    throw error
  })
  const measures = new Measures()
  const onEvent = (event: HostEvent) => {
    measures.note(event)
    tell(options, event)
  }
  const writing = {
    store,
    keyPair,
    wal: new Wal(store.storage.rocks),
    gate: new Gate(),
    onFatal: ({ code, message }: MivmError) => onEvent({ type: 'fatal', code, message }),
    onStuck: ({ code, message }: MivmError) => {
      const type = code === 'STORAGE_FULL' ? 'full' : 'stuck'
      if (measures.stuck === null) onEvent({ type, code, message })
    }
  }
  const admission = new Admission(withDefaults(options.quotas), new StoredBytes(index))
  Readers.bound(store, admission.quotas.host.logsOpen, () => {
    admission.refusals.count('host.logsOpen')
  })
  const execution = {
    vm,
    measures,
    admission,
    oracles: options.oracles ?? new Oracles(),
    onLog: (address: string, line: string) => onEvent({ type: 'log', address, line })
  }
  const network = new Network(keyPair, options.bootstrap)
  const shared = { writing, network, execution, admission, index, setBacks, onEvent }
  return { ...shared, restored, isCopied: copied }
}

/**
 * A host takes nothing in by replication: what users write comes with their calls, checked, in one atomic write with
 * the results. Nor does it note on disk how much a peer says it has, as Hypercore does: on a full disk that write
 * fails, and ends the stream of everybody who reads. Nor does it hear of a second version of a log: Hypercore would close
 * the first one for good, and with it, in the middle of a write, the whole instance. A user may sign two logs; what the
 * host has is the one that it has executed.
 */
function serveOnly(core: SharedCore): void {
  core.replicator.setPushOnly(true)
  core.updateRemoteContiguousLength = () => {}
  core.checkConflict = async () => true
}

/** What the program throws is its own, and must not end what is under way here. */
function tell({ onEvent }: HostOptions, event: HostEvent): void {
  try {
    onEvent?.(event)
  } catch (error) {
    setImmediate(() => {
      throw error
    })
  }
}

function openEngines(options: HostOptions): Promise<Supervisor> {
  const { engines, isolateBy, patience, sandbox, requireSandbox } = options
  return openVm(VM_ID, { engines, isolateBy, patience, sandbox, requireSandbox })
}
