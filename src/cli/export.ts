import { constants } from 'node:fs'
import { lstat, mkdir, open } from 'node:fs/promises'
import path from 'node:path'
import { codeOf, MivmError } from '../protocol/errors.ts'
import { makeDirectory } from '../state/make-directory.ts'
import type { ArchiveFile } from './archive.ts'

/** A file that was left out, and why. */
export interface LeftOut {
  readonly path: string
  readonly why: string
}

export interface ExportResult {
  readonly files: number
  readonly bytes: number
  readonly leftOut: readonly LeftOut[]
}

/**
 * Writes files of an archive below a directory, at their paths without `prefix`. Never outside of it: not by a path
 * that climbs, not through a symbolic link that lies there. Throws USAGE, before anything is written, where files are
 * there already and may not be written over.
 */
export async function exportFiles(
  files: readonly ArchiveFile[],
  prefix: string,
  directory: string,
  options: { readonly force: boolean; readonly onFile: (path: string, done: number) => void }
): Promise<ExportResult> {
  const leftOut: LeftOut[] = []
  const targets: { file: ArchiveFile; parts: string[] }[] = []
  for (const file of files) {
    const parts = file.path.slice(prefix.length).split('/')
    const why = reasonAgainst(file, parts, files)
    if (why === null) targets.push({ file, parts })
    else leftOut.push({ path: file.path, why })
  }
  if (!options.force) await refuseOverwriting(directory, targets)
  await makeDirectory(directory, 0o777)
  let bytes = 0
  let written = 0
  for (const [done, { file, parts }] of targets.entries()) {
    options.onFile(file.path, done)
    const content = await file.read()
    try {
      await makeFolders(directory, parts.slice(0, -1))
      await write(path.join(directory, ...parts), content, options.force)
    } catch (error) {
      // anybody who may call can have given a file such a name: the others are to be had all the same
      const why = IMPOSSIBLE_HERE[codeOf(error) ?? '']
      if (why === undefined) throw error
      leftOut.push({ path: file.path, why })
      continue
    }
    written++
    bytes += content.byteLength
  }
  return { files: written, bytes, leftOut }
}

/** What this disk says to names that it does not take, and others do. That nothing of the name was there has been looked at. */
const IMPOSSIBLE_HERE: { readonly [code: string]: string | undefined } = {
  ENAMETOOLONG: 'its name is too long for this disk',
  EILSEQ: 'this disk has no such names',
  EEXIST: 'on this disk another file has its name'
}

/** Why a file cannot lie on a disk as it lies in the archive; null where it can. */
function reasonAgainst(
  file: ArchiveFile,
  parts: readonly string[],
  files: readonly ArchiveFile[]
): string | null {
  if (file.size === null) return 'it is a link'
  if (parts.some(isUnsafe)) return 'its path would leave the directory, or cannot be a file here'
  // the list is in the order of paths, but what lies below does not follow at once: "/a.b" is before "/a/b"
  const below = `${file.path}/`
  if (files.some((other) => other.path.startsWith(below))) return 'it is a directory as well'
  return null
}

function isUnsafe(part: string): boolean {
  if (part === '' || part === '.' || part === '..' || part.includes('\0')) return true
  return path.sep === '\\' && /[\\:*?"<>|]|[. ]$/.test(part)
}

async function refuseOverwriting(
  directory: string,
  targets: readonly { readonly parts: readonly string[] }[]
): Promise<void> {
  for (const { parts } of targets) {
    const file = path.join(directory, ...parts)
    if (!(await exists(file))) continue
    throw new MivmError('USAGE', `${file} is there already: choose another directory, or --force`)
  }
}

/** Folders one by one: one that is a symbolic link would lead elsewhere. */
async function makeFolders(directory: string, parts: readonly string[]): Promise<void> {
  let folder = directory
  for (const part of parts) {
    folder = path.join(folder, part)
    await mkdir(folder).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
      if ((await lstat(folder)).isDirectory()) return
      throw new MivmError('USAGE', `${folder} is no directory: remove it, or choose another one`)
    })
  }
}

async function write(file: string, content: Uint8Array, force: boolean): Promise<void> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_TRUNC, O_NOFOLLOW = 0 } = constants
  const flags = O_WRONLY | O_CREAT | O_NOFOLLOW | (force ? O_TRUNC : O_EXCL)
  const handle = await open(file, flags, 0o644)
  try {
    await handle.writeFile(content)
  } finally {
    await handle.close()
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await lstat(file)
    return true
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return false
    throw error
  }
}
