// The golden files, and messages between peers, as scripts/vectors.js has written them: see protocol-vectors.test.ts.
import { readFileSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import b4a from 'b4a'
import test from 'brittle'
import c from 'compact-encoding'
import crypto from 'hypercore-crypto'
import { Bits } from '../src/audit/bits.ts'
import { Checkpoints } from '../src/audit/checkpoint.ts'
import { armor } from '../src/protocol/envelope.ts'
import { encodeId } from '../src/protocol/ids.ts'
import { verifyReceipt } from '../src/protocol/receipt.ts'
import { getEncoding } from '../src/protocol/schema/index.js'
import { type BackupRecord, BackupWriter, readBackup } from '../src/state/backup-file.ts'
import { exportIdentity, importIdentity } from '../src/state/identity.ts'
import { coverTables, mendTables } from '../src/state/parity.ts'
import { tempDir } from './helpers.ts'
import { inHex } from './same.ts'

interface FileVectors {
  readonly armored: readonly { name: string; text: string }[]
  readonly refusedArmored: readonly { name: string; text: string; code: string }[]
  readonly lines: readonly { line: string; code: string }[]
  readonly identities: readonly { text: string; id: string; seed: string }[]
  readonly refusedIdentities: readonly { text: string }[]
  readonly messages: readonly { name: string; message: unknown; bytes: string }[]
  readonly checkpoint: { readonly seed: string; readonly address: string; readonly bytes: string }
  readonly backup: {
    readonly records: readonly { kind: string; key: string; hash: string; bytes: number }[]
    readonly bytes: string
  }
  readonly parity: readonly { size: number; bytes: string }[]
}

const files: FileVectors = read('files')
const proofs: { readonly receipt: { readonly bytes: string } } = read('heads-proofs')
const receipt = b4a.from(proofs.receipt.bytes, 'hex')

test('file vectors - a receipt as text', async (t) => {
  t.is(armor(receipt), files.armored[0]?.text)
  for (const { name, text } of files.armored) {
    t.alike(b4a.from(verifyReceipt(b4a.from(text)).bytes), receipt, name)
  }
  for (const { name, text, code } of files.refusedArmored) {
    await t.exception(() => verifyReceipt(b4a.from(text)), { code }, name)
  }
})

test('file vectors - first lines', async (t) => {
  for (const { line, code } of files.lines) {
    const bytes = b4a.concat([b4a.from(`${line}\n`), receipt.subarray('mivm/receipt/1\n'.length)])
    await t.exception(() => verifyReceipt(bytes), { code }, line)
  }
})

test('file vectors - identities', async (t) => {
  const dir = await tempDir(t)
  for (const [i, { text, id, seed }] of files.identities.entries()) {
    const identity = await importIdentity(dir, `i${i}`, text)
    t.is(identity.id, id)
    t.alike(identity.keyPair.publicKey, crypto.keyPair(b4a.from(seed, 'hex')).publicKey)
    t.is(exportIdentity(identity), text)
    t.is(await readFile(path.join(dir, `i${i}.key`), 'utf8'), text)
  }
  for (const [i, { text }] of files.refusedIdentities.entries()) {
    await t.exception(importIdentity(dir, `r${i}`, text), { code: 'KEY_INVALID' }, text)
  }
})

test('file vectors - messages between peers', (t) => {
  for (const { name, message, bytes } of files.messages) {
    const encoding = getEncoding<object>(`@mivm/${name}`)
    const decoded = c.decode(encoding, b4a.from(bytes, 'hex'))
    t.alike(inHex(withEmpty(decoded)), message, name)
    t.is(b4a.toString(c.encode(encoding, decoded), 'hex'), bytes, name)
  }
})

test('file vectors - a checkpoint', async (t) => {
  const { seed, address, bytes } = files.checkpoint
  const [dir, copy] = [await tempDir(t), await tempDir(t)]
  const id = encodeId(b4a.from(address, 'hex'))
  for (const it of [dir, copy]) await writeFile(path.join(it, 'auditor.key'), `${seed}\n`)
  await writeFile(path.join(dir, `${id}.checkpoint`), b4a.from(bytes, 'base64'))
  const kept = await new Checkpoints(dir, id, b4a.from(address, 'hex')).read()
  if (kept === null || !('checkpoint' in kept)) return t.fail(JSON.stringify(kept))
  for (const { acked, ackedTo } of kept.checkpoint.users.logs) {
    t.ok(new Bits(acked).has(ackedTo), 'an entry has the bit that an audit gives it')
  }
  await new Checkpoints(copy, id, kept.checkpoint.address).write(kept.checkpoint)
  t.is(await readFile(path.join(copy, `${id}.checkpoint`), 'base64'), bytes)
})

test('file vectors - a backup', async (t) => {
  const { records, bytes } = files.backup
  const dir = await tempDir(t)
  await mkdir(dir, { recursive: true })
  const [whole, again] = [path.join(dir, 'whole'), path.join(dir, 'again')]
  await writeFile(whole, b4a.from(bytes, 'base64'))
  // another zlib may deflate otherwise: what counts is what is in it
  const writer = await BackupWriter.create(again)
  for (const record of await all(whole)) await writer.add(record)
  await writer.finish()
  for (const file of [whole, again]) {
    t.alike(
      (await all(file)).map(({ kind, key, value }) => ({
        kind,
        key: b4a.toString(key, 'hex'),
        hash: b4a.toString(crypto.hash(value), 'hex'),
        bytes: value.byteLength
      })),
      records
    )
  }
})

test('file vectors - notes beside tables', async (t) => {
  const dir = await tempDir(t)
  for (const [i, { size, bytes }] of files.parity.entries()) {
    const db = path.join(dir, `${i}`)
    await mkdir(db, { recursive: true })
    const table = b4a.from(Array.from({ length: size }, (_, at) => at * at + (at >> 8)))
    const file = path.join(db, '7.sst')
    await writeFile(file, table)
    await coverTables(db, { isClosed: true })
    t.is(await readFile(`${file}.parity`, 'base64'), bytes)
    const damaged = b4a.from(table)
    damaged[size - 1] = (damaged[size - 1] ?? 0) ^ 0x55
    await writeFile(file, damaged)
    const isSmall = size < 4 * 16
    t.is((await mendTables(db)).length, isSmall ? 0 : 1)
    t.alike(await readFile(file), isSmall ? damaged : table)
  }
})

async function all(file: string): Promise<BackupRecord[]> {
  const records: BackupRecord[] = []
  for await (const record of readBackup(file)) records.push(record)
  return records
}

/** The encodings have one value for no bytes and for nothing. */
function withEmpty(message: object): object {
  if (!('blocks' in message) || !Array.isArray(message.blocks)) return message
  return { ...message, blocks: message.blocks.map((block) => block ?? b4a.alloc(0)) }
}

function read<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`./vectors/${name}.json`, import.meta.url), 'utf8'))
}
