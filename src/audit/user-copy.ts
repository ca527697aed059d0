import { MivmError } from '../protocol/errors.ts'
import type { TreeNode } from '../protocol/merkle.ts'
import type { Gap } from './findings.ts'
import type { LogReader } from './log-reader.ts'

/** Bytes of blocks of several copies that are read and not yet taken. */
export interface HeldBlocks {
  bytes: number
}

/**
 * An auditor's copy of one user's log, from which blocks are taken one by one, each with the tree up to and with it: which
 * lengths commits name is not known when they are read.
 */
export class UserCopy {
  /** Null where the log is not here at all. */
  readonly reader: LogReader | null
  /** Why it does not go on. */
  #gap: Gap | null
  /**
   * Blocks that are read, each with the roots of the tree up to and with it; `taken` of them are let go: there may be any
   * number of users.
   */
  #blocks: (Uint8Array | undefined)[] = []
  #roots: readonly (readonly TreeNode[])[] = []
  #taken = 0
  /** Of the tree before them; null where none is read yet. */
  #before: readonly TreeNode[] | null = null
  /** Blocks that are taken since the beginning. */
  #at = 0
  readonly #held: HeldBlocks

  constructor(copy: LogReader | Gap, held: HeldBlocks = { bytes: 0 }) {
    this.reader = 'reason' in copy ? null : copy
    this.#gap = 'reason' in copy ? copy : null
    this.#held = held
  }

  /** Goes on behind `at` blocks, of which the reader has the roots; false where there are not `lengthMin` that go on from them. */
  async resume(at: number, lengthMin: number): Promise<boolean> {
    const { reader } = this
    if (reader === null || (await reader.fix(at)) !== null) return false
    if (reader.length < lengthMin || !(await reader.holds())) return false
    this.#at = at
    return true
  }

  /** Goes on behind `at` blocks, where it has been before: there is nothing to look at again. */
  goOn(at: number, gap: Gap | null): void {
    this.#at = at
    this.#gap = gap
  }

  get gap(): Gap | null {
    return this.#gap
  }

  /** Blocks that are taken. */
  get at(): number {
    return this.#at
  }

  /** Of the tree over them. */
  get roots(): readonly TreeNode[] {
    return this.#roots[this.#taken - 1] ?? this.#before ?? this.reader?.roots ?? []
  }

  /** Up to which there may be blocks. */
  get length(): number {
    return this.reader?.length ?? 0
  }

  /** Whether a block is read and not taken. */
  get hasNext(): boolean {
    return this.#taken < this.#blocks.length
  }

  /** Whether its head says that there was another log before it. */
  get isRewritten(): boolean {
    return (this.reader?.head?.fork ?? 0) > 0
  }

  take(): { readonly index: number; readonly block: Uint8Array } {
    const taken = this.#taken++
    const block = this.#blocks[taken]
    if (block === undefined) throw new MivmError('INTERNAL', 'a block was taken that is not there')
    this.#blocks[taken] = undefined
    this.#held.bytes -= block.byteLength
    return { index: this.#at++, block }
  }

  /** Whether there is more to read; where it ends before block `to`, that is waited for. */
  async awaitNext(to: number): Promise<boolean> {
    const { reader } = this
    if (this.#gap !== null || reader === null) return false
    if (!reader.done) return true
    this.#gap = await reader.fix(to)
    if (this.#gap === null && reader.done) {
      this.#gap = reader.gap('missing', reader.length, null, 'nobody has shown them')
    }
    return this.#gap === null
  }

  /** Reads on where all is taken; false where that cannot be. */
  async read(): Promise<boolean> {
    if (this.reader === null) return false
    // to hash at all of these lengths is dear
    const roots: TreeNode[][] = []
    const before = this.roots
    const window = await this.reader.read((_, tree) => roots.push([...tree.roots]))
    if ('reason' in window) {
      this.#gap = window
      return false
    }
    this.#keep([...window.blocks])
    this.#roots = roots
    this.#before = before
    this.#taken = 0
    return true
  }

  /** Nothing of what was read before is left to be taken, or ever will be. */
  #keep(blocks: (Uint8Array | undefined)[]): void {
    const left = bytesOf(blocks) - bytesOf(this.#blocks)
    this.#held.bytes += left
    this.#blocks = blocks
  }

  /** What was missing may be there by now. */
  forgetMissing(): void {
    if (this.reader !== null && this.#gap?.reason === 'missing') this.#gap = null
  }

  /** A copy of which all is taken may have grown. */
  async lookAgain(): Promise<void> {
    const { reader } = this
    if (reader === null || this.#gap !== null) return
    if (!this.hasNext && reader.done) this.#gap = await reader.fix(0)
  }

  /** Another reader of this copy, at the same place. */
  fork(): UserCopy {
    const copy = this.reader?.fork() ?? this.#gap
    if (copy === null) throw new MivmError('INTERNAL', 'a log that is neither here nor missing')
    const fork = new UserCopy(copy)
    fork.#gap = this.#gap
    fork.#keep([...this.#blocks])
    fork.#roots = this.#roots
    fork.#before = this.#before
    fork.#taken = this.#taken
    fork.#at = this.#at
    return fork
  }

  /** Ends what is still asked of peers; the log itself stays open. */
  async close(): Promise<void> {
    this.#keep([])
    await this.reader?.close()
  }
}

function bytesOf(blocks: readonly (Uint8Array | undefined)[]): number {
  return blocks.reduce((sum, block) => sum + (block?.byteLength ?? 0), 0)
}
