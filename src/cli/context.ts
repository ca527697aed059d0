import path from 'node:path'
import type { Client } from '../client/client.ts'
import type { InstanceReplica } from '../client/instance-replica.ts'
import type { Replica } from '../client/replica.ts'
import type { Bootstrap } from '../net/network.ts'
import { MivmError } from '../protocol/errors.ts'
import { decodeId, encodeId, formatLink, type Link, parseLink } from '../protocol/ids.ts'
import { suggest } from '../protocol/suggest.ts'
import { checkName, listIdentities, openIdentity, readIdentity } from '../state/identity.ts'
import { atEnd } from './interruption.ts'
import { Output } from './output.ts'
import { namedLink, readNames, readSettings } from './settings.ts'

/** Options that every command takes. */
export type Globals = {
  dir: string
  as?: string | undefined
  local?: number | undefined
  bootstrap?: string[] | undefined
  json?: true | undefined
}

/** What is read then may be less than there is, and what the host has signed since is in no verdict. */
export const ONLY_COPY = 'nobody who serves it can be reached: this is the copy on this machine'

/** The host is away, and whoever has a copy of what it has signed had not taken all of it by then. */
export const ONLY_PART =
  'its host is away, and nobody who can be found has what it has signed last: this is what was before that'

/** What a command works with: the options that all share, and what they open. */
export class Context {
  readonly dir: string
  readonly output: Output
  /** Port of --local. */
  readonly local: number | null
  readonly #as: string | undefined
  readonly #bootstrap: Bootstrap | undefined

  constructor(globals: Globals) {
    // "" would be the directory where one happens to be, and is what there is without a home
    if (globals.dir === '')
      throw new MivmError('USAGE', '--dir, or MIVM_DIR, is empty: give a path')
    this.dir = path.resolve(globals.dir)
    this.output = new Output(globals.json === true)
    this.local = globals.local ?? null
    this.#bootstrap = this.local === null ? globals.bootstrap : [`127.0.0.1:${this.local}`]
    this.#as = globals.as
  }

  /** Undefined for the public network. Throws USAGE where it names nobody: one would be alone there, and not be told. */
  get bootstrap(): Bootstrap | undefined {
    if (this.#bootstrap?.length !== 0) return this.#bootstrap
    throw new MivmError(
      'USAGE',
      '--bootstrap, or MIVM_BOOTSTRAP, names no node: give host:port, or leave it out'
    )
  }

  get keys(): string {
    return path.join(this.dir, 'keys')
  }

  /** Where the host of this data directory lives. */
  get hostDir(): string {
    return path.join(this.dir, 'host')
  }

  /** Where programs of the same user ask that host; beside its directory, which may be copied while it runs. */
  get hostSocket(): string {
    return path.join(this.dir, 'host.sock')
  }

  /** Options for whatever goes to the network. */
  get network(): { readonly dir: string; readonly bootstrap?: Bootstrap } {
    const { dir, bootstrap } = this
    return bootstrap === undefined ? { dir } : { dir, bootstrap }
  }

  /** The identity that is used where none is named. */
  async defaultIdentity(): Promise<string> {
    return (await readSettings(this.dir)).identity ?? 'default'
  }

  /** A client as --as says, closed at the end; only the default identity is created where there is none. */
  async openClient(timeout?: number): Promise<Client> {
    const { Client } = await import('../client/client.ts')
    const identity = await this.#identity()
    const client = await Client.open({ ...this.network, identity, timeout })
    atEnd(() => client.close())
    return client
  }

  async openReplica(): Promise<Replica> {
    const { Replica } = await import('../client/replica.ts')
    const replica = await Replica.open(this.network)
    atEnd(() => replica.close())
    return replica
  }

  /**
   * The logs of an instance, by its link; says so where there is only the copy on this machine. `again`: goes on trying to reach its
   * host then.
   */
  async follow(link: string, again = false): Promise<InstanceReplica> {
    const replica = await this.openReplica()
    this.output.progress('looking for the instance…')
    const instance = await replica.follow(link)
    if (!instance.online) this.output.note(ONLY_COPY)
    if (again) replica.keepUp(instance.host)
    return instance
  }

  /** Reads what is written where an instance is expected: a link, an address, or a name. */
  async instance(text: string): Promise<{ link: string; address: string; name: string | null }> {
    const names = await readNames(this.dir)
    const found = namedLink(this.dir, text, names)
    const link = found ?? this.#parse(text, Object.keys(names))
    const address = encodeId(link.address)
    const name =
      found === null ? Object.keys(names).find((key) => names[key]?.endsWith(address)) : text
    return { link: formatLink(link), address, name: name ?? null }
  }

  /** The host to use where none is named: MIVM_HOST, the one of this directory, the last one used. */
  async host(text: string | undefined): Promise<string> {
    if (text === '') {
      throw new MivmError('USAGE', '--host is empty: give the id of a host, or leave it out')
    }
    const named = text ?? process.env['MIVM_HOST']
    if (named !== undefined && named !== '') return encodeId(decodeId(named, 'host key'))
    const id = (await this.#ownHost()) ?? (await readSettings(this.dir)).host
    if (id !== undefined) return id
    throw new MivmError(
      'USAGE',
      'which host? give --host <id> or MIVM_HOST: "mivm host" prints the id of one'
    )
  }

  /** Whether that is the host of this data directory. */
  async isOwnHost(id: string): Promise<boolean> {
    return (await this.#ownHost()) === id
  }

  /** Names of this machine's identities by their ids. */
  async ownNames(): Promise<Map<string, string>> {
    const names = new Map<string, string>()
    for (const name of await listIdentities(this.keys)) {
      const identity = await readIdentity(this.keys, name).catch(() => null)
      if (identity !== null) names.set(identity.id, name)
    }
    return names
  }

  async #ownHost(): Promise<string | null> {
    const own = await readIdentity(this.hostDir, 'host').catch((error) => {
      if (error instanceof MivmError && error.code === 'IDENTITY_UNKNOWN') return null
      throw error
    })
    return own?.id ?? null
  }

  #parse(text: string, names: readonly string[]): Link {
    if (!/^[a-z][a-z0-9_-]{0,39}$/i.test(text)) return parseLink(text)
    throw new MivmError(
      'LINK_INVALID',
      `there is no instance named "${text}"${suggest(text, names) || ': see "mivm ls", or give its link'}`
    )
  }

  async #identity() {
    const name = this.#as ?? (await this.defaultIdentity())
    const names = await listIdentities(this.keys)
    if (names.includes(name)) return readIdentity(this.keys, name)
    if (this.#as !== undefined || name !== 'default') {
      if (name === '') {
        throw new MivmError('USAGE', '--as is empty: give the name of an identity, or leave it out')
      }
      checkName(name)
      throw new MivmError(
        'IDENTITY_UNKNOWN',
        `there is no identity "${name}"${suggest(name, names) || `: make it with "mivm key new ${name}"`}`
      )
    }
    const identity = await openIdentity(this.keys, name)
    this.output.note(`created the identity "${name}": ${identity.id}`)
    return identity
  }
}
