import { mkdir, open, readFile, rename } from 'node:fs/promises'
import path from 'node:path'
import { MivmError } from '../protocol/errors.ts'

/** What the command line remembers in the data directory. */
export interface Settings {
  /** The identity that is used without --as. */
  readonly identity?: string
  /** The host that was used last, z-base-32. */
  readonly host?: string
}

/** Links of instances by the names that this user gave them. */
export type Aliases = { readonly [name: string]: string }

export async function readSettings(dir: string): Promise<Settings> {
  const { identity, host } = await readStrings(path.join(dir, 'settings.json'))
  return {
    ...(identity === undefined ? {} : { identity }),
    ...(host === undefined ? {} : { host })
  }
}

export async function changeSettings(dir: string, change: Settings): Promise<void> {
  const settings = await readSettings(dir)
  await write(path.join(dir, 'settings.json'), { ...settings, ...change })
}

export async function readAliases(dir: string): Promise<Aliases> {
  return readStrings(path.join(dir, 'aliases.json'))
}

export async function setAlias(dir: string, name: string, link: string): Promise<void> {
  checkAlias(name)
  await write(path.join(dir, 'aliases.json'), { ...(await readAliases(dir)), [name]: link })
}

/** Throws USAGE for a name that could be taken for something else: an address, a link, a commit. */
export function checkAlias(name: string): void {
  if (/^[a-z][a-z0-9_-]{0,39}$/i.test(name)) return
  throw new MivmError(
    'USAGE',
    `"${name}" is no name for an instance: use up to 40 letters, digits, - and _, a letter first`
  )
}

async function readStrings(file: string): Promise<{ [key: string]: string }> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {}
    throw error
  }
  try {
    const entries = Object.entries(JSON.parse(text)).map(([key, value]) => {
      if (typeof value !== 'string') throw new TypeError(`${key} is not a text`)
      return [key, value] as const
    })
    return Object.fromEntries(entries)
  } catch {
    throw new MivmError('DIRECTORY_DAMAGED', `${file} is not what it should be: mend or remove it`)
  }
}

/** All or nothing: a crash leaves the old file or the new one. */
async function write(file: string, object: object): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 })
  const temporary = `${file}.${process.pid}`
  const handle = await open(temporary, 'w', 0o600)
  try {
    await handle.writeFile(`${JSON.stringify(object, null, 2)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, file)
}
