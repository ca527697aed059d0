import path from 'node:path'
import b4a from 'b4a'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import type { KeyPair } from 'hypercore-crypto'
import { askNewest } from '../client/newest.ts'
import type { Ranges } from '../client/ranges.ts'
import type { Replica } from '../client/replica.ts'
import type { Version } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { checkGenesis } from '../protocol/genesis.ts'
import { type Head, verifyHead } from '../protocol/head.ts'
import { encodeId } from '../protocol/ids.ts'
import {
  blobsManifest,
  callLogManifest,
  type Manifest,
  manifestKey,
  stateManifest,
  userLogKey,
  userLogManifest
} from '../protocol/manifest.ts'
import { Tree } from '../protocol/merkle.ts'
import { BlockFiles } from '../state/block-files.ts'
import { headOf, treeHashAt } from '../state/head.ts'
import { awaitBlocks, discard, fetchBlocks, openCopy } from './copy.ts'
import { blockOf, leadsThrough, type Part } from './parts.ts'
import type { Progress } from './progress.ts'
import { RangedBlocks, RangedFiles } from './ranged.ts'
import type { Walk } from './walk.ts'

export interface LostOptions {
  /** The host's own store. */
  readonly store: Corestore
  readonly keyPair: KeyPair
  /** What others show. */
  readonly replica: Replica
  /** Data directories of auditors. */
  readonly auditors: readonly string[]
  readonly progress: Progress
  readonly address: Uint8Array
  /** The newest head that anybody knows; null where nobody does. */
  readonly head: Head | null
}

/** How often the log of a user is fetched where what came is not what the host has taken in. */
const USER_TRIES = 3

/** How long those who are there have to say what the newest head is, ms. */
const SHOWN_MS = 10_000

/**
 * The logs of an instance as its host has signed them, with what it does not have any more as others show it: verified, and
 * not written yet.
 */
export class LostParts {
  readonly #options: LostOptions
  readonly #id: string
  readonly #ranges: Ranges
  readonly #cores: { close(): Promise<void> }[] = []
  #files: RangedFiles | null = null

  constructor(options: LostOptions) {
    this.#options = options
    this.#id = encodeId(options.address)
    this.#ranges = options.replica.ranges(this.#id)
  }

  /** The call log up to the newest head that there is; `isKnown`: whether anybody else knows of it. */
  async callLog(): Promise<{ log: Part; newest: Head; genesis: Uint8Array; isKnown: boolean }> {
    const { address, keyPair, head } = this.#options
    const copy = await this.#copy(address)
    const genesis = await this.#genesis(copy)
    const own = await this.#own(callLogManifest(keyPair.publicKey, genesis))
    const shown = await this.#shown(copy)
    const newest = longest([headOf(own), shown, head])
    if (newest === null) throw nothing('the call log')
    const log = await this.#part({ what: 'the call log', user: null, own, copy, to: newest })
    return { log, newest, genesis, isKnown: shown !== null || head !== null }
  }

  /** What the newest commit names, and what the call behind it needs. */
  async named(
    walk: Walk,
    genesisBlock: Uint8Array
  ): Promise<{ archive: [files: Part, blobs: Part]; users: Part[] }> {
    const { address, keyPair } = this.#options
    const { commit } = walk
    if (commit === null) throw nothing('the first commit')
    const { host } = checkGenesis(address, genesisBlock)
    const files = stateManifest(host, address)
    const blobs = blobsManifest(host, address)
    const archive: [Part, Part] = [
      await this.#archived('the archive', 'files', files, commit.archive),
      await this.#archived('the blobs', 'blobs', blobs, commit.blobs)
    ]
    const users = new Map<string, Part>()
    for (const [id, { key, head }] of walk.users) {
      users.set(id, await this.#user(id, key, { ...head, fork: 0 }))
    }
    for (const { key, entry } of walk.open) {
      const id = encodeId(key)
      const to = await this.#userHead(id, key, entry)
      if (to === null) continue
      const named = users.get(id)?.to
      const longer = await this.#user(id, key, to)
      // a log has one session in a write, and goes as far as the call that is under way
      if (named !== undefined && !(await leadsThrough(longer, named))) {
        throw forked(longer.what, to.length)
      }
      users.set(id, longer)
    }
    // a host signs with its own key alone
    if (!b4a.equals(host, keyPair.publicKey)) throw nothing('an instance of this host')
    return { archive, users: [...users.values()] }
  }

  async #archived(
    what: string,
    name: 'files' | 'blobs',
    manifest: Manifest,
    to: Version
  ): Promise<Part> {
    const own = await this.#own(manifest)
    if (own.length > to.length) throw ahead(what)
    const part = { what, user: null, own, to }
    const audited = own.length < to.length ? await this.#audited(name, own, to) : null
    if (audited !== null) return { ...part, copy: audited, signature: null }
    return this.#part({ ...part, copy: await this.#copy(manifestKey(manifest)) })
  }

  /**
   * What an auditor has come to, where that is what was signed: of the archive that the host has shown, auditors keep no
   * more than the newest head.
   */
  async #audited(
    name: 'files' | 'blobs',
    own: Hypercore,
    { length, treeHash }: Version
  ): Promise<BlockFiles | null> {
    for (const dir of this.#options.auditors) {
      const shadow = path.join(dir, 'audits', `${this.#id}.shadow`)
      const state = await BlockFiles.open(shadow, name, 'r').catch(() => null)
      if (state === null) continue
      this.#cores.push(state)
      const tree = new Tree(own.state.roots)
      while (tree.length < length) {
        const block = state.get(tree.length)
        if (block === null) break
        tree.append(block)
      }
      if (tree.length === length && b4a.equals(tree.treeHash(), treeHash)) return state
    }
    return null
  }

  async #user(id: string, key: Uint8Array, head: Head): Promise<Part> {
    const { address, store } = this.#options
    const own = await this.#open(store, { manifest: userLogManifest(key, address) })
    const of = { what: `the log of ${id}`, user: id, own, to: head }
    const beginning = new Tree(own.state.roots)
    const files = await this.#rangedFiles()
    const ranged = await RangedBlocks.fetch(this.#ranges, own.key, beginning, head, files)
    if (ranged !== null) return { ...of, copy: ranged, signature: head.signature }
    for (let tries = USER_TRIES; ; tries--) {
      const copy = await this.#copy(userLogKey(key, address))
      try {
        return await this.#part({ ...of, copy }, head.signature)
      } catch (error) {
        if (!(error instanceof MivmError) || tries === 1) throw error
        // users can sign two logs, and show the other one: it makes room for what somebody else has
        await discard(copy)
      }
    }
  }

  async #rangedFiles(): Promise<RangedFiles> {
    if (this.#files === null) {
      this.#files = await RangedFiles.open(this.#options.replica.store.storage.path)
      this.#cores.push(this.#files)
    }
    return this.#files
  }

  /** A head of a user's log that covers an entry whose call is under way; null where that is here. */
  async #userHead(id: string, key: Uint8Array, entry: number): Promise<Head | null> {
    const { address, store, progress } = this.#options
    const own = await this.#open(store, { manifest: userLogManifest(key, address) })
    if (own.length >= entry) return null
    const copy = await this.#copy(userLogKey(key, address))
    const isThere = await progress.during(copy, (waiting) => awaitBlocks(copy, entry, waiting))
    const head = isThere ? headOf(copy) : null
    if (head !== null && verifyHead(head, userLogKey(key, address), key)) return head
    throw nothing(`entry ${entry} of the log of ${id}, whose call is under way,`)
  }

  async close(): Promise<void> {
    for (const core of this.#cores) await core.close()
  }

  /** What a peer shows may be newer than what all have said. */
  async #shown(copy: Hypercore): Promise<Head | null> {
    const { address, keyPair } = this.#options
    await askNewest(copy, SHOWN_MS)
    const head = headOf(copy)
    return head !== null && verifyHead(head, address, keyPair.publicKey) ? head : null
  }

  async #genesis(copy: Hypercore): Promise<Uint8Array> {
    const { store, address } = this.#options
    const here = await this.#open(store, { key: address })
    const own = here.length > 0 ? await here.get(0, { wait: false }) : null
    if (own !== null) return own
    const isThere = await this.#fetch(copy, 0, 1)
    const block = isThere ? await copy.get(0, { wait: false }) : null
    if (block === null) throw nothing('genesis')
    checkGenesis(address, block)
    return block
  }

  /** A log with all that is lacking here, verified to be what was signed, and to go on from what is here. */
  async #part(
    of: Omit<Part, 'signature'> & { readonly copy: Hypercore },
    signature: Uint8Array | null = null
  ): Promise<Part> {
    const { what, own, copy, to } = of
    const part = { ...of, signature }
    if (own.length >= to.length) {
      if (b4a.equals(await treeHashAt(own, to.length), to.treeHash)) return part
      throw forked(what, to.length)
    }
    if (!(await this.#fetch(copy, own.length, to.length))) {
      // before anybody has shown that there is all of it, none of what there is was fetched
      const missing =
        copy.length < to.length
          ? Math.max(own.length, copy.length)
          : await firstMissing(copy, own.length, to.length)
      throw new MivmError(
        'INSTANCE_SET_BACK',
        `${what} goes on to block ${to.length - 1}, and nobody who can be found has it from block ${missing} on: let mirrors and auditors come, or name them with --from, and try again`
      )
    }
    const tree = new Tree(own.state.roots)
    for (let i = own.length; i < to.length; i++) tree.append(await blockOf(copy, i))
    if (!b4a.equals(tree.treeHash(), to.treeHash)) throw forked(what, to.length)
    return part
  }

  async #fetch(copy: Hypercore, start: number, end: number): Promise<boolean> {
    const { progress } = this.#options
    return progress.during(copy, (waiting) => fetchBlocks(copy, start, end, waiting))
  }

  async #copy(key: Uint8Array): Promise<Hypercore> {
    const core = await openCopy(this.#options.replica.store, key)
    this.#cores.push(core)
    return core
  }

  /** A log that this host signs. */
  #own(manifest: Manifest): Promise<Hypercore> {
    const { store, keyPair } = this.#options
    return this.#open(store, { manifest, keyPair })
  }

  async #open(store: Corestore, options: Parameters<Corestore['get']>[0]): Promise<Hypercore> {
    const core = store.get(options)
    await core.ready()
    this.#cores.push(core)
    return core
  }
}

async function firstMissing(core: Hypercore, start: number, end: number): Promise<number> {
  for (let i = start; i < end; i++) if (!(await core.has(i))) return i
  return end
}

function longest(heads: readonly (Head | null)[]): Head | null {
  return heads.reduce((a, b) => ((b?.length ?? 0) > (a?.length ?? 0) ? b : a), null)
}

export function nothing(what: string): MivmError {
  return new MivmError(
    'INSTANCE_SET_BACK',
    `${what} is not here, and nobody who can be found has it: let mirrors and auditors come, or name them with --from, and try again`
  )
}

function ahead(what: string): MivmError {
  return new MivmError(
    'INSTANCE_SET_BACK',
    `${what} goes on beyond the newest commit that anybody has: let mirrors and auditors come, or name them with --from, and try again`
  )
}

/** What is here and what was signed are two histories: there is nothing that this host could go on from. */
export function forked(what: string, length: number): MivmError {
  return new MivmError(
    'INSTANCE_SET_BACK',
    `${what} was signed in two versions, and the one of ${length} blocks does not go on from what is here: this instance cannot be recovered`
  )
}
