import path from 'node:path'
import b4a from 'b4a'
import crypto, { type KeyPair } from 'hypercore-crypto'
import { codeOf } from '../protocol/errors.ts'
import type { Head } from '../protocol/head.ts'
import type { TreeNode } from '../protocol/merkle.ts'
import { decodeValue, encodeValue } from '../protocol/values.ts'
import { createDurably, writeDurably } from '../state/durable-file.ts'
import { readOwnFile } from '../state/own-file.ts'
import type { WalkState } from './call-log.ts'
import type { Counts, Place } from './findings.ts'
import type { ShadowRoots } from './shadow.ts'
import type { UserLogsState } from './user-logs.ts'

/** All that an audit has to know to go on behind a commit as if it had begun at genesis. */
export interface Checkpoint {
  readonly address: Uint8Array
  /** The newest head of the call log that the audit had read to; the commit is below it. */
  readonly head: Head
  /** Of the tree over the call log up to and with the commit. */
  readonly roots: readonly TreeNode[]
  readonly walk: WalkState
  readonly users: UserLogsState
  /** Of the copy of the state as the commit left it. */
  readonly state: ShadowRoots
  readonly counts: Counts
  readonly firstAbort: Place | null
}

/** One that is to be written: of the users' logs, of which there may be any number, it has the text. */
export type NewCheckpoint = Omit<Checkpoint, 'users'> & { readonly users: string }

/** Where that of an instance is, by its id. */
export function checkpointFile(dir: string, id: string): string {
  return path.join(dir, `${id}.checkpoint`)
}

/** A checkpoint, or why there is none that could be used; null where nobody has left one. */
export type Kept = { readonly checkpoint: Checkpoint } | { readonly unusable: string } | null

const FAMILY = 'mivm/checkpoint/'
const FIRST_LINE = `${FAMILY}1`
const SIGNATURE_BYTES = 64
const SEED_BYTES = 32

/**
 * What an auditor knows of an instance, in a file of its own directory, signed with a key of that directory: so that a
 * file that is damaged, or comes from elsewhere, is noticed. (FORMAT.md, 22.)
 */
export class Checkpoints {
  readonly #dir: string
  readonly #file: string
  readonly #address: Uint8Array

  constructor(dir: string, id: string, address: Uint8Array) {
    this.#dir = dir
    this.#file = checkpointFile(dir, id)
    this.#address = address
  }

  async read(): Promise<Kept> {
    const bytes = await readOwnFile(this.#file).catch((error) => codeOf(error) ?? '')
    if (bytes === 'ENOENT') return null
    if (typeof bytes === 'string') return { unusable: `it cannot be read (${bytes})` }
    const keyPair = await this.#keyPair()
    if (keyPair === null) return { unusable: 'the key that it is signed with is not here' }
    return parse(bytes, keyPair, this.#address)
  }

  /** On disk, whole, when it resolves. */
  async write(checkpoint: Checkpoint | NewCheckpoint): Promise<void> {
    const { secretKey } = (await this.#keyPair()) ?? (await this.#createKey())
    const text = b4a.from(`${FIRST_LINE}\n${textOf(checkpoint)}\n`)
    const signed = b4a.concat([text, crypto.sign(text, secretKey)])
    await writeDurably(this.#file, signed, `${this.#file}.new`)
  }

  get #keyFile(): string {
    return path.join(this.#dir, 'auditor.key')
  }

  async #keyPair(): Promise<KeyPair | null> {
    const bytes = await readOwnFile(this.#keyFile).catch(() => b4a.alloc(0))
    const seed = b4a.from(b4a.toString(bytes).trim(), 'hex')
    return seed.byteLength === SEED_BYTES ? crypto.keyPair(seed) : null
  }

  /** Audits of several instances may do so at once: then it is that of whoever was first. */
  async #createKey(): Promise<KeyPair> {
    const seed = crypto.randomBytes(SEED_BYTES)
    const text = `${b4a.toString(seed, 'hex')}\n`
    await createDurably(this.#keyFile, text).catch(async () => {
      // or what is there is no key, or the disk has no second names
      if ((await this.#keyPair()) === null) await writeDurably(this.#keyFile, text)
    })
    return (await this.#keyPair()) ?? crypto.keyPair(seed)
  }
}

function parse(bytes: Uint8Array, { publicKey }: KeyPair, address: Uint8Array): Kept {
  const end = Math.max(0, bytes.byteLength - SIGNATURE_BYTES)
  const text = b4a.toString(bytes.subarray(0, end), 'utf8')
  const [first = '', body = ''] = text.split('\n')
  if (first.startsWith(FAMILY) && first !== FIRST_LINE) {
    return { unusable: 'it is of another version of MIVM' }
  }
  if (
    first !== FIRST_LINE ||
    !crypto.verify(bytes.subarray(0, end), bytes.subarray(end), publicKey)
  ) {
    return { unusable: 'it is damaged, or is not from this directory' }
  }
  const checkpoint: unknown = decodeValue(body)
  if (!isCheckpoint(checkpoint)) return { unusable: 'it is not whole' }
  if (!b4a.equals(checkpoint.address, address)) return { unusable: 'it is of another instance' }
  return { checkpoint }
}

/** What has our own signature and this first line has the form that we have given it. */
function isCheckpoint(value: unknown): value is Checkpoint {
  return typeof value === 'object' && value !== null && FIELDS.every((name) => name in value)
}

const FIELDS = [
  'address',
  'head',
  'roots',
  'walk',
  'users',
  'state',
  'counts',
  'firstAbort'
] as const

/** The text form of a checkpoint, as if all of it were encoded at once. */
function textOf(checkpoint: Checkpoint | NewCheckpoint): string {
  const { users } = checkpoint
  const members = FIELDS.map((name) => {
    const isText = name === 'users' && typeof users === 'string'
    return `"${name}":${isText ? users : encodeValue(checkpoint[name])}`
  })
  return `{${members.join()}}`
}
