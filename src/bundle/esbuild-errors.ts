import { readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import path from 'node:path'
import type { Message } from 'esbuild'
import { type ErrorCode, MivmError } from '../protocol/errors.ts'
import { insteadOfModule } from './missing.ts'
import { formatPlace } from './places.ts'

/** What to do in the place of importing anything else. */
export const IMPORTABLE = 'import code, JSON or .txt'

/** What esbuild found, in the author's terms. */
export function failure(dir: string, errors: readonly Message[]): MivmError {
  const [first] = errors
  if (first === undefined) return new MivmError('INTERNAL', 'the bundler failed: report this')
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  const [, wanted] = /^Could not resolve "(.*)"$/s.exec(first.text) ?? []
  const code = codeFor(first.text, wanted)
  return new MivmError(code, `${formatMessage(dir, first)}${advice(dir, first, wanted)}${more}`)
}

function codeFor(text: string, wanted: string | undefined): ErrorCode {
  if (wanted !== undefined) return isBuiltin(wanted) ? 'CODE_UNAVAILABLE' : 'IMPORT_UNKNOWN'
  const isImport = /No loader|No matching export|Could not (read|load)/.test(text)
  return isImport ? 'IMPORT_UNKNOWN' : 'CODE_SYNTAX'
}

function advice(dir: string, { text, notes }: Message, wanted: string | undefined): string {
  if (text.startsWith('No loader')) return `: ${IMPORTABLE}`
  if (/^No matching export .* "default"$/s.test(text)) {
    return ': import what it exports by name, or all of it with import * as'
  }
  if (text.startsWith('Parameter decorators')) {
    return ': write the class without, since no tsconfig.json is read and decorators are those of ECMAScript'
  }
  if (wanted === undefined) return ''
  if (isBuiltin(wanted))
    return `, a module of Node: ${insteadOfModule(wanted.replace(/^node:/, ''))}`
  if (/^[./]/.test(wanted)) return ': check the path and its extension'
  if (notes.some((note) => / is not (?:currently )?exported by package /.test(note.text))) {
    return ': its package does not export that, or for Node alone'
  }
  if (wanted.startsWith('#')) return ': name it in "imports" of package.json'
  const unread = 'the paths of a tsconfig.json are not known'
  // no package has such a name
  if (/^[@~]\//.test(wanted)) {
    return `: ${unread}: write a relative one, or name it in "imports" of package.json`
  }
  const known = hasPaths(dir) ? `; ${unread}` : ''
  return `: run "npm install" where its package.json is, or check the name${known}`
}

/** Whether a `tsconfig.json`, there or above, has names that look like those of packages. */
function hasPaths(dir: string): boolean {
  for (let folder = dir; ; folder = path.dirname(folder)) {
    const text = readText(path.join(folder, 'tsconfig.json'))
    if (text !== null) return /"(?:paths|baseUrl)"/.test(text)
    if (folder === path.dirname(folder)) return false
  }
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

/** One line for what esbuild says, with its place. */
export function formatMessage(dir: string, { text, location }: Message): string {
  const plain = text.replace(/^Could not resolve "(.*)"$/s, 'there is no "$1"')
  if (location === null) return plain
  const { file, line, column } = location
  return `${formatPlace({ file: path.resolve(dir, file), line, column: column + 1 })}: ${plain}`
}
