// Notes beside the tables of a database, by which what a disk has damaged in them is as it was.
import { appendFile, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import test, { type Test } from 'brittle'
import { coverTables, mendManifest, mendTables } from '../src/state/parity.ts'
import { tempDir } from './helpers.ts'
import { Random } from './random.ts'

const CHUNK = 4096
const SIZES = [64, 255, 256, 257, 1_000, 4_095, 65_536, 16 * CHUNK - 1, 300_001, 1_100_000]

test('parity - any byte of a table is as it was again', async (t) => {
  const random = new Random()
  t.comment(`MIVM_SEED=${random.seed}`)
  for (const size of SIZES) {
    const { db, file, bytes } = await covered(t, random.bytes(size))
    for (const at of [0, size - 1, random.below(size), random.below(size)]) {
      await damage(file, bytes, [at])
      const mended = await mendTables(db)
      t.alike(mended, [{ file, at: null }], `byte ${at} of ${size}`)
      t.alike(await readFile(file), bytes)
    }
    t.alike(await mendTables(db), [], 'nothing is wrong')
  }
})

test('parity - eight places in a row are mended, and not two of a group', async (t) => {
  const random = new Random()
  t.comment(`MIVM_SEED=${random.seed}`)
  const { db, file, bytes } = await covered(t, random.bytes(40 * CHUNK + 7))
  const places = (...chunks: readonly number[]) => chunks.map((chunk) => chunk * CHUNK + 5)
  await damage(file, bytes, places(33, 34, 35, 36, 37, 38, 39, 40))
  t.is((await mendTables(db)).length, 1)
  t.alike(await readFile(file), bytes)
  for (const chunks of [
    [3, 11],
    [0, 1, 2, 3, 4, 5, 6, 7, 8]
  ]) {
    await damage(file, bytes, places(...chunks))
    const damaged = await readFile(file)
    t.alike(await mendTables(db), [], `${chunks}`)
    t.alike(await readFile(file), damaged, 'it stays as it is')
  }
})

test('parity - what is missing at the end of a file is there again', async (t) => {
  const random = new Random()
  t.comment(`MIVM_SEED=${random.seed}`)
  const { db, file, bytes } = await covered(t, random.bytes(40 * CHUNK + 7))
  const zeros = await covered(t, new Uint8Array(40 * CHUNK))
  for (const cut of [1, 7, 8, CHUNK + 7, 7 * CHUNK + 7]) {
    await writeFile(file, bytes.subarray(0, bytes.byteLength - cut))
    t.is((await mendTables(db)).length, 1, `${cut} bytes`)
    t.alike(await readFile(file), bytes)
    await writeFile(zeros.file, zeros.bytes.subarray(0, zeros.bytes.byteLength - cut))
    t.is((await mendTables(zeros.db)).length, 1)
    t.alike(await readFile(zeros.file), zeros.bytes)
  }
  await writeFile(file, bytes.subarray(0, bytes.byteLength - 7 * CHUNK - 8))
  t.alike(await mendTables(db), [])
})

test('parity - the manifest that a database has is what was noted, or it is said', async (t) => {
  const random = new Random()
  t.comment(`MIVM_SEED=${random.seed}`)
  const db = await tempDir(t)
  const [file, other] = ['MANIFEST-000005', 'MANIFEST-000001'].map((it) => path.join(db, it))
  const bytes = random.bytes(700)
  for (const name of [file, other]) await writeFile(name ?? '', bytes)
  await writeFile(path.join(db, 'CURRENT'), 'MANIFEST-000005\n')
  await coverTables(db, { isClosed: true })
  await writeFile(other ?? '', '')
  t.alike(await mendManifest(db), [], "what it does not have is nobody's")
  for (const cut of [1, 20, 100]) {
    await writeFile(file ?? '', bytes.subarray(0, 700 - cut))
    t.alike(await mendManifest(db), [{ file, at: null }])
    t.alike(await readFile(file ?? ''), Buffer.from(bytes))
  }
  for (const some of [bytes.subarray(0, 300), random.bytes(700), new Uint8Array()]) {
    await writeFile(file ?? '', some)
    await t.exception(mendManifest(db), /^Error: corrupted: MANIFEST-000005 is not what/)
    t.alike(await readFile(file ?? ''), Buffer.from(some))
  }
  await writeFile(file ?? '', random.bytes(701))
  t.alike(await mendManifest(db), [], 'one that has grown')
})

test('parity - another file of that name is left alone', async (t) => {
  const random = new Random()
  t.comment(`MIVM_SEED=${random.seed}`)
  const { db, file, bytes } = await covered(t, random.bytes(4_000))
  const half = Buffer.concat([bytes.subarray(0, 2_000), random.bytes(2_000)])
  for (const other of [
    random.bytes(4_000),
    half,
    bytes.subarray(1),
    Buffer.concat([bytes, half])
  ]) {
    await writeFile(file, other)
    t.alike(await mendTables(db), [])
    t.alike(await readFile(file), Buffer.from(other))
  }
  await rm(file)
  t.alike(await mendTables(db), [])
  t.alike(await readdir(db), ['000007.sst.parity'])
  await coverTables(db)
  t.alike(await readdir(db), [], 'its note goes')
})

test('parity - a note that is damaged itself, or of a newer version, mends nothing', async (t) => {
  const { db, file, bytes } = await covered(t, new Uint8Array(500).fill(3))
  const note = await readFile(`${file}.parity`)
  await damage(file, bytes, [9])
  for (let at = 0; at < note.byteLength; at++) {
    await damage(`${file}.parity`, note, [at])
    t.alike(await mendTables(db), [], `byte ${at}`)
  }
  for (const cut of [0, 1, 14, 40, note.byteLength - 1]) {
    await writeFile(`${file}.parity`, note.subarray(0, cut))
    t.alike(await mendTables(db), [], `${cut} bytes`)
  }
  await writeFile(`${file}.parity`, note)
  t.is((await mendTables(db)).length, 1)
})

test('parity - tables have notes once nothing is written to them any more, the manifest at the end', async (t) => {
  const db = await tempDir(t)
  const write = (name: string) => writeFile(path.join(db, name), name.repeat(50))
  for (const name of ['000001.sst', '000002.sst', '000003.blob', '000004.log', 'CURRENT']) {
    await write(name)
  }
  await write('MANIFEST-000005')
  const notes = async () => (await readdir(db)).filter((name) => name.endsWith('.parity')).sort()
  await coverTables(db)
  t.alike(await notes(), [], 'they may be half written')
  const before = Date.now() / 1000 - 120
  for (const name of ['000001.sst', '000003.blob', 'MANIFEST-000005']) {
    await utimes(path.join(db, name), before, before)
  }
  await coverTables(db)
  t.alike(await notes(), ['000001.sst.parity', '000003.blob.parity'])
  await appendFile(path.join(db, '000001.sst'), 'x'.repeat(500))
  await coverTables(db, { isClosed: true })
  t.alike(await notes(), [
    '000001.sst.parity',
    '000002.sst.parity',
    '000003.blob.parity',
    'MANIFEST-000005.parity'
  ])
  const file = path.join(db, '000001.sst')
  await utimes(`${file}.parity`, before, before)
  await appendFile(file, 'x')
  await coverTables(db, { isClosed: true })
  const bytes = await readFile(file)
  await damage(file, bytes, [bytes.byteLength - 1])
  t.is((await mendTables(db)).length, 1, 'one that has grown, by a byte as well, has another note')
  t.alike(await readFile(file), bytes)
  await rename(file, path.join(db, '000009.sst'))
  await coverTables(db, { isClosed: true, signal: AbortSignal.abort() })
  t.absent((await notes()).includes('000009.sst.parity'), 'who is told to end ends')
})

async function covered(t: Test, content: Uint8Array) {
  const db = await tempDir(t)
  const file = path.join(db, '000007.sst')
  const bytes = Buffer.from(content)
  await writeFile(file, bytes)
  await coverTables(db, { isClosed: true })
  return { db, file, bytes }
}

/** Writes a file with other bytes at these places. */
async function damage(file: string, bytes: Uint8Array, places: readonly number[]): Promise<void> {
  const damaged = Buffer.from(bytes)
  for (const at of places) damaged[at] = (damaged[at] ?? 0) ^ 0xff
  await writeFile(file, damaged)
}
