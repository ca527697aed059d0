// Notes down what is on disk for certain. For `node --import`: others take functions out of node:fs when they are loaded.
import fs, { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import path from 'node:path'

/** What is on disk: of each file, by its number, how many bytes; and which files have their name there. */
export interface Synced {
  readonly sizes: Map<number, number>
  readonly names: Set<string>
}

let synced: Synced = { sizes: new Map(), names: new Set() }
let noted: string | null = null

/** Writes every sync down in a file, from now on, beside those that a process before has written there. */
export function noteSyncs(file: string): void {
  if (existsSync(file)) synced = readSyncs(file)
  noted = file
  writeSyncs(file, synced)
}

export function readSyncs(file: string): Synced {
  const { sizes, names } = JSON.parse(readFileSync(file, 'utf8'))
  return { sizes: new Map(sizes), names: new Set(names) }
}

export function writeSyncs(file: string, { sizes, names }: Synced): void {
  writeFileSync(file, JSON.stringify({ sizes: [...sizes], names: [...names] }))
}

/** What is written while the sync is under way may not be part of it. */
function begin(fd: number): () => void {
  const { ino, size, isDir } = look(fd)
  const file = readlinkSync(`/proc/self/fd/${fd}`)
  const names = isDir ? readdirSync(file).map((name) => path.join(file, name)) : []
  return () => {
    if (!isDir) synced.sizes.set(ino, size)
    for (const name of names) synced.names.add(name)
    if (noted !== null) writeSyncs(noted, synced)
  }
}

function look(fd: number) {
  const stat = fs.fstatSync(fd)
  return { ino: stat.ino, size: stat.size, isDir: stat.isDirectory() }
}

for (const method of ['fsync', 'fdatasync'] as const) {
  const original = fs[method]
  const noting = (fd: number, done: (error: NodeJS.ErrnoException | null) => void) => {
    const end = begin(fd)
    original(fd, (error) => {
      if (error === null) end()
      done(error)
    })
  }
  Object.assign(fs, { [method]: noting })
}

for (const method of ['fsyncSync', 'fdatasyncSync'] as const) {
  const original = fs[method]
  const noting = (fd: number) => {
    const end = begin(fd)
    original(fd)
    end()
  }
  Object.assign(fs, { [method]: noting })
}
syncBuiltinESMExports()

const handle = await fs.promises.open('/dev/null')
const { sync }: { sync: () => Promise<void> } = Object.getPrototypeOf(handle)
await handle.close()
Object.assign(Object.getPrototypeOf(handle), {
  async sync(this: fs.promises.FileHandle) {
    const end = begin(this.fd)
    await sync.call(this)
    end()
  }
})
