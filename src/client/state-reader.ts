import type Corestore from 'corestore'
import Hyperdrive from 'hyperdrive'
import { MivmError } from '../protocol/errors.ts'
import { manifestKey, stateManifest } from '../protocol/manifest.ts'

/** Reads the files of an instance, as Hyperdrive replicates them. Nothing that it says is verified beyond the host's signature. */
export class StateReader {
  readonly #store: Corestore
  readonly #locate: () => Promise<{ host: Uint8Array; address: Uint8Array }>
  #drive: Promise<Hyperdrive> | null = null
  #update: Promise<void> | null = null
  #length = 0

  /** `locate` finds the instance and connects to its host. */
  constructor(store: Corestore, locate: () => Promise<{ host: Uint8Array; address: Uint8Array }>) {
    this.#store = store
    this.#locate = locate
  }

  /** The drive itself, up to date. */
  async drive(): Promise<Hyperdrive> {
    this.#drive ??= this.#open()
    const drive = await this.#drive
    this.#update ??= this.#catchUp(drive).finally(() => {
      this.#update = null
    })
    await this.#update
    return drive
  }

  /** A file as text, or as bytes with `encoding: 'binary'`; throws FILE_UNKNOWN. */
  async readFile(path: string, options: { readonly encoding: 'binary' }): Promise<Uint8Array>
  async readFile(path: string): Promise<string>
  async readFile(
    path: string,
    options?: { readonly encoding: 'binary' }
  ): Promise<string | Uint8Array> {
    const bytes = await (await this.drive()).get(path, { timeout: WAIT })
    if (bytes === null)
      throw new MivmError('FILE_UNKNOWN', `there is no file ${path}: see "mivm state ls"`)
    return options?.encoding === 'binary' ? bytes : new TextDecoder().decode(bytes)
  }

  async exists(path: string): Promise<boolean> {
    return (await this.drive()).exists(path)
  }

  /** Names of the files and directories in a directory. */
  async readdir(path: string): Promise<string[]> {
    const names: string[] = []
    for await (const name of (await this.drive()).readdir(path)) names.push(name)
    return names
  }

  async #catchUp(drive: Hyperdrive): Promise<void> {
    await drive.core.update({ wait: true, timeout: WAIT })
    const { length } = drive.core
    // the index as a whole: block by block a listing would take one round trip a file
    if (length > this.#length) drive.core.download({ start: this.#length, end: length })
    this.#length = length
  }

  async #open(): Promise<Hyperdrive> {
    const { host, address } = await this.#locate()
    const key = manifestKey(stateManifest(host, address))
    const drive = new Hyperdrive(this.#store.namespace(key), key)
    await drive.ready()
    // until the host has said what it has, an update has to wait: no peer yet does not mean no file
    const found = drive.core.findingPeers()
    drive.core.once('peer-add', found)
    setTimeout(found, WAIT).unref()
    return drive
  }
}

const WAIT = 10_000
