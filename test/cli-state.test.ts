// The archive on the command line.
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import test from 'brittle'
import { Client } from '../src/client/client.ts'
import { openNetwork } from './cli-network.ts'
import { tempDir } from './helpers.ts'

const CONTRACT = `exports.n = 0
exports.write = async (path, text) => {
  exports.n++
  await state.writeFile(path, text)
}
exports.bytes = async (path, bytes) => state.writeFile(path, bytes)
`

test('cli - state reads what any commit left', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  const file = path.join(root, 'files.js')
  await writeFile(file, CONTRACT)
  await cli.run(['deploy', file, '--host', host.id, '--name', 'files'])
  await cli.run(['call', 'files', 'write', '/a/one', 'first'])
  await cli.run(['call', 'files', 'write', '/a/one', 'second'])
  await cli.run(['call', 'files', 'bytes', '/b', '{"$bytes":"AP/+"}'])

  t.is((await cli.run(['state', 'ls', 'files'])).stdout, '/a/\n/b\n')
  t.is((await cli.run(['state', 'ls', 'files', 'a'])).stdout, '/a/one\n', 'paths begin at the root')
  t.is((await cli.run(['state', 'ls', 'files', '--recursive'])).stdout, '/a/one\n/b\n')
  const all = await cli.run(['state', 'ls', 'files', '/.mivm', '--recursive', '--all'])
  t.is(all.stdout, '/.mivm/contract.js\n/.mivm/exports/n.json\n')
  const last = ['state', 'cat', 'files', '/a/one']
  t.is((await cli.run(last, { alone: true })).stdout, 'second')
  t.is((await cli.run(['state', 'cat', 'files@2', '/a/one'])).stdout, 'first')
  t.is((await cli.json(['state', 'cat', 'files', '/b'])).objects[0]?.['base64'], 'AP/+')

  const missing = await cli.run(['state', 'cat', 'files@1', '/a/one'])
  t.is(missing.status, 64)
  t.is(missing.stderr, 'mivm: FILE_UNKNOWN: there is no file /a/one: see "mivm state ls"\n')
  const folder = await cli.run(['state', 'cat', 'files', '/'])
  t.is(folder.status, 64)
  t.is(folder.stderr, 'mivm: FILE_UNKNOWN: / is a directory: see "mivm state ls"\n')
  const inner = await cli.run(['state', 'cat', 'files', 'a/'])
  t.is(inner.stderr, 'mivm: FILE_UNKNOWN: /a is a directory: see "mivm state ls"\n')
  const future = await cli.run(['state', 'ls', 'files@99'])
  t.is(future.status, 64)
  t.is(future.stderr, 'mivm: COMMIT_UNKNOWN: there are 4 commits: give a number from 1 to 4\n')
  const zero = await cli.run(['state', 'ls', 'files@0'])
  t.is(zero.stderr, 'mivm: USAGE: @0 is not the number of a commit: they count from 1\n')
})

test('client - what no file can be called is no file', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  const client = await Client.open({ dir: cli.dir, bootstrap: cli.bootstrap.split(',') })
  t.teardown(() => client.close())
  const state = client.state((await client.deploy({ host: host.id, source: CONTRACT })).link)
  for (const name of ['/', '', '/../x']) {
    await t.exception(state.readFile(name), { code: 'FILE_UNKNOWN' }, name)
    // both of the others are the root, as for a contract
    t.is(await state.exists(name), name !== '/../x', name)
  }
})

test('cli - state export writes below its directory, and over nothing', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await openNetwork(t, root)
  const file = path.join(root, 'files.js')
  await writeFile(file, CONTRACT)
  await cli.run(['deploy', file, '--host', host.id, '--name', 'files'])
  await cli.run(['call', 'files', 'write', '/a/one', 'first'])
  const out = path.join(root, 'files')
  const done = await cli.run(['state', 'export', 'files'], { cwd: root, alone: true })
  t.alike(done, { status: 0, stdout: `${out}\n`, stderr: '1 file, 5 bytes\n' })
  t.is(await readFile(path.join(out, 'a/one'), 'utf8'), 'first')

  await cli.run(['call', 'files', 'write', '/a/one', 'second'])
  const refused = await cli.run(['state', 'export', 'files', '/', out])
  t.is(refused.status, 64)
  t.is(
    refused.stderr,
    `mivm: USAGE: ${path.join(out, 'a/one')} is there already: choose another directory, or --force\n`
  )
  t.is(await readFile(path.join(out, 'a/one'), 'utf8'), 'first')
  t.is((await cli.run(['state', 'export', 'files', '/', out, '--force'])).status, 0)
  t.is(await readFile(path.join(out, 'a/one'), 'utf8'), 'second')

  const misled = await cli.run(['state', 'export', 'files', out])
  t.is(
    misled.stderr,
    `mivm: FILE_UNKNOWN: there are no files below ${out}: give the path first, as in "mivm state export files / <dir>"\n`
  )
  t.is(
    (await cli.run(['state', 'ls', 'files', '/.mivm'])).stderr,
    'mivm: FILE_UNKNOWN: there is nothing at /.mivm: --all shows what is there\n'
  )

  const elsewhere = path.join(root, 'elsewhere')
  const trap = path.join(root, 'trap')
  await mkdir(elsewhere)
  await mkdir(trap)
  await symlink(elsewhere, path.join(trap, 'a'))
  const led = await cli.run(['state', 'export', 'files', '/', trap, '--force'])
  t.is(led.status, 64)
  t.is(
    led.stderr,
    `mivm: USAGE: ${path.join(trap, 'a')} is no directory: remove it, or choose another one\n`
  )
  t.alike(await readdir(elsewhere), [], 'nothing was written through the link')

  const below = path.join(root, 'below')
  t.is((await cli.run(['state', 'export', 'files', '/a', below])).status, 0)
  t.is(await readFile(path.join(below, 'one'), 'utf8'), 'second', 'paths begin where it was told')
})
