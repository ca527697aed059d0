import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import c from 'compact-encoding'
import { Mutex } from '../net/mutex.ts'
import { MivmError } from '../protocol/errors.ts'
import { type Head, verifyHead } from '../protocol/head.ts'
import { decodeId } from '../protocol/ids.ts'
import { HEADS_HEAD } from '../protocol/messages.ts'
import { writeDurably } from '../state/durable-file.ts'
import { readUnflipped } from '../state/flipped-bit.ts'
import { listDirectory } from '../state/list-directory.ts'
import { syncDirectory } from '../state/sync-directory.ts'

const EXTENSION = '.head'

/**
 * Heads that this host has signed and that what it has does not lead to, of each instance the longest: its directory was
 * set back. They are on disk before anybody is told, so that a host that is started again knows it still.
 */
export class SetBacks {
  readonly #dir: string
  readonly #host: Uint8Array
  readonly #heads = new Map<string, Head>()
  /** Those of them that are on disk. */
  readonly #written = new Map<string, Head>()
  readonly #writing = new Mutex()

  private constructor(dir: string, host: Uint8Array) {
    this.#dir = dir
    this.#host = host
  }

  /** Those that are known in a data directory; throws DIRECTORY_DAMAGED. */
  static async open(hostDir: string, host: Uint8Array): Promise<SetBacks> {
    const dir = path.join(hostDir, 'set-back')
    const all = new SetBacks(dir, host)
    const names = await listDirectory(dir)
    for (const name of names.filter((it) => it.endsWith(EXTENSION))) {
      const address = name.slice(0, -EXTENSION.length)
      const head = read(await readFile(path.join(dir, name)), address, host, dir)
      all.#heads.set(address, head)
      all.#written.set(address, head)
    }
    return all
  }

  /** Addresses, z-base-32. */
  get addresses(): string[] {
    return [...this.#heads.keys()]
  }

  get(address: string): Head | null {
    return this.#heads.get(address) ?? null
  }

  /** What calls of such an instance end with; null where it is none. */
  refusal(address: string): MivmError | null {
    const head = this.#heads.get(address)
    return head === undefined ? null : setBack(head)
  }

  /** Whether this host has signed a head of an instance. */
  isSigned(address: string, head: Head): boolean {
    return verifyHead(head, decodeId(address), this.#host)
  }

  /** It holds from now on; on disk when it resolves. Where it could not be written down the next one tries again. */
  async keep(address: string, head: Head): Promise<void> {
    const known = this.#heads.get(address)
    if (known === undefined || known.length < head.length) this.#heads.set(address, head)
    // one after another: two that come at once shall not leave the shorter one on disk
    await this.#writing.run(() => this.#write(address))
  }

  async #write(address: string): Promise<void> {
    const head = this.#heads.get(address)
    if (head === undefined || this.#written.get(address) === head) return
    await writeDurably(path.join(this.#dir, `${address}${EXTENSION}`), c.encode(HEADS_HEAD, head))
    this.#written.set(address, head)
  }

  /** Forgets what was lost of an instance: what is on disk leads to that head again. */
  async remove(address: string): Promise<void> {
    if (!this.#heads.delete(address)) return
    this.#written.delete(address)
    await rm(path.join(this.#dir, `${address}${EXTENSION}`), { force: true })
    await syncDirectory(this.#dir)
  }
}

/** What calls end with where a host has signed this head and does not have what it is of. */
export function setBack({ length }: Head): MivmError {
  return new MivmError(
    'INSTANCE_SET_BACK',
    `the host has signed ${length} blocks of this instance, and its directory was set back to before that: it signs nothing more there until its operator has run "mivm host --recover"`
  )
}

/** What a call ends with whose caller says that it has seen more than there is, and does not show it. */
export function notThatFar(known: number, length: number): MivmError {
  return new MivmError(
    'INSTANCE_SET_BACK',
    `the host has ${length} blocks of this instance, and the caller says that it knows ${known}: call again, with the newest version`
  )
}

/** The signature tells which bit a disk has flipped: nothing is served by a host that cannot read such a file. */
function read(bytes: Uint8Array, address: string, host: Uint8Array, dir: string): Head {
  const readOne = (some: Uint8Array) => {
    try {
      const head = c.decode(HEADS_HEAD, some)
      return verifyHead(head, decodeId(address), host) ? head : null
    } catch {
      return null
    }
  }
  const head = readOne(bytes) ?? readUnflipped(bytes, readOne)
  if (head !== null) return head
  throw new MivmError(
    'DIRECTORY_DAMAGED',
    `${path.join(dir, address)}${EXTENSION} is not what this host has written: restore it from a backup`
  )
}
