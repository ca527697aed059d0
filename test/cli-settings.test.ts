// What the command line remembers in the data directory.
import { mkdir, readdir } from 'node:fs/promises'
import path from 'node:path'
import test from 'brittle'
import { writeProof } from '../src/cli/proof-file.ts'
import { nameInstance, readNames } from '../src/cli/settings.ts'
import { writeDurably } from '../src/state/durable-file.ts'
import { tempDir } from './helpers.ts'
import { SmallDisk } from './small-disk.ts'

test('settings - names that are given at once are all there', async (t) => {
  const dir = await tempDir(t)
  const names = Array.from({ length: 20 }, (_, i) => `name${i}`)
  await Promise.all(names.map((name) => nameInstance(dir, name, `link of ${name}`)))
  t.alike(Object.keys(await readNames(dir)).sort(), [...names].sort())
  t.alike(await readdir(dir), ['names.json'], 'and nothing else')
})

test('settings - a name that is given again says what it was before', async (t) => {
  const dir = await tempDir(t)
  t.is(await nameInstance(dir, 'forum', 'old'), null)
  t.is(await nameInstance(dir, 'forum', 'new'), 'old')
  t.alike(await readNames(dir), { forum: 'new' })
})

test('settings - a command that was killed does not lock them for ever', async (t) => {
  const dir = await tempDir(t)
  await mkdir(path.join(dir, 'names.json.lock'))
  await nameInstance(dir, 'name', 'link')
  t.alike(await readNames(dir), { name: 'link' })
})

test('settings - a file that does not fit on the disk leaves nothing there', async (t) => {
  const disk = SmallDisk.mount(t, path.join(await tempDir(t), 'disk'), 1)
  if (disk === null) return
  const file = path.join(disk.dir, 'file')
  await writeDurably(file, 'as it was')
  const large = new Uint8Array(2 * 1024 * 1024)
  await t.exception(writeDurably(file, large), { code: 'ENOSPC' })
  await t.exception(writeProof(path.join(disk.dir, 'proof'), large), { code: 'ENOSPC' })
  t.alike(await readdir(disk.dir), ['file'])
})
