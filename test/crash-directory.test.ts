// What a crash leaves of a directory that was being made.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { chmod, chown, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import b4a from 'b4a'
import test from 'brittle'
import { createIdentity, openIdentity, readIdentity } from '../src/state/identity.ts'
import { makeDirectory } from '../src/state/make-directory.ts'
import { openStore } from '../src/state/store.ts'
import { readSyncs } from './faults/synced.ts'
import { codeOf, tempDir } from './helpers.ts'
import { programOf } from './programs.js'

/** The user of Linux who owns nothing. */
const NOBODY = 65_534

for (const [what, bytes] of [
  ['nothing', new Uint8Array()],
  ['zeros', new Uint8Array(80)]
] as const) {
  test(`store - opens where a crash has left ${what} of Corestore's note of the place`, async (t) => {
    const dir = await tempDir(t)
    await writeFile(path.join(dir, 'CORESTORE'), bytes)
    const store = await openStore(dir)
    const core = store.get({ name: 'core' })
    await core.append(new Uint8Array([1]))
    await store.close()
    const again = await openStore(dir)
    const same = again.get({ name: 'core' })
    await same.ready()
    t.is(same.length, 1)
    await again.close()
  })
}

test('store - a note of another place is left alone', async (t) => {
  const dir = await tempDir(t)
  await writeFile(path.join(dir, 'CORESTORE'), 'device/inode=1\n')
  await t.exception(openStore(dir), /was copied or moved here/)
})

test('store - one in which nothing is signed may be copied', async (t) => {
  const [dir, copied] = [await tempDir(t), await tempDir(t)]
  const store = await openStore(dir)
  await store.get({ name: 'core' }).append(new Uint8Array([1]))
  await store.close()
  await cp(dir, copied, { recursive: true })
  await t.exception(openStore(copied), /was copied or moved here/)
  const again = await openStore(copied, { mayMove: true })
  const core = again.get({ name: 'core' })
  await core.ready()
  t.is(core.length, 1)
  await t.exception(openStore(copied, { mayMove: true }), /is in use by another process/)
  await again.close()
})

test('identity - what a crash has left of a new one is in nobody’s way', async (t) => {
  const dir = await tempDir(t)
  await writeFile(path.join(dir, 'alice.key.0b0e'), '{"mivm"')
  const alice = await openIdentity(dir, 'alice')
  t.is((await openIdentity(dir, 'alice')).id, alice.id)
  await t.exception(createIdentity(dir, 'alice'), /there is an identity "alice" already/)
  await rm(path.join(dir, 'alice.key.0b0e'))
  t.alike(await readdir(dir), ['alice.key'], 'nothing else is left')
})

test('identity - one of which a disk has flipped a bit is the same, and whole again', async (t) => {
  const dir = await tempDir(t)
  const { id, keyPair } = await openIdentity(dir, 'host')
  const file = path.join(dir, 'host.key')
  const bytes = await readFile(file)
  for (let at = 0; at < bytes.length; at += 31) {
    const flipped = Uint8Array.from(bytes)
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at & 7))
    await writeFile(file, flipped)
    const again = await readIdentity(dir, 'host')
    if (again.id !== id || !b4a.equals(again.keyPair.secretKey, keyPair.secretKey)) t.fail(`${at}`)
  }
  t.is((await openIdentity(dir, 'host')).id, id)
  t.alike(await readFile(file), bytes)
  await writeFile(file, bytes.fill(48, 80, 90))
  t.is(await codeOf(readIdentity(dir, 'host')), 'KEY_INVALID', 'no more is guessed')
})

test('identity - is made where a file cannot have two names, as on exFAT, and over none that is there', async (t) => {
  const { link } = fs.promises
  const relink = (it: typeof link) => {
    fs.promises.link = it
    syncBuiltinESMExports()
  }
  t.teardown(() => relink(link))
  relink(async () => {
    throw Object.assign(new Error('EPERM: operation not permitted, link'), { code: 'EPERM' })
  })
  const dir = await tempDir(t)
  const alice = await openIdentity(dir, 'alice')
  t.is((await openIdentity(dir, 'alice')).id, alice.id)
  await t.exception(createIdentity(dir, 'alice'), /there is an identity "alice" already/)
  t.is((await openIdentity(dir, 'alice')).id, alice.id)
  t.alike(await readdir(dir), ['alice.key'])
})

test('directories - one is made where its maker may write and not read', {
  skip: process.platform === 'win32'
}, async (t) => {
  const dir = path.join(await tempDir(t), 'drop')
  await mkdir(dir)
  const user = process.geteuid?.() ?? 0
  const other = user === 0 ? NOBODY : user
  await chown(dir, other, -1)
  await chmod(dir, 0o300)
  await chmod(path.dirname(dir), 0o711)
  // those of a run of all tests are in one that is its maker's alone
  const { mode } = await stat(tmpdir())
  if ((mode & 0o001) === 0) await chmod(tmpdir(), 0o711)
  process.seteuid?.(other)
  t.teardown(() => process.seteuid?.(user))
  await makeDirectory(path.join(dir, 'host', 'store'))
  process.seteuid?.(user)
  t.ok((await stat(path.join(dir, 'host', 'store'))).isDirectory())
  await chmod(dir, 0o700)
})

test('directories - a power cut takes back none that a host, a caller or a restored host has made', async (t) => {
  const dir = await tempDir(t)
  const notes = path.join(await tempDir(t), 'synced')
  const script = (name: string) => programOf(fileURLToPath(new URL(name, import.meta.url)))
  const flags = ['--conditions=mivm-source', '--import', script('./faults/synced.ts')]
  const args = [...flags, script('./faults/fresh-directories.ts'), dir, notes]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  t.alike(await once(child, 'exit'), [0, null])
  const { names } = readSyncs(notes)
  const restored = path.join(dir, 'three', 'host')
  for (const { parentPath, name } of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const made = path.join(parentPath, name)
    if (!(await stat(made)).isDirectory()) continue
    // it had another name while it was made
    const isSynced = [...names].some((it) => {
      const fresh = it.replace(/three\/\.restoring-[^/]*/, 'three/host')
      return it === made || (made.startsWith(`${restored}/`) && fresh === made)
    })
    t.ok(isSynced, path.relative(dir, made))
  }
})
