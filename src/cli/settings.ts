import { mkdir, rmdir } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf, MivmError } from '../protocol/errors.ts'
import { type Link, parseLink } from '../protocol/ids.ts'
import { writeDurably } from '../state/durable-file.ts'
import { makeDirectory } from '../state/make-directory.ts'
import { readOwnFile } from '../state/own-file.ts'

/** Whoever has a file locked for longer was killed, ms; and how often it is looked. */
const LOCKED_MAX = 5_000
const LOOK_MS = 20

/** What the command line remembers in the data directory. */
export interface Settings {
  /** The identity that is used without --as. */
  readonly identity?: string
  /** The host that was used last, z-base-32. */
  readonly host?: string
}

/** Links of instances by the names that this user gave them. */
export type Names = { readonly [name: string]: string }

export async function readSettings(dir: string): Promise<Settings> {
  const { identity, host } = await readStrings(path.join(dir, 'settings.json'))
  return {
    ...(identity === undefined ? {} : { identity }),
    ...(host === undefined ? {} : { host })
  }
}

export async function changeSettings(dir: string, change: Settings): Promise<void> {
  await update(path.join(dir, 'settings.json'), () => readSettings(dir), change)
}

export async function readNames(dir: string): Promise<Names> {
  return readStrings(path.join(dir, 'names.json'))
}

/** Where the instance is that has a name; throws DIRECTORY_DAMAGED for what is no link. */
export function namedLink(dir: string, name: string, names: Names): Link | null {
  const link = Object.hasOwn(names, name) ? names[name] : undefined
  if (link === undefined) return null
  try {
    return parseLink(link)
  } catch {
    throw damaged(path.join(dir, 'names.json'))
  }
}

/** The link that had this name before, if it was another one; throws USAGE. */
export async function nameInstance(
  dir: string,
  name: string,
  link: string
): Promise<string | null> {
  checkInstanceName(name)
  const file = path.join(dir, 'names.json')
  const names = await update(file, () => readNames(dir), { [name]: link })
  const before = Object.hasOwn(names, name) ? names[name] : undefined
  return before === undefined || before === link ? null : before
}

/** Throws USAGE for a name that could be taken for something else: an address, a link, a commit. */
export function checkInstanceName(name: string): void {
  if (/^[a-z][a-z0-9_-]{0,39}$/i.test(name)) return
  throw new MivmError(
    'USAGE',
    `"${name.slice(0, 80)}" is no name for an instance: use up to 40 letters, digits, - and _, a letter first`
  )
}

async function readStrings(file: string): Promise<{ [key: string]: string }> {
  let text: string
  try {
    text = (await readOwnFile(file)).toString()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return {}
    throw error
  }
  try {
    const entries = Object.entries(JSON.parse(text)).map(([key, value]) => {
      if (typeof value !== 'string') throw new TypeError(`${key} is not a text`)
      return [key, value] as const
    })
    return Object.fromEntries(entries)
  } catch {
    throw damaged(file)
  }
}

function damaged(file: string): MivmError {
  return new MivmError('DIRECTORY_DAMAGED', `${file} is not what it should be: mend or remove it`)
}

/**
 * Changes some of what a file has; what it had before. All or nothing: a crash leaves the old file or the new one. What another
 * process changes meanwhile is not lost.
 */
async function update<T extends object>(
  file: string,
  read: () => Promise<T>,
  change: Partial<T>
): Promise<T> {
  await makeDirectory(path.dirname(file))
  const lock = `${file}.lock`
  await take(lock)
  try {
    const before = await read()
    await writeDurably(file, `${JSON.stringify({ ...before, ...change }, null, 2)}\n`)
    return before
  } finally {
    await rmdir(lock).catch(() => {})
  }
}

/** Makes a directory, which only one of several can. */
async function take(lock: string): Promise<void> {
  for (let waited = 0; ; waited += LOOK_MS) {
    try {
      return await mkdir(lock)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
    }
    if (waited >= LOCKED_MAX) await rmdir(lock).catch(() => {})
    await sleep(LOOK_MS)
  }
}
