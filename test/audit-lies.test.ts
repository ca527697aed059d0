// A host that tells a random lie, in one entry or two, anywhere in its log: somebody who audits it says so.
import b4a from 'b4a'
import test from 'brittle'
import crypto from 'hypercore-crypto'
import { type CallLogEntry, encodeEntry, type UserHead } from '../src/protocol/entries.ts'
import { lastWrites, type Write } from '../src/protocol/files.ts'
import { type Cheat, closeVm, type Item, run, Writer } from './audit-writer.ts'
import type { Teardown } from './helpers.ts'
import { Random } from './random.ts'

const ROUNDS = Number(process.env['MIVM_LIES'] ?? 60)
const BATCHES = 5
/** The largest number of an entry. */
const FAR = Number.MAX_SAFE_INTEGER
/** What no auditor can know. */
const ATTESTED = 'attested'

test('audit - a lie in any field of any entry is found', async (t) => {
  const random = new Random()
  t.comment(`MIVM_SEED=${random.seed}`)
  for (let round = 0; round < ROUNDS; round++) {
    const said = await tellAndAudit(random)
    if (said !== null) t.fail(said)
  }
  t.pass(`${ROUNDS} lies`)
})

test.hook('audit - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})

/** What an audit did not find of a lie; null where it is as it should be. */
async function tellAndAudit(random: Random): Promise<string | null> {
  const ends: { readonly fn: () => unknown; readonly order: number }[] = []
  // a directory takes much room, and there are many
  const own: Teardown = { teardown: (fn, { order = 0 } = {}) => ends.push({ fn, order }) }
  const lies: string[] = []
  const at = random.pick([0, 1, BATCHES - 1])
  const cheat = lieOf(random, lies)
  try {
    const writer = await Writer.deploy(own, { oracle: () => PRICE }, at === 0 ? cheat : {})
    for (let batch = 1; batch < BATCHES; batch++) {
      await writer.commit(await calls(writer, random), batch === at ? cheat : {})
    }
    const { verdict } = await run(own, writer)
    if (lies.every((lie) => lie === ATTESTED) || verdict.verdict === 'violation') return null
    return `batch ${at}: ${lies.join(', ')}: ${verdict.verdict}`
  } catch (error) {
    return `batch ${at}: ${lies.join(', ')}: ${error}`
  } finally {
    for (const { fn } of ends.toSorted((a, b) => a.order - b.order)) await fn()
  }
}

const PRICE = { ok: true, value: '7' } as const

async function calls(writer: Writer, random: Random): Promise<Item[]> {
  const items: Item[] = []
  if (random.chance(0.2)) return [await writer.call(random.below(2), 'ask', ['price'])]
  for (let i = random.below(4); i >= 0; i--) {
    const head = random.chance(0.3) ? await writer.head() : null
    const [method, args] = random.pick<readonly [string, unknown[]]>([
      ['add', ['text']],
      ['change', [1, `${random.below(9)}`]],
      ['roll', []],
      ['fail', []],
      ['read', [1]],
      ['none', [1]],
      ['remove', [1]]
    ])
    items.push(await writer.call(random.below(2), method, args, head))
  }
  return items
}

/** Tells one lie, or two, when a batch is written; notes what it was. */
function lieOf(random: Random, lies: string[]): Cheat {
  const inEntries = (entries: CallLogEntry[]): CallLogEntry[] => {
    let told = entries
    for (let i = random.chance(0.3) ? 2 : 1; i > 0; i--) told = change(random, told, lies)
    // two may be none together
    if (isSame(told, entries)) lies.splice(0)
    return told
  }
  if (random.chance(0.85)) return { entries: inEntries }
  const both = random.chance(0.3)
  return {
    writes: (writes) => changeWrites(random, writes, lies),
    ...(both ? { entries: inEntries } : {})
  }
}

function change(random: Random, entries: CallLogEntry[], lies: string[]): CallLogEntry[] {
  const i = random.below(entries.length)
  const entry = entries[i]
  if (entry === undefined) return entries
  if (random.chance(0.15)) {
    const other = random.below(entries.length)
    const moved = random.pick([
      entries.toSpliced(i, 1),
      entries.toSpliced(i, 0, entry),
      entries.toSpliced(i, 0, entries[other] ?? entry),
      entries.with(i, entries[other] ?? entry).with(other, entry)
    ])
    if (isSame(moved, entries)) return entries
    // without a commit nothing is told
    lies.push(
      moved.some(({ type }) => type === 'commit') ? `order of ${entry.type}` : 'time forward'
    )
    return moved
  }
  const [field, lie] = fieldOf(random, entry)
  const told = Object.assign({ ...entry }, lie)
  try {
    if (b4a.equals(encodeEntry(told), encodeEntry(entry))) return entries
  } catch {
    return entries
  }
  // time is the host's word as long as it does not go backwards, and there is none before that of init
  const isInit = entry.type === 'ack' && entry.seq === 1
  const isTime = field === 'time' && (isInit || Reflect.get(told, field) > 0)
  lies.push(isTime ? ATTESTED : `${field} of ${entry.type}`)
  return entries.with(i, told)
}

function isSame(one: readonly CallLogEntry[], two: readonly CallLogEntry[]): boolean {
  return b4a.equals(b4a.concat(one.map(encodeEntry)), b4a.concat(two.map(encodeEntry)))
}

function fieldOf(random: Random, entry: CallLogEntry): [string, object] {
  const field = random.pick<string>(FIELDS[entry.type])
  return [field, { [field]: lieAbout(random, Reflect.get(entry, field)) }]
}

const FIELDS: { readonly [type in CallLogEntry['type']]: readonly [string, ...string[]] } = {
  genesis: ['salt'],
  code: ['source'],
  ack: ['seq', 'user', 'entry', 'call', 'time', 'previous'],
  result: ['ack', 'fuel', 'writes', 'value', 'error', 'outcome'],
  'oracle-request': ['ack', 'index', 'name', 'args'],
  'oracle-answer': ['ack', 'index', 'value', 'error'],
  commit: ['archive', 'blobs', 'heads']
}

/** Something else of the same kind. */
function lieAbout(random: Random, value: unknown): unknown {
  if (typeof value === 'number') return random.pick([value + 1, Math.max(0, value - 1), 0, FAR])
  if (value === 'ok' || value === 'error' || value === 'abort') {
    return random.pick(['ok', 'error', 'abort'])
  }
  if (typeof value === 'string') return random.pick([`${value} `, ` ${value}`, 'null', '[[', ''])
  if (value === null)
    return random.pick<unknown>(['null', '{}', { name: 'Error', message: '', code: null }])
  if (value instanceof Uint8Array) return otherBytes(random, value)
  if (Array.isArray(value)) return otherHeads(random, value)
  const entries = Object.entries(Object(value))
  const [name, inner] = entries[random.below(entries.length)] ?? ['', null]
  return { ...Object(value), [name]: lieAbout(random, inner) }
}

function otherBytes(random: Random, bytes: Uint8Array): Uint8Array {
  const other = Uint8Array.from(bytes)
  const at = random.below(bytes.byteLength)
  other[at] = (other[at] ?? 0) ^ (1 << random.below(8))
  return random.chance(0.2) ? crypto.randomBytes(bytes.byteLength) : other
}

function otherHeads(random: Random, heads: readonly UserHead[]): UserHead[] {
  const [first] = heads
  if (first === undefined) return []
  return random.pick([
    heads.slice(1),
    [...heads, first],
    heads.length > 1 ? heads.toReversed() : [],
    [{ ...first, length: first.length + 1 }, ...heads.slice(1)],
    [{ ...first, treeHash: otherBytes(random, first.treeHash) }, ...heads.slice(1)],
    [{ ...first, signature: otherBytes(random, first.signature) }, ...heads.slice(1)]
  ])
}

function changeWrites(random: Random, writes: Write[], lies: string[]): Write[] {
  const told = otherWrites(random, writes)
  // of several to one path the last one counts
  const isOther = text(lastWrites(told)) !== text(lastWrites(writes))
  lies.push(isOther ? 'writes' : ATTESTED)
  return told
}

function text(writes: readonly Write[]): string {
  return JSON.stringify(writes.map(({ path, data }) => [path, data && b4a.toString(data, 'hex')]))
}

function otherWrites(random: Random, writes: Write[]): Write[] {
  const extra = { path: `/${random.below(100)}`, data: random.bytes(3) }
  const i = random.below(writes.length)
  const it = writes[i]
  if (it === undefined || random.chance(0.3)) return [...writes, extra]
  return random.pick([
    writes.toSpliced(i, 1),
    writes.with(i, { path: it.path, data: random.bytes(4) }),
    writes.with(i, { path: `${it.path}x`, data: it.data })
  ])
}
