import { MivmError } from '../protocol/errors.ts'
import { invalid } from '../protocol/evidence-material.ts'
import type { ReplayCase, ReplayCode, ReplayedClaim } from '../protocol/evidence-replay.ts'
import type { Files, PathRange, Write } from '../protocol/files.ts'
import { blobsKey, stateKey } from '../protocol/manifest.ts'
import { Tree } from '../protocol/merkle.ts'
import { Archive } from '../state/archive.ts'
import { readVariables } from '../vm/variables.ts'
import type { VirtualMachine } from '../vm/vm.ts'
import { Report } from './findings.ts'
import { contractToReplay, Replay, type ReplayedBatch, type StateCopy } from './replay.ts'
import { checkBee, SparseCore } from './sparse-core.ts'

/** The two logs of a state archive that calls are executed on. */
export interface SparseState {
  readonly archive: SparseCore
  readonly blobs: SparseCore
}

/**
 * Executes the calls of a case again, on what it has of the state. Null where that comes to what the log says. Throws
 * VM_UNKNOWN, ENGINE_FAILED, NOT_REPRODUCED; PROOF_INVALID where the case is not whole.
 */
export async function reexecute(
  code: ReplayCode,
  replayCase: ReplayCase,
  vm: VirtualMachine
): Promise<ReplayedClaim | null> {
  const { archive, blobs } = replayCase
  checkBee(new Tree(archive.roots).length, archive.blocks)
  const core = (key: Uint8Array, { roots, blocks }: typeof archive) =>
    new SparseCore(key, roots, async (index) => blocks.get(index) ?? null)
  const keys = stateKeys(replayCase)
  const state = { archive: core(keys.files, archive), blobs: core(keys.blobs, blobs) }
  return executeOn(code, replayCase, state, vm)
}

/** The same on a state that is read from elsewhere; what is read of it is noted in its cores. */
export async function executeOn(
  code: ReplayCode,
  { genesis, address, source, calls, committed, start, commit }: ReplayCase,
  state: SparseState,
  vm: VirtualMachine
): Promise<ReplayedClaim | null> {
  const archive = new Guarded(state)
  const contract = contractIn(address, genesis, source)
  const variables = start === null ? null : await readVariables(archive)
  archive.begin()
  const report = new Report()
  const last = calls.at(-1)
  // where no commit is judged, whatever is written is taken for what it should be
  const version = archive.version()
  const copy: StateCopy = {
    archive,
    async commit(writes) {
      if (commit === null) return version
      await archive.write(writes)
      return archive.version()
    },
    async flush() {}
  }
  const batch: ReplayedBatch = {
    calls,
    commit: commit?.entry ?? { type: 'commit', ...version, heads: [] },
    commitIndex: commit?.index ?? 0,
    committed
  }
  const replay = new Replay(vm, contract, copy, report, variables)
  await replay.run([batch])
  await replay.finish()
  archive.assertRead()
  const found = report
    .take()
    .find((finding) => finding.code === code && finding.seq === last?.ack.seq)
  if (found !== undefined && last !== undefined) {
    const { block, message, differences } = found
    const why = `${message}; its calls begin with ${start === null ? 'nothing' : `the state that the host has committed in block ${start}`}`
    const seq = last.ack.seq
    return { log: 'call log', block, seq, why, ...(differences ? { differences } : {}) }
  }
  const [gap] = report.gaps
  if (gap !== undefined) throw new MivmError('NOT_REPRODUCED', gap.message)
  return null
}

/** Of limits that the VM does not give nobody can say what calls come to. */
function contractIn(...instance: Parameters<typeof contractToReplay>) {
  try {
    return contractToReplay(...instance)
  } catch (error) {
    if (!(error instanceof MivmError) || error.code !== 'LIMIT_INVALID') throw error
    throw new MivmError('NOT_REPRODUCED', `genesis cannot be run: ${error.message}`)
  }
}

/** An archive that others made up, maybe: what cannot be read in it is their fault, whatever comes of it. */
class Guarded implements Files {
  readonly #archive: Archive
  readonly #state: SparseState
  #problem: MivmError | null = null
  #isBegun = false

  constructor(state: SparseState) {
    this.#state = state
    this.#archive = new Archive(state.archive, state.blobs)
  }

  /** The variables are read: from now on limits of calls bound what is. */
  begin(): void {
    this.#isBegun = true
  }

  get(path: string): Promise<Uint8Array | null> {
    return this.#guard(this.#archive.get(path))
  }

  list(range: PathRange): Promise<string[]> {
    return this.#guard(this.#archive.list(range))
  }

  write(writes: readonly Write[]): Promise<void> {
    return this.#guard(this.#archive.write(writes))
  }

  version() {
    return this.#archive.version()
  }

  /** Throws where something could not be read, also if a call has gone on without it. */
  assertRead(): void {
    if (this.#problem !== null) throw this.#problem
  }

  async #guard<T>(reading: Promise<T>): Promise<T> {
    try {
      const read = await reading
      this.#assertRoom()
      return read
    } catch (error) {
      this.#problem ??=
        error instanceof MivmError
          ? error
          : invalid('its state is not one that an archive can have')
      throw this.#problem
    }
  }

  #assertRoom(): void {
    const { archive, blobs } = this.#state
    if (this.#isBegun || (blobs.given <= VARIABLES_MAX && archive.given <= TREE_READ_MAX)) return
    throw invalid('its variables are larger than those of any instance')
  }
}

/**
 * Bytes of exported variables, of which an instance may have 256 KiB, and of the tree that are read on the way to them:
 * in what is made up, any number of files may lie at one place.
 */
const VARIABLES_MAX = 16 * 1024 * 1024
const TREE_READ_MAX = 1024 * 1024 * 1024

/** Keys of the published archive: that of the blobs is in the first block of the files. */
export function stateKeys({ genesis, address }: Pick<ReplayCase, 'genesis' | 'address'>) {
  const { host } = genesis
  return {
    files: stateKey(host, address),
    blobs: blobsKey(host, address)
  }
}
