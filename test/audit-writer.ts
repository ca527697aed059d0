import b4a from 'b4a'
import Corestore from 'corestore'
import type Hypercore from 'hypercore'
import crypto, { type KeyPair } from 'hypercore-crypto'
import Hyperdrive from 'hyperdrive'
import { type AuditOptions, audit } from '../src/audit/audit.ts'
import type { AuditEvent } from '../src/audit/events.ts'
import { verifyEvidence } from '../src/audit/evidence.ts'
import type { Finding, Place } from '../src/audit/findings.ts'
import {
  type CallLogEntry,
  decodeEntry,
  encodeEntry,
  encodeUserEntry,
  type Genesis,
  type UserHead
} from '../src/protocol/entries.ts'
import { CONTRACT_PATH, lastWrites, type Write } from '../src/protocol/files.ts'
import { codeHash } from '../src/protocol/hash.ts'
import { type Head, signHead } from '../src/protocol/head.ts'
import { encodeId } from '../src/protocol/ids.ts'
import { LIMITS } from '../src/protocol/limits.ts'
import {
  addressOf,
  callLogManifest,
  type Manifest,
  manifestKey,
  stateManifest,
  userLogManifest
} from '../src/protocol/manifest.ts'
import { Tree } from '../src/protocol/merkle.ts'
import { encodeArgs } from '../src/protocol/values.ts'
import { Archive } from '../src/state/archive.ts'
import { callOf, encodeResult, MALFORMED } from '../src/vm/record.ts'
import { openVm } from '../src/vm/registry.ts'
import { sortVariables, updateVariables } from '../src/vm/variables.ts'
import type { Contract, OracleAnswer, Step, VirtualMachine } from '../src/vm/vm.ts'
import { type Teardown, tempDir } from './helpers.ts'
import { forgetLaggards, lent } from './lent-vm.ts'
import { agree } from './second-compare.ts'
import { streamPair } from './streams.ts'

/** A contract whose calls succeed, fail, write, and write nothing. */
export const SOURCE = `
exports.count = 0
exports.init = async () => { await state.writeFile('/made', caller.id) }
exports.add = async (text) => {
  const id = ++exports.count
  await state.writeFile('/items/' + id, text)
  return id
}
exports.change = async (id, text) => { await state.writeFile('/items/' + id, text) }
exports.remove = async (id) => { await state.unlink('/items/' + id) }
exports.read = async (id) => state.readFile('/items/' + id)
exports.roll = () => [Math.random(), Date.now(), env.seq]
exports.fail = async () => { await state.writeFile('/lost', 'x'); throw new TypeError('no') }
exports.ask = async (what) => { const said = await oracle.price(what); exports.said = said; return said }
`

/** One entry of a user's log that the writer puts into the call log. */
export interface Item {
  readonly user: User
  readonly entry: number
  readonly block: Uint8Array
}

export interface User {
  readonly keyPair: KeyPair
  readonly core: Hypercore
  /** What it signs, where that is not what is in its core. */
  readonly head?: UserHead
  lastAck: number
}

/** The newest head of a user's log. */
export function userHeadOf({ keyPair, core, head }: User): UserHead {
  if (head !== undefined) return head
  const { length, roots, signature } = core.state
  if (signature === null) throw new Error(`nothing is in the log of ${encodeId(keyPair.publicKey)}`)
  return { length, treeHash: crypto.tree(roots), signature }
}

/** The head of a log that holds these blocks and that nobody may have. */
export function signBlocks(
  { address }: Pick<Writer, 'address'>,
  { publicKey, secretKey }: KeyPair,
  blocks: readonly Uint8Array[]
): UserHead {
  const tree = new Tree()
  for (const block of blocks) tree.append(block)
  const head = { length: tree.length, fork: 0, treeHash: tree.treeHash() }
  const key = manifestKey(userLogManifest(publicKey, address))
  return signHead(head, key, (message) => crypto.sign(message, secretKey))
}

/** Where a writer can be made to cheat. */
export interface Cheat {
  /** Changes what the calls came to, before anything is written. */
  steps?(steps: Step[]): void
  /** Changes the writes that go into the archive. */
  writes?(writes: Write[]): Write[]
  /** Changes the heads of users' logs that go into the commit. */
  heads?(heads: UserHead[]): UserHead[]
  /** Changes the entries, the commit at the end included. */
  entries?(entries: CallLogEntry[]): CallLogEntry[]
  /** Calls by number in the batch that are aborted, and not executed. */
  readonly aborts?: readonly number[]
}

export interface WriterOptions {
  /** Decides all keys; two writers with one seed are the same host. */
  readonly seed?: string
  readonly source?: string
  readonly genesis?: Partial<Genesis>
  /** Source of the code entry, where that is not the one that genesis names. */
  readonly code?: string
  readonly oracle?: (args: string) => OracleAnswer
}

let shared: Promise<VirtualMachine> | null = null

/** One VM for all tests of a file. */
export function vm(): Promise<VirtualMachine> {
  if (shared === null) forgetLaggards()
  shared ??= openVm('js-1', { engines: 1 })
  return shared
}

export async function closeVm(): Promise<void> {
  await (await shared)?.close()
  shared = null
}

/** The VM as an auditor or a writer gets it: it stays open when they are done. */
export async function openShared(): Promise<VirtualMachine> {
  return lent(await vm())
}

/**
 * Writes the logs of an instance as a host does, with nothing but Hypercore, the VM and the archive; or as a cheating
 * host does.
 */
export class Writer {
  readonly store: Corestore
  readonly keyPair: KeyPair
  readonly address: Uint8Array
  readonly log: Hypercore
  readonly archive: Archive
  readonly files: Hypercore
  readonly content: Hypercore
  readonly users: readonly User[]
  seq = 0
  time = 1_700_000_000_000
  readonly #contract: Contract
  readonly #options: WriterOptions
  readonly #genesisBlock: Uint8Array
  readonly #variables = new Map<string, string>()
  #committed: Uint8Array = new Uint8Array()

  private constructor(
    store: Corestore,
    keyPair: KeyPair,
    cores: { log: Hypercore; files: Hypercore; content: Hypercore },
    users: readonly User[],
    contract: Contract,
    genesisBlock: Uint8Array,
    options: WriterOptions
  ) {
    this.store = store
    this.keyPair = keyPair
    this.log = cores.log
    this.files = cores.files
    this.content = cores.content
    this.archive = new Archive(cores.files.session(), cores.content.session())
    this.address = cores.log.key
    this.users = users
    this.#contract = contract
    this.#genesisBlock = genesisBlock
    this.#options = options
  }

  /** A deployed instance with two users, of whom the first has deployed it. */
  static async deploy(
    t: Teardown,
    options: WriterOptions = {},
    cheat: Cheat = {}
  ): Promise<Writer> {
    const { seed = b4a.toString(crypto.randomBytes(8), 'hex'), source = SOURCE } = options
    const [keyPair, alice, bob] = ['host', 'alice', 'bob'].map((name) =>
      crypto.keyPair(crypto.hash(b4a.from(`${seed} ${name}`)))
    ) as [KeyPair, KeyPair, KeyPair]
    const genesis: Genesis = {
      type: 'genesis',
      vm: 'js-1',
      host: keyPair.publicKey,
      deployer: alice.publicKey,
      salt: b4a.alloc(32),
      codeHash: codeHash(source),
      limits: {},
      ...options.genesis
    }
    const genesisBlock = encodeEntry(genesis)
    const address = addressOf(keyPair.publicKey, genesisBlock)
    const store = await openStore(t)
    const open = async (manifest: Manifest | NonNullable<Hypercore['manifest']>, pair: KeyPair) => {
      const core = store.get({
        manifest: { ...manifest, signers: [...manifest.signers] },
        keyPair: pair
      })
      await core.ready()
      return core
    }
    const log = await open(callLogManifest(keyPair.publicKey, genesisBlock), keyPair)
    const files = await open(stateManifest(keyPair.publicKey, address), keyPair)
    const contentManifest =
      Hyperdrive.getContentManifest(files.manifest ?? fail(), files.key) ?? fail()
    const content = await open(contentManifest, keyPair)
    const users: User[] = []
    for (const pair of [alice, bob]) {
      users.push({
        keyPair: pair,
        core: await open(userLogManifest(pair.publicKey, address), pair),
        lastAck: 0
      })
    }
    const contract = {
      vm: genesis.vm,
      address: encodeId(address),
      host: encodeId(keyPair.publicKey),
      deployer: encodeId(alice.publicKey),
      source,
      // a genesis that asks for more than there is is written all the same
      limits: { ...LIMITS, fuel: Math.min(LIMITS.fuel, genesis.limits.fuel ?? LIMITS.fuel) }
    }
    const writer = new Writer(
      store,
      keyPair,
      { log, files, content },
      users,
      contract,
      genesisBlock,
      options
    )
    await writer.archive.ready()
    await writer.commit([await writer.call(0, 'init')], cheat)
    return writer
  }

  /** Puts a call into a user's log. */
  async call(
    user: number,
    method: string,
    args: readonly unknown[] = [],
    head: Head | null = null
  ): Promise<Item> {
    return this.write(user, encodeUserEntry({ type: 'call', method, args: encodeArgs(args), head }))
  }

  /** Puts anything into a user's log. */
  async write(user: number, block: Uint8Array): Promise<Item> {
    const [item = fail()] = await this.writeAll(user, [block])
    return item
  }

  /** The same of many blocks, which are signed and written at once. */
  async writeAll(user: number, blocks: readonly Uint8Array[]): Promise<Item[]> {
    const writer = this.users[user] ?? fail()
    const first = writer.core.length + 1
    await writer.core.append([...blocks])
    return blocks.map((block, i) => ({ user: writer, entry: first + i, block }))
  }

  /** Puts an ack of a result into a user's log, under the newest head. */
  async ack(user: number, entry: number, index: number): Promise<void> {
    const result = (await this.log.get(index)) ?? fail()
    const answers = [{ entry, index, result }]
    await this.write(user, encodeUserEntry({ type: 'ack', answers, head: await this.head() }))
  }

  /** Executes entries of users as one batch, and commits them. Returns the block of the first ack. */
  async commit(items: readonly Item[], cheat: Cheat = {}): Promise<number> {
    const first = this.log.length === 0 || this.seq === 0
    const start = this.seq === 0 ? 2 : this.log.length
    const head: CallLogEntry[] = []
    const code = encodeEntry({ type: 'code', source: this.#options.code ?? this.#contract.source })
    if (first) {
      // the tree hash at the first commit is over genesis and code alone, before there is a log with a signature
      await this.log.append([this.#genesisBlock, code].slice(this.log.length))
      this.#committed = await this.log.treeHash(2)
    }
    this.time += 1000
    const { steps, records } = await this.#execute(items, cheat.aborts ?? [])
    cheat.steps?.(steps)
    let at = start
    for (const [i, { user, entry, block }] of items.entries()) {
      const step = steps[i] ?? fail()
      const ack = at
      const key = user.keyPair.publicKey
      head.push({
        type: 'ack',
        seq: ++this.seq,
        user: key,
        entry,
        call: block,
        time: this.time,
        previous: user.lastAck
      })
      user.lastAck = ack
      for (const record of records[i] ?? []) head.push({ ...record, ack })
      head.push(resultOf(ack, step))
      at = start + head.length
    }
    let writes = steps.flatMap((step) => [...step.writes])
    if (first) writes = [{ path: CONTRACT_PATH, data: b4a.from(this.#contract.source) }, ...writes]
    await this.archive.write(lastWrites(cheat.writes?.(writes) ?? writes))
    updateVariables(this.#variables, writes)
    const users = [...new Map(items.map(({ user }) => [user.keyPair, user])).values()]
    const heads = cheat.heads?.(users.map(userHeadOf)) ?? users.map(userHeadOf)
    const version = await this.archive.version()
    let entries: CallLogEntry[] = [...head, { type: 'commit', ...version, heads }]
    entries = cheat.entries?.(entries) ?? entries
    await this.log.append(entries.map(encodeEntry))
    this.#committed = await this.log.treeHash()
    return start
  }

  /** Files that no call has written. */
  async tamper(writes: readonly Write[]): Promise<void> {
    await this.archive.write(writes)
  }

  async head(): Promise<Head> {
    return headOf(this.log)
  }

  async #execute(items: readonly Item[], aborts: readonly number[]) {
    const machine = await openShared()
    const steps: Step[] = items.map((_, i) => (aborts.includes(i) ? ABORT : MALFORMED))
    const records: RecordEntry[][] = []
    const calls = items.map(({ user, block }, i) =>
      aborts.includes(i)
        ? null
        : callOf(block, user.keyPair.publicKey, this.seq + i + 1, this.time, this.#committed)
    )
    const places = calls.flatMap((call, i) => (call === null ? [] : [i]))
    if (places.length === 0) return { steps, records }
    await machine.run({
      contract: this.#contract,
      variables: sortVariables(this.#variables),
      calls: calls.filter((call) => call !== null),
      base: this.archive,
      onStep: (step, index) => {
        steps[places[index] ?? -1] = step
      },
      onOracle: async ({ call, index, name, args }) => {
        const answer = this.#options.oracle?.(args) ?? fail()
        const place = places[call] ?? fail()
        const of = records[place] ?? []
        records[place] = of
        of.push({ type: 'oracle-request', ack: 0, index, name, args })
        const value = answer.ok ? answer.value : null
        of.push({
          type: 'oracle-answer',
          ack: 0,
          index,
          value,
          error: answer.ok ? null : answer.error
        })
        return answer
      }
    })
    return { steps, records }
  }
}

type RecordEntry = Extract<CallLogEntry, { type: 'oracle-request' | 'oracle-answer' }>

/** What an auditor is shown. */
export type Shown = Pick<Writer, 'address' | 'store'>

/** What an audit said. */
export interface Audited {
  readonly findings: readonly Finding[]
  /** For each finding, where it was asked for. */
  readonly evidence: readonly (Uint8Array | null)[]
  readonly verdict: Extract<AuditEvent, { type: 'verdict' }>
  readonly checks: readonly Extract<AuditEvent, { type: 'check' }>[]
}

export async function run(
  t: Teardown,
  writer: Shown,
  options: Partial<AuditOptions> = {},
  onEvent: (event: AuditEvent) => void = () => {}
): Promise<Audited> {
  const dir = options.dir ?? (await tempDir(t))
  const findings: Finding[] = []
  const evidence: (Uint8Array | null)[] = []
  const checks: Extract<AuditEvent, { type: 'check' }>[] = []
  let verdict: Audited['verdict'] | null = null
  const { address, store } = writer
  const all = { address, store, patience: 0, openVm: openShared, evidence: true, ...options, dir }
  for await (const event of audit(all)) {
    onEvent(event)
    if (event.type === 'finding') findings.push(event.finding)
    if (event.type === 'evidence') evidence.push(event.evidence)
    if (event.type === 'check') checks.push(event)
    if (event.type === 'verdict') verdict = event
  }
  await checkEvidence(writer, findings, evidence)
  const audited = { findings, evidence, checks, verdict: verdict ?? fail() }
  // what an auditor remembers, what it is given, and what peers tell it, the second checker knows nothing of
  const { dir: memory, patience = 0, heads = [], others } = options
  const isAlone = memory === undefined && heads.length === 0 && others === undefined
  if (isAlone && patience === 0) await agree(store, address, audited)
  return audited
}

/** Whatever is found is shown to anybody, at the same place, or is what nobody can be shown offline. */
async function checkEvidence(
  { address }: Pick<Writer, 'address'>,
  findings: readonly Finding[],
  evidence: readonly (Uint8Array | null)[]
): Promise<void> {
  for (const [i, { code, log, block, seq }] of findings.entries()) {
    const bytes = evidence[i]
    const what = `${code} at block ${block}`
    if (!bytes) {
      if (UNPROVABLE.includes(code)) continue
      if (findings.some((it) => it.code === 'HISTORY_FORKED')) continue
      // what only follows from another cheat, which is proven
      if (CONSEQUENT.includes(code) && evidence.slice(0, i).some((it) => it !== null)) continue
      throw new Error(`${what} has no evidence`)
    }
    const proven = await verifyEvidence(bytes, { openVm: openShared })
    if (proven.code !== code || proven.address !== encodeId(address)) {
      throw new Error(`evidence of ${what} proves ${proven.code} of ${proven.address}`)
    }
    // heads are found in the logs of users, and are of the call log
    if (log !== 'user log' && (proven.log !== log || proven.block !== block)) {
      throw new Error(`evidence of ${what} is about block ${proven.block} of the ${proven.log}`)
    }
    if (proven.seq !== undefined && seq !== undefined && proven.seq !== seq) {
      throw new Error(`evidence of ${what} is about call ${proven.seq}, not ${seq}`)
    }
  }
}

/** Heads that do not go with one which nobody has signed; calls before an ack that names a wrong one before it. */
const CONSEQUENT = ['COMMIT_HEADS_WRONG', 'CALL_SKIPPED']

/**
 * What a host does not show is no statement of its, and an address that is none accuses nobody. For an archive that is
 * ahead of the newest commit, the next one may still come.
 */
const UNPROVABLE = [
  'ADDRESS_WRONG',
  'HISTORY_TRUNCATED',
  'ARCHIVE_TRUNCATED',
  'ARCHIVE_UNCOMMITTED'
]

/** Codes, with the call and the block that they name. */
export function found({
  findings
}: {
  readonly findings: readonly (Place & { readonly code: string })[]
}): string[] {
  return findings.map(({ code, seq, block }) => `${code} call ${seq ?? '-'} block ${block}`)
}

export async function openStore(t: Teardown): Promise<Corestore> {
  const store = new Corestore(await tempDir(t))
  await store.ready()
  t.teardown(() => store.close())
  return store
}

export async function headOf(core: Hypercore): Promise<Head> {
  const { length, fork, signature } = core.state
  return { length, fork, treeHash: await core.treeHash(), signature: b4a.from(signature ?? fail()) }
}

function resultOf(ack: number, step: Step): CallLogEntry {
  return decodeEntry(encodeResult(ack, step))
}

const ABORT: Step = {
  outcome: {
    status: 'abort',
    error: { name: 'MivmError', message: 'too long', code: 'ABORT_TIME' }
  },
  writes: [],
  fuel: 0
}

function fail(): never {
  throw new Error('the test is wrong')
}

/** Everything of an instance in another store, with these blocks in one of its logs, signed by its author. */
export async function copyStore(
  t: Teardown,
  { log, files, content, keyPair, users }: Writer,
  changed: Hypercore,
  blocks: readonly Uint8Array[]
): Promise<Corestore> {
  const store = await openStore(t)
  const cores = [log, files, content].map((core) => ({ core, keyPair }))
  for (const { core, keyPair } of [...cores, ...users]) {
    const copy = store.get({ manifest: core.manifest ?? fail(), keyPair })
    await copy.append(core === changed ? [...blocks] : await blocksOf(core))
  }
  return store
}

export async function blocksOf(core: Hypercore): Promise<Uint8Array[]> {
  const blocks: Uint8Array[] = []
  for await (const block of core.createReadStream()) blocks.push(block)
  return blocks
}

/** The cores of a host but one. */
export function coresWithout(
  { log, files, content, users }: Writer,
  hidden: Hypercore | undefined
): readonly Hypercore[] {
  return [log, files, content, ...users.map(({ core }) => core)].filter((core) => core !== hidden)
}

/** Connects a stranger's store to the host, to some of its cores where they are named. Returns what ends it. */
export async function replicate(
  stranger: Corestore,
  writer: Pick<Writer, 'store' | 'keyPair'>,
  shown?: readonly Hypercore[]
): Promise<() => Promise<void>> {
  const [a, b] = streamPair(writer.keyPair)
  stranger.replicate(a)
  if (shown === undefined) writer.store.replicate(b)
  else for (const core of shown) core.replicate(b)
  await Promise.all([a.opened, b.opened])
  return async () => {
    const closed = [a, b].map(
      (stream) => new Promise<void>((resolve) => stream.on('close', resolve))
    )
    a.destroy()
    b.destroy()
    await Promise.all(closed)
  }
}

/** As far as a test damages it. */
interface BlockStorage {
  write(): { putBlock(index: number, block: Uint8Array): void; flush(): Promise<unknown> }
}

/** Puts something else where a block is on the disk, behind the back of the log. */
export async function overwrite(core: Hypercore, index: number, block: Uint8Array): Promise<void> {
  const storage: unknown = core.state.storage
  if (!isBlockStorage(storage)) throw new Error('the storage has no such methods any more')
  const write = storage.write()
  write.putBlock(index, block)
  await write.flush()
}

function isBlockStorage(storage: unknown): storage is BlockStorage {
  return typeof storage === 'object' && storage !== null && 'write' in storage
}

/** A batch of two users with a call that fails, and what one of them was answered. */
export async function story(writer: Writer, cheat: Cheat = {}): Promise<void> {
  const first = await writer.commit(
    [
      await writer.call(0, 'add', ['one'], await writer.head()),
      await writer.call(1, 'add', ['two']),
      await writer.call(1, 'fail')
    ],
    cheat
  )
  await writer.ack(1, writer.users[1]?.core.length ?? 0, first + 5)
}
