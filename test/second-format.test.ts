// The second reading of FORMAT.md in test/second/, against the golden vectors and against the decoders of src/.
import { readFileSync } from 'node:fs'
import test from 'brittle'
import c from 'compact-encoding'
import { decodeEntry, decodeUserEntry } from '../src/protocol/entries.ts'
import { MivmError } from '../src/protocol/errors.ts'
import { type Proof, verifyProof } from '../src/protocol/proof.ts'
import { verifyReceipt } from '../src/protocol/receipt.ts'
import { getEncoding } from '../src/protocol/schema/index.js'
import { decodeValue, encodeValue } from '../src/protocol/values.ts'
import { mutated } from './mutated.ts'
import { Random } from './random.ts'
import { inHex } from './same.ts'
import { H, hex } from './second/bytes.ts'
import { type Head, readEntry, readUserEntry } from './second/entries.ts'
import {
  archiveLogs,
  callLog,
  holds,
  manifestOf,
  readProof,
  readReceipt,
  treeHashes,
  userLog
} from './second/logs.ts'
import { canonical } from './second/values.ts'

interface EntryVectors {
  readonly callLog: readonly { name: string; entry: object; block: string }[]
  readonly userLog: readonly { name: string; entry: object; block: string }[]
  readonly refused: readonly { log: 'call' | 'user'; name: string; block: string; code: string }[]
}

interface HashVectors {
  readonly codeHash: readonly { source: string; hash: string }[]
  readonly treeHashes: readonly string[]
}

interface KeyVectors {
  readonly genesis: string
  readonly manifests: readonly {
    log: 'call-log' | 'state' | 'user-log'
    publicKey: string
    address: string
    manifest: string
    key: string
  }[]
}

interface PlainHead {
  readonly length: number
  readonly fork: number
  readonly treeHash: string
  readonly signature: string
}

interface ProofVectors {
  readonly host: string
  readonly address: string
  readonly blocks: readonly string[]
  readonly heads: readonly PlainHead[]
  readonly forgedHeads: readonly PlainHead[]
  readonly proofs: readonly { start: number; blocks: readonly number[]; proof: string }[]
  readonly receipt: { readonly bytes: string }
  readonly forgedReceipts: readonly { name: string; bytes: string }[]
}

interface ValueVectors {
  readonly values: readonly { text: string }[]
  readonly readable: readonly { text: string; canonical: string }[]
  readonly malformed: readonly { text: string }[]
}

interface ArchiveVectors {
  readonly host: string
  readonly address: string
  readonly keys: { readonly archive: string; readonly blobs: string }
  readonly commits: readonly { archive: { length: number; treeHash: string } }[]
  readonly blocks: readonly string[]
}

const entries: EntryVectors = read('entries')
const hashes: HashVectors = read('hashes')
const keys: KeyVectors = read('keys')
const proofs: ProofVectors = read('heads-proofs')
const archive: ArchiveVectors = read('archive')
const values: ValueVectors = read('values')
const core = { key: unhex(proofs.address), signer: unhex(proofs.host) }
const ROUNDS = 20_000

test('second - entries of the vectors', (t) => {
  for (const { name, entry, block } of entries.callLog) {
    t.ok(isAlike(readEntry(unhex(block)), entry), name)
  }
  for (const { name, entry, block } of entries.userLog) {
    t.ok(isAlike(readUserEntry(unhex(block)), entry), name)
  }
  for (const { log, name, block, code } of entries.refused) {
    const said = log === 'call' ? readEntry(unhex(block)) : readUserEntry(unhex(block))
    t.is(said, code === 'ENTRY_VERSION' ? 'newer' : 'malformed', name)
  }
})

test('second - hashes, keys and archives of the vectors', (t) => {
  for (const { source, hash } of hashes.codeHash) t.is(hex(H('mivm/1/code', source)), hash)
  const blocks = hashes.treeHashes.slice(1).map((_, i) => Buffer.from(`block ${i}`))
  t.alike(treeHashes(blocks).map(hex), hashes.treeHashes)
  for (const { log, publicKey, address, manifest, key } of keys.manifests) {
    const [signer, of] = [unhex(publicKey), unhex(address)]
    const made = {
      'call-log': () => callLog(signer, unhex(keys.genesis)),
      state: () => archiveLogs(signer, of).archive,
      'user-log': () => userLog(signer, of)
    }[log]()
    t.is(hex(made.key), key, log)
    const bytes = unhex(manifest)
    const prologue = bytes.length > 70 ? bytes.subarray(70, 102) : undefined
    t.is(hex(manifestOf(bytes.subarray(6, 38), signer, prologue)), manifest, `${log}, its manifest`)
  }
  const logs = archiveLogs(unhex(archive.host), unhex(archive.address))
  t.is(hex(logs.archive.key), archive.keys.archive)
  t.is(hex(logs.blobs.key), archive.keys.blobs)
  const trees = treeHashes(archive.blocks.map(unhex)).map(hex)
  for (const { archive: version } of archive.commits) {
    t.is(trees[version.length], version.treeHash)
  }
})

test('second - heads, proofs and receipts of the vectors', (t) => {
  for (const head of proofs.heads) t.ok(holds(headOf(head), core))
  for (const head of proofs.forgedHeads) t.absent(holds(headOf(head), core))
  const blocks = proofs.blocks.map(unhex)
  for (const { start, blocks: shown, proof } of proofs.proofs) {
    const proven = readProof(unhex(proof), core, blocks.slice(0, start))
    t.alike([...(proven?.keys() ?? [])], shown)
    t.alike(
      [...(proven?.values() ?? [])].map(hex),
      shown.map((index) => proofs.blocks[index])
    )
  }
  t.ok(readReceipt(unhex(proofs.receipt.bytes)))
  for (const { name, bytes } of proofs.forgedReceipts) t.is(readReceipt(unhex(bytes)), null, name)
})

test('second - values of the vectors, and such that are changed at random', (t) => {
  for (const { text } of values.values) t.is(canonical(text), text)
  for (const { text, canonical: expected } of values.readable) t.is(canonical(text), expected)
  for (const { text } of values.malformed) t.is(canonical(text), null, text.slice(0, 80))
  const random = new Random()
  t.comment(`MIVM_SEED=${random.seed}`)
  const texts = [...values.values, ...values.readable, ...values.malformed]
  const corpus = texts.map(({ text }) => Buffer.from(text))
  for (let i = 0; i < ROUNDS; i++) {
    const text = Buffer.from(mutated(random, corpus)).toString()
    const first = attempt(() => ({ text: encodeValue(decodeValue(text)) }))
    const expected = typeof first === 'string' ? null : first.text
    if (canonical(text) !== expected) t.fail(`${text}: ${expected}, ${canonical(text)}`)
  }
})

test('second - blocks that are changed at random read the same in both', (t) => {
  const random = new Random()
  t.comment(`MIVM_SEED=${random.seed}`)
  const callLog = [...entries.callLog.map(({ block }) => block), ...proofs.blocks].map(unhex)
  const userLog = entries.userLog.map(({ block }) => unhex(block))
  const counts = { entry: 0, newer: 0, malformed: 0 }
  for (let i = 0; i < ROUNDS; i++) {
    const isCall = random.chance(0.7)
    const block = mutated(random, isCall ? callLog : userLog)
    const second = isCall ? readEntry(block) : readUserEntry(block)
    const first = attempt(() => (isCall ? decodeEntry(block) : decodeUserEntry(block)))
    const isSame = typeof second === 'string' ? first === second : isAlike(second, first)
    counts[typeof second === 'string' ? second : 'entry']++
    if (!isSame) t.fail(`${hex(block)}: ${show(first)}, ${show(second)}`)
  }
  t.comment(JSON.stringify(counts))
  t.ok(counts.entry > ROUNDS / 20 && counts.malformed > ROUNDS / 20)
})

test('second - proofs and receipts that are changed at random hold in both or in neither', (t) => {
  const random = new Random()
  t.comment(`MIVM_SEED=${random.seed}`)
  const encoding = getEncoding<Proof>('@mivm/proof')
  const whole = proofs.proofs.filter(({ start }) => start === 0).map(({ proof }) => unhex(proof))
  const receipts = [unhex(proofs.receipt.bytes)]
  for (let i = 0; i < ROUNDS / 4; i++) {
    const proof = mutated(random, whole)
    const proven = attempt(() => {
      const decoded = c.decode(encoding, proof)
      if (hex(c.encode(encoding, decoded)) !== hex(proof)) return null
      return verifyProof(decoded, { key: core.key, publicKey: core.signer })
    })
    const isProven = typeof proven === 'object' && proven !== null
    if (isProven !== (readProof(proof, core) !== null)) t.fail(`proof ${hex(proof)}`)
    const receipt = mutated(random, receipts)
    const isReceipt = typeof attempt(() => verifyReceipt(receipt)) === 'object'
    if (isReceipt !== (readReceipt(receipt) !== null)) t.fail(`receipt ${hex(receipt)}`)
  }
  t.pass()
})

/** Whether what the second reader has of an entry is what the first one has. */
function isAlike(second: object | string, first: unknown): boolean {
  if (typeof second === 'string' || typeof first !== 'object' || first === null) return false
  const of: { [name: string]: unknown } = { ...first }
  return Object.entries(second).every(([name, value]) => {
    if (name === 'outcome') return OUTCOMES[value] === of[name]
    if (name === 'limits')
      return show(limitsIn(value)) === show(limitsIn(Object.values(Object(of[name]))))
    if (name === 'heads') return show(value.map(withoutFork)) === show(of[name])
    return show(value) === show(of[name])
  })
}

function limitsIn(limits: readonly (number | null)[]): unknown[] {
  return limits.filter((limit) => limit !== null && limit !== 0)
}

function withoutFork({ length, treeHash, signature }: PlainHead): object {
  return { length, treeHash, signature }
}

const OUTCOMES: readonly string[] = ['ok', 'error', 'abort']

function show(value: unknown): string {
  return JSON.stringify(inHex(value), (_, inner) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner
  )
}

/** What is read, or how it is refused: with nothing but the error that is meant for it. */
function attempt<T>(decode: () => T): T | string {
  try {
    return decode()
  } catch (error) {
    if (error instanceof MivmError) return error.code === 'ENTRY_VERSION' ? 'newer' : 'malformed'
    // compact-encoding's own: src/ catches them where it decodes
    if (error instanceof Error && !(error instanceof TypeError)) return 'malformed'
    throw error
  }
}

function headOf({ length, fork, treeHash, signature }: PlainHead): Head {
  return { length, fork, treeHash: unhex(treeHash), signature: unhex(signature) }
}

function unhex(text: string): Uint8Array {
  return Buffer.from(text, 'hex')
}

function read<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`./vectors/${name}.json`, import.meta.url), 'utf8'))
}
