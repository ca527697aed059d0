import b4a from 'b4a'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import type { Peer } from 'hypercore'
import type Hyperdrive from 'hyperdrive'
import { deferred } from '../protocol/deferred.ts'
import { MivmError } from '../protocol/errors.ts'
import { stateKey } from '../protocol/manifest.ts'
import { ARCHIVE_WAIT, lateArchive, openDrive, throwLate } from './drive.ts'
import { askNewest } from './newest.ts'

/** Reads the files of an instance, as Hyperdrive replicates them. Nothing that it says is verified beyond the host's signature. */
export class StateReader {
  readonly #store: Corestore
  readonly #locate: () => Promise<{ host: Uint8Array; address: Uint8Array }>
  #drive: Promise<Hyperdrive> | null = null
  #update: Promise<void> | null = null
  #length = 0

  /** `locate` finds the instance and connects to its host, again where the connection was lost. */
  constructor(store: Corestore, locate: () => Promise<{ host: Uint8Array; address: Uint8Array }>) {
    this.#store = store
    this.#locate = locate
  }

  /** The drive itself, up to date; throws TIMEOUT, HOST_UNKNOWN where nobody says what the newest is. */
  async drive(): Promise<Hyperdrive> {
    this.#update ??= this.#catchUp().finally(() => {
      this.#update = null
    })
    await this.#update
    return this.#open()
  }

  /** A file as text, or as bytes with `encoding: 'binary'`; throws FILE_UNKNOWN, TIMEOUT, STORAGE_FULL. */
  async readFile(path: string, options: { readonly encoding: 'binary' }): Promise<Uint8Array>
  async readFile(path: string): Promise<string>
  async readFile(
    path: string,
    options?: { readonly encoding: 'binary' }
  ): Promise<string | Uint8Array> {
    const name = nameOf(path)
    checkEncoding(options)
    const drive = await this.drive()
    const bytes = await drive.get(name, { timeout: ARCHIVE_WAIT }).catch(lateOrNone(drive))
    if (bytes === null)
      throw new MivmError('FILE_UNKNOWN', `there is no file ${path}: see "mivm state ls"`)
    return options?.encoding === 'binary' ? bytes : new TextDecoder().decode(bytes)
  }

  /** Whether there is a file, or a directory, as contracts see it. */
  async exists(path: string): Promise<boolean> {
    const name = nameOf(path)
    const drive = await this.drive()
    const entry = await drive.entry(name, { timeout: ARCHIVE_WAIT }).catch(lateOrNone(drive))
    return entry !== null || (await isDirectory(drive, name))
  }

  /** Names of the files and directories in a directory. */
  async readdir(path: string): Promise<string[]> {
    const folder = nameOf(path)
    const drive = await this.drive()
    const names: string[] = []
    try {
      for await (const name of drive.readdir(folder, { timeout: ARCHIVE_WAIT })) names.push(name)
    } catch (error) {
      throwLate(error, drive.core)
    }
    return names
  }

  async #catchUp(): Promise<void> {
    const { host } = await this.#locate()
    const { core } = await this.#open()
    // without anybody who has it an update ends at once, with what was here before
    await firstPeer(core)
    if (!(await askNewest(core, ARCHIVE_WAIT)) || core.peers.length === 0) throw lateArchive(core)
    const isHosts = ({ remotePublicKey }: Peer) => b4a.equals(remotePublicKey, host)
    if (core.peers.some((peer) => isHosts(peer) && peer.remoteFork > core.fork)) throw rewritten()
    const { length } = core
    // the index as a whole: block by block a listing would take one round trip a file
    if (length > this.#length) core.download({ start: this.#length, end: length })
    this.#length = length
  }

  #open(): Promise<Hyperdrive> {
    this.#drive ??= this.#openDrive().catch((error) => {
      this.#drive = null
      throw error
    })
    return this.#drive
  }

  async #openDrive(): Promise<Hyperdrive> {
    const { host, address } = await this.#locate()
    const key = stateKey(host, address)
    return openDrive(this.#store, this.#store.namespace(key), host, address)
  }
}

/**
 * The path as archives have it: a name from elsewhere, such as that of a file on a Mac, may be in another normal form. Programs in
 * JavaScript give anything, and a drive takes some of it for the path of another file.
 */
function nameOf(path: string): string {
  if (typeof path === 'string') return path.normalize()
  throw new MivmError('USAGE', `a path is ${typeof path}: give a text`)
}

/** Text in place of the bytes that somebody has asked for would be another file. */
function checkEncoding(options: { readonly encoding: 'binary' } | undefined): void {
  if (options === undefined || options?.encoding === 'binary') return
  throw new MivmError(
    'USAGE',
    'what a file is read as is no text or bytes: give { encoding: "binary" } for bytes, or nothing for text'
  )
}

async function isDirectory(drive: Hyperdrive, name: string): Promise<boolean> {
  try {
    for await (const _ of drive.readdir(name, { timeout: ARCHIVE_WAIT })) return true
  } catch (error) {
    lateOrNone(drive)(error)
  }
  return false
}

async function firstPeer(core: Hypercore): Promise<void> {
  if (core.peers.length > 0) return
  const found = deferred<void>()
  const timer = setTimeout(() => found.reject(lateArchive(core)), ARCHIVE_WAIT)
  const onPeer = () => found.resolve()
  core.once('peer-add', onPeer)
  try {
    await found.promise
  } finally {
    clearTimeout(timer)
    core.off('peer-add', onPeer)
  }
}

/** The same; and what no file can be called, the root or what climbs out of it, is no file. */
function lateOrNone({ core }: Hyperdrive): (error: unknown) => null {
  return (error) => {
    const message = error instanceof Error ? error.message : ''
    if (/^(Invalid filename|Path cannot be resolved)/.test(message)) return null
    return throwLate(error, core)
  }
}

function rewritten(): MivmError {
  return new MivmError(
    'HEAD_CONFLICT',
    'the host says that it has rewritten the archive, and what is here is kept: audit the instance'
  )
}
