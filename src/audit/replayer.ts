import type { Genesis } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import type { Files } from '../protocol/files.ts'
import { readVariables } from '../vm/variables.ts'
import type { Batch, Contract, VirtualMachine } from '../vm/vm.ts'
import type { PlainLog } from './plain-log.ts'
import { contractToReplay, type Found, Replay, type ReplayedBatch, type Tail } from './replay.ts'
import { Shadow, type ShadowRoots, type Versions } from './shadow.ts'

/** What calls are executed again on, and where. */
export interface ReplaySubject {
  readonly dir: string
  readonly id: string
  readonly address: Uint8Array
  readonly genesis: Genesis
  readonly source: string
  /** Key of the published blobs. */
  readonly blobsKey: Uint8Array
  /** Where an audit before this one has left its copy of the state. */
  readonly from: { readonly at: Versions; readonly roots: ShadowRoots } | null
}

/** The two logs of the state, as they are written down by now. */
export interface StateLogs {
  readonly files: PlainLog
  readonly blobs: PlainLog
}

/** Executes the calls of a log again, on a copy of the state that it has to itself. */
export interface Replayer {
  /** True once nothing more can be replayed. */
  readonly stopped: boolean
  /** Begins to get ready for the first run. */
  prepare(): void
  /** What runs before this one came to is in the report when it resolves. */
  run(batches: readonly ReplayedBatch[]): Promise<void>
  /** Resolves when everything that was replayed is judged. */
  finish(): Promise<void>
  /** Judges results that no commit covers yet; nothing that calls write is kept. */
  judgeTail(tail: Tail): Promise<void>
  /** Resolves when all of the copy is on disk. */
  sync(): Promise<ShadowRoots>
  /** Whether every block of the copy is what was written, or what the commit says that it began with. */
  isWhole(): Promise<boolean>
  /** What evidence is put together with: what executes a call once more, and the state; null where nothing does. */
  vm(): Promise<VirtualMachine | null>
  state(): Promise<StateLogs>
  /** `keep` leaves the copy for the next audit. */
  close(options: { keep: boolean }): Promise<void>
}

/** Replays in this thread. */
export class LocalReplayer implements Replayer {
  readonly #subject: ReplaySubject
  readonly #openVm: () => Promise<VirtualMachine>
  readonly #shadow: Shadow
  readonly #report: Found
  #vm: VirtualMachine | null = null
  #replay: Replay | null = null
  #isUnable = false

  private constructor(
    subject: ReplaySubject,
    openVm: () => Promise<VirtualMachine>,
    shadow: Shadow,
    report: Found
  ) {
    this.#subject = subject
    this.#openVm = openVm
    this.#shadow = shadow
    this.#report = report
  }

  /** Null where the copy to go on from is not there any more. Throws DIRECTORY_LOCKED. */
  static async open(
    subject: ReplaySubject,
    openVm: () => Promise<VirtualMachine>,
    report: Found
  ): Promise<LocalReplayer | null> {
    const { dir, id, blobsKey, from } = subject
    const shadow =
      from === null
        ? await Shadow.create(dir, id, blobsKey)
        : await Shadow.reopen(dir, id, blobsKey, from.at, from.roots)
    return shadow && new LocalReplayer(subject, openVm, shadow, report)
  }

  get stopped(): boolean {
    return this.#isUnable || this.#replay?.stopped === true
  }

  prepare(): void {
    // whoever runs something is told why it could not be
    this.#load().catch(() => {})
  }

  async run(batches: readonly ReplayedBatch[]): Promise<void> {
    if (this.stopped) return
    this.#replay ??= await this.#begin()
    await this.#replay?.run(batches)
  }

  async finish(): Promise<void> {
    await this.#replay?.finish()
  }

  async judgeTail(tail: Tail): Promise<void> {
    if (this.stopped) return
    this.#replay ??= await this.#begin()
    await this.#replay?.judgeTail(tail)
  }

  async sync(): Promise<ShadowRoots> {
    await this.#shadow.sync()
    return this.#shadow.roots
  }

  /** Writes it down, to be read by another thread. */
  async flush(): Promise<ShadowRoots> {
    await this.#shadow.flush()
    return this.#shadow.roots
  }

  isWhole(): Promise<boolean> {
    return this.#shadow.isWhole()
  }

  async vm(): Promise<VirtualMachine | null> {
    return this.#vm
  }

  async state(): Promise<StateLogs> {
    return this.#shadow
  }

  async close({ keep }: { keep: boolean }): Promise<void> {
    await this.#shadow.close({ keep })
  }

  /** Has the code compiled, and the engine know it. */
  async #load(): Promise<void> {
    const { address, genesis, source } = this.#subject
    const vm = await this.#openVm()
    await vm.run(withoutCalls(contractToReplay(address, genesis, source), this.#shadow.archive))
  }

  /** Null where this machine cannot execute the calls, and that is a gap. */
  async #begin(): Promise<Replay | null> {
    const { address, genesis, source, from } = this.#subject
    try {
      this.#vm = await this.#openVm()
    } catch (error) {
      if (!(error instanceof MivmError)) throw error
      if (error.code !== 'VM_UNKNOWN' && error.code !== 'ENGINE_FAILED') throw error
      this.#isUnable = true
      const reason = error.code === 'VM_UNKNOWN' ? 'unsupported' : 'not-reproduced'
      const message = `no call could be replayed: ${error.message}`
      this.#report.gap({ reason, log: 'call log', from: null, to: null, message })
      return null
    }
    const variables = from === null ? null : await readVariables(this.#shadow.archive)
    // of another VM nobody knows what limits it allows
    const contract = contractToReplay(address, genesis, source)
    return new Replay(this.#vm, contract, this.#shadow, this.#report, variables)
  }
}

function withoutCalls(contract: Contract, base: Files): Batch {
  const onOracle = async () => {
    throw new MivmError('INTERNAL', 'a call that there is not asks an oracle: report this')
  }
  return { contract, variables: [], calls: [], base, onStep() {}, onOracle }
}
