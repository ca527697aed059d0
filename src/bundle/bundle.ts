import { realpath } from 'node:fs/promises'
import path from 'node:path'
import { MivmError } from '../protocol/errors.ts'
import { LIMITS } from '../protocol/limits.ts'
import { noFile, readAtMost } from './bounded-file.ts'
import { MISSING } from './missing.ts'
import { explain, formatFile, type Place, placeIn } from './places.ts'

/** A contract as it is deployed, and what its author should know of it. */
export interface Bundle {
  /** The source to deploy. */
  readonly source: string
  /** False for a file that is a contract already: its source is the file, byte for byte. */
  readonly isBundled: boolean
  /** `name@version` of every package in it. */
  readonly packages: readonly string[]
  /** A line each: what is odd in the author's files, and what packages use that the VM does not have. */
  readonly warnings: readonly string[]
  /** Gives an error of a deployment that names line and column of the source those of the author's file. */
  explain(error: unknown): unknown
  /** Where in the author's files an offset of the source comes from; null for code that was put in. */
  placeOf(offset: number): Place | null
}

/**
 * Reads a contract from a file. TypeScript (`.ts`, `.mts`, `.cts`, `.tsx`), ES modules (`.mjs`, or `.js` with import or
 * export) and what calls `require` are bundled with all that they import; any other file is the contract itself.
 *
 * What a module exports is what the contract exports, and an exported variable is stored like one of `exports`. The
 * same files give the same source on every machine and in every directory.
 *
 * Throws FILE_UNKNOWN, IMPORT_UNKNOWN, CODE_SYNTAX, CODE_UNAVAILABLE, CODE_NO_EXPORTS or CODE_TOO_LARGE, with the
 * place in the author's file.
 */
export async function bundle(file: string): Promise<Bundle> {
  const text = await readText(file)
  const bundled = (await isModule(file, text)) ? await buildModule(file) : await plain(file, text)
  checkSize(file, bundled)
  return bundled
}

/** A contract as somebody gives it: its source, or what `bundle` has made of a file; throws USAGE. */
export function bundleOf(contract: string | Bundle): Bundle {
  if (typeof contract === 'string') return verbatim(contract)
  if (typeof contract?.source === 'string' && typeof contract.explain === 'function')
    return contract
  throw new MivmError('USAGE', 'this is no contract: give its source, or what bundle(file) makes')
}

/** A source that is a contract already, and the file that it is from. */
export function verbatim(source: string, file = 'contract.js'): Bundle {
  return {
    source,
    isBundled: false,
    packages: [],
    warnings: [],
    explain: (error) => error,
    placeOf: (offset) => placeIn(source, file, offset)
  }
}

const ANY_MISSING = new RegExp(`\\b(?:${[...MISSING.keys(), 'Function'].join('|')})\\b`)

async function plain(file: string, text: string): Promise<Bundle> {
  const found = verbatim(text, file)
  const contract = {
    ...found,
    explain: (error: unknown) => explain(error, text, found.placeOf)
  }
  if (!ANY_MISSING.test(text)) return contract
  const { warningsOf } = await import('./plain.ts')
  return { ...contract, warnings: warningsOf(path.resolve(file), text) }
}

async function buildModule(file: string): Promise<Bundle> {
  // what is deployed most has no need of a bundler
  const { build } = await import('./build.ts')
  return build(await realpath(file))
}

/** Bytes of a file that is looked into: with comments and types one is larger than what becomes of it. */
const FILE_MAX = 16 * LIMITS.code

async function readText(file: string): Promise<string> {
  if (typeof file !== 'string' || file.includes('\0')) {
    throw new MivmError('USAGE', 'this is no file: give the path of a contract')
  }
  const bytes = await readAtMost(file, FILE_MAX).catch((error) => noFile(error, file))
  if (bytes === null) {
    throw new MivmError(
      'CODE_TOO_LARGE',
      `${file} has more than ${FILE_MAX} bytes, and a contract ${LIMITS.code} at most: give the file of a contract`
    )
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new MivmError('CODE_SYNTAX', `${file} is not UTF-8: save it as UTF-8`)
  }
}

async function isModule(file: string, text: string): Promise<boolean> {
  const extension = path.extname(file)
  if (['.ts', '.mts', '.cts', '.tsx', '.jsx', '.mjs'].includes(extension)) return true
  if (extension !== '.js' && extension !== '.cjs') return false
  if (!/\b(?:import|export|require)\b/.test(text)) return false
  const { hasModules } = await import('./syntax.ts')
  return hasModules(text)
}

function checkSize(file: string, { source, isBundled, packages }: Bundle): void {
  const size = Buffer.byteLength(source)
  if (size <= LIMITS.code) return
  const what = isBundled ? `the bundle of ${formatFile(file)}` : file
  const why = packages.length > 0 ? `, with ${packages.join(', ')}` : ''
  throw new MivmError(
    'CODE_TOO_LARGE',
    `${what} has ${size} bytes${why}, and a contract ${LIMITS.code} at most: bundle less, or minify it`
  )
}
