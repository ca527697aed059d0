// The golden vectors as they are checked in: what these files say holds for ever. They are written by
// scripts/vectors.js, and another implementation can be checked against them in the same way.
import { readFileSync } from 'node:fs'
import b4a from 'b4a'
import test from 'brittle'
import c from 'compact-encoding'
import Corestore from 'corestore'
import crypto from 'hypercore-crypto'
import Hyperdrive from 'hyperdrive'
import {
  type CallLogEntry,
  decodeEntry,
  decodeUserEntry,
  encodeEntry,
  encodeUserEntry,
  type UserLogEntry
} from '../src/protocol/entries.ts'
import { lastWrites } from '../src/protocol/files.ts'
import { callSeed, codeHash, hash, writesHash } from '../src/protocol/hash.ts'
import { type Head, signHead, verifyHead } from '../src/protocol/head.ts'
import { decodeId, encodeId, formatLink, parseLink } from '../src/protocol/ids.ts'
import {
  addressOf,
  callLogManifest,
  manifestKey,
  stateManifest,
  topicOf,
  userLogManifest
} from '../src/protocol/manifest.ts'
import { Tree } from '../src/protocol/merkle.ts'
import { type Proof, verifyProof } from '../src/protocol/proof.ts'
import { verifyReceipt } from '../src/protocol/receipt.ts'
import { getEncoding } from '../src/protocol/schema/index.js'
import { decodeValue, encodeValue, type Value } from '../src/protocol/values.ts'
import { Archive } from '../src/state/archive.ts'
import { tempDir } from './helpers.ts'
import { REFUSED } from './refused-values.js'
import { inHex, sameValue } from './same.ts'

interface Refusal {
  readonly code: string
  readonly message: string
}

interface ValueVectors {
  readonly values: readonly { text: string; value: Described }[]
  readonly readable: readonly { text: string; canonical: string }[]
  readonly malformed: readonly ({ text: string } & Refusal)[]
  readonly refused: readonly ({ name: string } & Refusal)[]
}

/** A value in plain JSON, as values.json has it. */
type Described =
  | null
  | boolean
  | number
  | string
  | { readonly number: string }
  | { readonly bigint: string }
  | { readonly bytes: string }
  | { readonly array: readonly Described[] }
  | { readonly object: readonly (readonly [string, Described])[] }

interface KeyVectors {
  readonly ids: readonly { key: string; id: string }[]
  readonly invalidIds: readonly ({ text: string } & Refusal)[]
  readonly links: readonly {
    text: string
    host: string | null
    address: string
    canonical: string
  }[]
  readonly invalidLinks: readonly ({ text: string } & Refusal)[]
  readonly hypercoreManifestNamespace: string
  readonly namespaces: readonly { name: string; parts: readonly string[]; hash: string }[]
  readonly genesis: string
  readonly topic: string
  readonly manifests: readonly {
    log: 'call-log' | 'state' | 'user-log'
    publicKey: string
    address: string
    manifest: string
    key: string
  }[]
  readonly signatures: readonly {
    name: string
    key: string
    message: string
    signature: string
    holds: boolean
  }[]
}

interface EntryVectors {
  readonly callLog: readonly { name: string; entry: unknown; block: string }[]
  readonly userLog: readonly { name: string; entry: unknown; block: string }[]
  readonly refused: readonly { log: 'call' | 'user'; name: string; block: string; code: string }[]
}

interface HashVectors {
  readonly codeHash: readonly { source: string; hash: string }[]
  readonly writesHash: readonly {
    writes: readonly { path: string; data: string | null }[]
    hash: string
  }[]
  readonly callSeed: readonly { committed: string; block: string; seq: number; seed: string }[]
  readonly treeHashes: readonly string[]
}

interface PlainHead {
  readonly length: number
  readonly fork: number
  readonly treeHash: string
  readonly signature: string
}

interface ProofVectors {
  readonly seeds: { readonly host: string }
  readonly host: string
  readonly address: string
  readonly blocks: readonly string[]
  readonly heads: readonly PlainHead[]
  readonly forgedHeads: readonly PlainHead[]
  readonly proofs: readonly {
    start: number
    blocks: readonly number[]
    through: number | null
    throughHash: string | null
    proof: string
  }[]
  readonly forgedProofs: readonly { name: string; start: number; proof: string }[]
  readonly receipt: { readonly bytes: string; readonly says: object }
  readonly forgedReceipts: readonly { name: string; bytes: string }[]
}

interface Version {
  readonly length: number
  readonly treeHash: string
}

interface ArchiveVectors {
  readonly host: string
  readonly address: string
  readonly keys: { readonly archive: string; readonly blobs: string }
  readonly commits: readonly {
    writes: readonly { path: string; data: string | null }[]
    archive: Version
    blobs: Version
  }[]
  readonly blocks: readonly string[]
}

const values: ValueVectors = read('values')
const keys: KeyVectors = read('keys')
const entries: EntryVectors = read('entries')
const hashes: HashVectors = read('hashes')
const proofs: ProofVectors = read('heads-proofs')
const archive: ArchiveVectors = read('archive')

test('protocol vectors - values and their text', (t) => {
  for (const { text, value } of values.values) {
    t.is(encodeValue(build(value)), text)
    t.is(encodeValue(decodeValue(text)), text)
    t.ok(sameValue(decodeValue(text), build(value)))
  }
  for (const { text, canonical } of values.readable) t.is(encodeValue(decodeValue(text)), canonical)
})

test('protocol vectors - texts and values that are refused', async (t) => {
  for (const { text, code, message } of values.malformed) {
    await t.exception(() => decodeValue(text), { code, message })
  }
  t.alike(
    values.refused.map(({ name }) => name),
    Object.keys(REFUSED)
  )
  for (const { name, code, message } of values.refused) {
    await t.exception(() => encodeValue(REFUSED[name]?.()), { code, message }, name)
  }
})

test('protocol vectors - ids and links', async (t) => {
  for (const { key, id } of keys.ids) {
    t.is(encodeId(unhex(key)), id)
    t.is(hex(decodeId(id)), key)
  }
  for (const { text, host, address, canonical } of keys.links) {
    const link = parseLink(text)
    t.is(link.host === null ? null : hex(link.host), host)
    t.is(hex(link.address), address)
    t.is(formatLink(link), canonical)
  }
  for (const { text, ...refusal } of keys.invalidIds) {
    await t.exception(() => decodeId(text), refusal)
  }
  for (const { text, ...refusal } of keys.invalidLinks) {
    await t.exception(() => parseLink(text), refusal)
  }
})

test('protocol vectors - namespaces, manifests and addresses', (t) => {
  for (const { name, parts, hash: expected } of keys.namespaces) {
    t.is(hex(hash(name, ...parts.map(unhex))), expected)
  }
  const genesis = unhex(keys.genesis)
  for (const { log, publicKey, address, manifest, key } of keys.manifests) {
    const made = {
      'call-log': () => callLogManifest(unhex(publicKey), genesis),
      state: () => stateManifest(unhex(publicKey), unhex(address)),
      'user-log': () => userLogManifest(unhex(publicKey), unhex(address))
    }[log]()
    t.is(hex(manifestKey(made)), key, log)
    const parts = [keys.hypercoreManifestNamespace, manifest].map(unhex)
    t.is(hex(crypto.hash(parts)), key, `${log}, byte by byte`)
    t.is(hex(addressOf(unhex(keys.manifests[0]?.publicKey ?? ''), genesis)), address)
    t.is(hex(topicOf(unhex(address))), keys.topic)
  }
})

test('protocol vectors - signatures that verifiers of Ed25519 differ in', (t) => {
  for (const { name, key, message, signature, holds } of keys.signatures) {
    t.is(crypto.verify(unhex(message), unhex(signature), unhex(key)), holds, name)
  }
})

test('protocol vectors - entries and their blocks', (t) => {
  for (const { name, entry, block } of entries.callLog) {
    const decoded = decodeEntry(unhex(block))
    t.alike(inHex(decoded), withLimits(entry), name)
    t.is(hex(encodeEntry(decoded)), block)
    t.is(hex(encodeEntry(revive<CallLogEntry>(entry))), block)
  }
  for (const { name, entry, block } of entries.userLog) {
    const decoded = decodeUserEntry(unhex(block))
    t.alike(inHex(decoded), entry, name)
    t.is(hex(encodeUserEntry(decoded)), block)
    t.is(hex(encodeUserEntry(revive<UserLogEntry>(entry))), block)
  }
})

test('protocol vectors - blocks that are refused', async (t) => {
  for (const { log, name, block, code } of entries.refused) {
    const decode = log === 'call' ? decodeEntry : decodeUserEntry
    await t.exception(() => decode(unhex(block)), { code }, name)
  }
})

test('protocol vectors - hashes', (t) => {
  for (const { source, hash: expected } of hashes.codeHash) t.is(hex(codeHash(source)), expected)
  for (const { writes, hash: expected } of hashes.writesHash) {
    const made = writes.map(({ path, data }) => ({
      path,
      data: data === null ? null : unhex(data)
    }))
    t.is(hex(writesHash(made)), expected)
  }
  for (const { committed, block, seq, seed } of hashes.callSeed) {
    t.is(hex(callSeed(unhex(committed), unhex(block), seq)), seed)
  }
  const tree = new Tree()
  for (const [length, expected] of hashes.treeHashes.entries()) {
    t.is(hex(tree.treeHash()), expected, `of ${length} blocks`)
    tree.append(b4a.from(`block ${length}`))
  }
})

test('protocol vectors - heads', (t) => {
  const pair = crypto.keyPair(unhex(proofs.seeds.host))
  t.is(hex(pair.publicKey), proofs.host)
  const address = unhex(proofs.address)
  for (const head of proofs.heads.map(reviveHead)) {
    t.ok(verifyHead(head, address, pair.publicKey))
    t.alike(hex(treeOf(head.length).treeHash()), hex(head.treeHash))
    const signed = signHead(head, address, (message) => crypto.sign(message, pair.secretKey))
    t.is(hex(signed.signature), hex(head.signature))
  }
  for (const head of proofs.forgedHeads.map(reviveHead)) {
    t.absent(verifyHead(head, address, pair.publicKey))
  }
})

test('protocol vectors - heads of users in commits', (t) => {
  const logs = new Map<string, Tree>()
  let users = new Set<string>()
  let heads = 0
  for (const entry of proofs.blocks.map((block) => decodeEntry(unhex(block)))) {
    if (entry.type === 'ack') {
      const user = hex(entry.user)
      const log = logs.get(user) ?? new Tree()
      log.append(entry.call)
      logs.set(user, log)
      users.add(user)
    }
    if (entry.type !== 'commit') continue
    t.is(entry.heads.length, users.size)
    for (const [i, user] of [...users].entries()) {
      const head = { ...(entry.heads[i] ?? fail()), fork: 0 }
      const key = manifestKey(userLogManifest(unhex(user), unhex(proofs.address)))
      t.ok(verifyHead(head, key, unhex(user)))
      t.alike(hex(head.treeHash), hex(logs.get(user)?.treeHash() ?? fail()))
      heads++
    }
    users = new Set()
  }
  t.is(heads, 4)
})

test('protocol vectors - proofs', (t) => {
  const key = unhex(proofs.address)
  const publicKey = unhex(proofs.host)
  const encoding = getEncoding<Proof>('@mivm/proof')
  for (const { start, blocks, through, throughHash, proof: bytes } of proofs.proofs) {
    const proof = c.decode(encoding, unhex(bytes))
    t.is(hex(c.encode(encoding, proof)), bytes)
    t.is(proof.start, start)
    const context = { key, publicKey, tree: treeOf(start) }
    const proven = verifyProof(proof, through === null ? context : { ...context, through })
    t.alike([...proven.blocks.keys()], blocks)
    t.alike(
      [...proven.blocks.values()].map(hex),
      blocks.map((index) => proofs.blocks[index])
    )
    t.is(proven.through === null ? null : hex(proven.through.treeHash), throughHash)
    t.is(hex(proven.tree.treeHash()), hex(treeOf(proofs.blocks.length).treeHash()))
  }
})

test('protocol vectors - proofs that are refused', async (t) => {
  const context = { key: unhex(proofs.address), publicKey: unhex(proofs.host) }
  for (const { name, start, proof } of proofs.forgedProofs) {
    const forged = c.decode(getEncoding<Proof>('@mivm/proof'), unhex(proof))
    const verify = () => verifyProof(forged, { ...context, tree: treeOf(start) })
    await t.exception(verify, { code: 'PROOF_INVALID' }, name)
  }
})

test('protocol vectors - receipts', async (t) => {
  const { head, bytes, ...says } = verifyReceipt(unhex(proofs.receipt.bytes))
  t.alike(says, proofs.receipt.says)
  t.is(head.length, proofs.blocks.length)
  t.is(hex(bytes), proofs.receipt.bytes)
  for (const { name, bytes } of proofs.forgedReceipts) {
    await t.exception(() => verifyReceipt(unhex(bytes)), { name: 'MivmError' }, name)
  }
})

test('protocol vectors - the state archive', async (t) => {
  const store = new Corestore(await tempDir(t))
  t.teardown(() => store.close())
  const { publicKey, secretKey } = crypto.keyPair(unhex(proofs.seeds.host))
  const keyPair = { publicKey, secretKey }
  const { signers, ...rest } = stateManifest(unhex(archive.host), unhex(archive.address))
  const manifest = { ...rest, signers: [...signers] }
  const files = store.get({ manifest, keyPair })
  await files.ready()
  const contentManifest = Hyperdrive.getContentManifest(manifest, files.key)
  if (contentManifest === null) return t.fail('Hyperdrive has a manifest for the blobs')
  const content = store.get({ manifest: contentManifest, keyPair })
  await content.ready()
  t.is(hex(files.key), archive.keys.archive)
  t.is(hex(content.key), archive.keys.blobs)

  const state = new Archive(files.session(), content.session(), content.key)
  await state.ready()
  for (const { writes, ...version } of archive.commits) {
    const made = writes.map(({ path, data }) => ({
      path,
      data: data === null ? null : unhex(data)
    }))
    t.alike(
      lastWrites([...made].reverse()).map((write) => write.path),
      made.map((write) => write.path)
    )
    await state.write(made)
    t.alike(inHex(await state.version()), version)
  }
  for (const [i, block] of archive.blocks.entries()) {
    const stored = await files.get(i)
    t.is(stored === null ? null : hex(stored), block)
  }
  await state.close()
})

function read<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`./vectors/${name}.json`, import.meta.url), 'utf8'))
}

function build(described: Described): Value {
  if (typeof described !== 'object' || described === null) return described
  if ('number' in described) return Number(described.number)
  if ('bigint' in described) return BigInt(described.bigint)
  if ('bytes' in described) return Uint8Array.from(unhex(described.bytes))
  if ('array' in described) return described.array.map(build)
  const record: { [key: string]: Value } = {}
  for (const [key, value] of described.object) {
    Object.defineProperty(record, key, {
      value: build(value),
      enumerable: true,
      writable: true,
      configurable: true
    })
  }
  return record
}

function treeOf(length: number): Tree {
  const tree = new Tree()
  for (const block of proofs.blocks.slice(0, length)) tree.append(unhex(block))
  return tree
}

/** What is read has all limits, those that are not lowered as 0. */
function withLimits(entry: unknown): unknown {
  if (typeof entry !== 'object' || entry === null || !('limits' in entry)) return entry
  const names = 'fuel memory time depth code args result exports file writes written path'.split(
    ' '
  )
  const none = Object.fromEntries(names.map((name) => [name, 0]))
  return { ...entry, limits: { ...none, ...Object(entry.limits) } }
}

/** An entry with its binary fields as bytes again. */
function revive<T>(entry: unknown): T {
  return JSON.parse(JSON.stringify(entry), (key, value) =>
    BINARY.has(key) && typeof value === 'string' ? unhex(value) : value
  )
}

const BINARY: ReadonlySet<string> = new Set([
  'host',
  'deployer',
  'salt',
  'codeHash',
  'user',
  'call',
  'result',
  'writes',
  'treeHash',
  'signature'
])

function reviveHead({ length, fork, treeHash, signature }: PlainHead): Head {
  return { length, fork, treeHash: unhex(treeHash), signature: unhex(signature) }
}

function hex(bytes: Uint8Array): string {
  return b4a.toString(bytes, 'hex')
}

function unhex(text: string): Uint8Array {
  return b4a.from(text, 'hex')
}

function fail(): never {
  throw new Error('a vector is missing')
}
