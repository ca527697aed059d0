import b4a from 'b4a'
import { MivmError } from '../protocol/errors.ts'
import type { Head } from '../protocol/head.ts'
import type { Tree } from '../protocol/merkle.ts'
import { type Proof, verifyProof } from '../protocol/proof.ts'

/** Two heads that the host has signed and that do not agree, with the proof that shows it. */
export interface Conflict {
  readonly known: Head
  readonly head: Head
  readonly proof: Proof
}

/**
 * What a client knows of a call log: the newest head it has verified. Every further head has to extend that one, so
 * a host cannot show this client two histories.
 */
export class Chain {
  readonly #key: Uint8Array
  readonly #host: Uint8Array
  #head: Head | null
  #tree: Tree | null = null
  #conflict: Conflict | null = null

  /** `head` is one that was verified before, as the user's own log records it. */
  constructor(key: Uint8Array, host: Uint8Array, head: Head | null) {
    this.#key = key
    this.#host = host
    this.#head = head
  }

  get head(): Head | null {
    return this.#head
  }

  get length(): number {
    return this.#head?.length ?? 0
  }

  /** What the host was found out with; null as long as it was not. */
  get conflict(): Conflict | null {
    return this.#conflict
  }

  /** Whether a proof can begin at the head, instead of at 0. */
  get anchored(): boolean {
    return this.#tree !== null
  }

  /**
   * Verifies a proof that has a boundary at this head, and takes on its head; returns the proven blocks. Throws
   * PROOF_INVALID, or HEAD_CONFLICT where the host has signed a history that does not extend this one.
   */
  extend(proof: Proof): ReadonlyMap<number, Uint8Array> {
    const { tree, head, blocks, through } = verifyProof(proof, {
      key: this.#key,
      publicKey: this.#host,
      through: this.length,
      ...(this.#tree === null ? {} : { tree: this.#tree })
    })
    const known = this.#head
    const agrees =
      known === null || (through !== null && b4a.equals(through.treeHash, known.treeHash))
    if (head.fork === 0 && !agrees && through?.isCertain === false) throw uncertain(this.length)
    if (head.fork !== 0 || head.length < this.length || !agrees) {
      this.#conflict = { known: known ?? head, head, proof }
      throw conflict(known, head)
    }
    this.#head = head
    this.#tree = tree
    return blocks
  }
}

function uncertain(length: number): MivmError {
  return new MivmError(
    'PROOF_INVALID',
    `the proof that the host has sent leaves open what its log was at ${length} blocks: audit the instance`
  )
}

function conflict(known: Head | null, head: Head): MivmError {
  return new MivmError(
    'HEAD_CONFLICT',
    `the host signed a history of ${head.length} blocks that does not extend the one of ${known?.length ?? 0} blocks that it signed before: audit the instance`
  )
}
