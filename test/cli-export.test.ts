// Archives that no honest contract writes: what a host can put into a Hyperdrive.
import { mkdir, readdir, readFile, symlink } from 'node:fs/promises'
import path from 'node:path'
import test from 'brittle'
import { exportFiles } from '../src/cli/export.ts'
import { tempDir } from './helpers.ts'

test('export - paths that climb, links and files that are directories are left out', async (t) => {
  const root = await tempDir(t)
  const out = path.join(root, 'out')
  const { files, bytes, leftOut } = await exportFiles(
    [
      file('/../../climbed', 'x'),
      file('/a', 'file and directory'),
      file('/a.b', 'between the two'),
      file('/a/b', 'below'),
      file('/c/../d', 'x'),
      file('/e//f', 'x'),
      file('/g\0h', 'x'),
      { ...file('/link', ''), size: null }
    ],
    '/',
    out,
    QUIETLY
  )
  t.is(files, 2)
  t.is(bytes, 'between the two'.length + 'below'.length)
  t.alike(
    leftOut.map((left) => left.path),
    ['/../../climbed', '/a', '/c/../d', '/e//f', '/g\0h', '/link']
  )
  t.alike(await readdir(root), ['out'])
  t.alike((await readdir(out, { recursive: true })).sort(), ['a', 'a.b', 'a/b'])
  t.is(await readFile(path.join(out, 'a/b'), 'utf8'), 'below')
})

test('export - a name that is too long for the disk is left out, and nothing else', async (t) => {
  const out = path.join(await tempDir(t), 'out')
  const long = 'l'.repeat(300)
  const files = [file('/a', 'x'), file(`/${long}`, 'x'), file(`/${long}/b`, 'x'), file('/z', 'xyz')]
  const names = files.map((one) => one.path)
  for (const directory of [out, path.dirname(out)]) {
    const { leftOut, ...done } = await exportFiles(
      files.slice(0, 2).concat(files.slice(3)),
      '/',
      directory,
      QUIETLY
    )
    t.alike(done, { files: 2, bytes: 4 })
    t.alike(
      leftOut.map((left) => left.path),
      [names[1]]
    )
  }
  const { leftOut } = await exportFiles(files, '/', out, { ...QUIETLY, force: true })
  t.alike(
    leftOut.map((left) => left.path),
    names.slice(1, 3)
  )
  t.is(await readFile(path.join(out, 'z'), 'utf8'), 'xyz')
})

test('export - a symbolic link in the place of a file is not followed', async (t) => {
  const root = await tempDir(t)
  const out = path.join(root, 'out')
  await mkdir(out)
  await symlink(path.join(root, 'target'), path.join(out, 'a'))
  await t.exception(exportFiles([file('/a', 'x')], '/', out, { ...QUIETLY, force: true }))
  t.alike(await readdir(root), ['out'])
})

const QUIETLY = { force: false, onFile: () => {} }

function file(name: string, content: string) {
  const bytes = new TextEncoder().encode(content)
  return { path: name, size: bytes.byteLength, read: async () => bytes }
}
