import { ARCHIVE_WAIT, throwLate } from '../client/drive.ts'
import type { InstanceReplica } from '../client/instance-replica.ts'
import { readBlock } from '../client/logged-call.ts'
import { type Commit, decodeEntry } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { RESERVED } from '../protocol/files.ts'

/** A file in the archive, at its path. */
export interface ArchiveFile {
  readonly path: string
  /** Bytes; null for what Hyperdrive calls a link, which no contract can make. */
  readonly size: number | null
  read(): Promise<Uint8Array>
}

/** The state of an instance as a commit left it, the newest where none is named. Throws COMMIT_UNKNOWN. */
export class ArchiveView {
  readonly #drive: Drive
  readonly #throwLate = (error: unknown) => throwLate(error, this.#drive.core)
  /** Length of the archive: its version. */
  readonly version: number

  private constructor(drive: Drive, version: number) {
    this.#drive = drive
    this.version = version
  }

  /**
   * Commits count from 1, the deployment. `onProgress` is told how far the search in the call log has come, `onOlder` that the
   * host is away and nobody has the newest one.
   */
  static async open(
    instance: InstanceReplica,
    number: number | null,
    onProgress: (read: number, of: number) => void,
    onOlder: () => void = () => {}
  ): Promise<ArchiveView> {
    const { length } = (await findCommit(instance, number, onProgress, onOlder)).archive
    const drive = await instance.drive(length)
    return new ArchiveView(drive.checkout(length), length)
  }

  /** All files below a directory; those under /.mivm/ only with `all`. */
  async list(directory: string, all: boolean): Promise<ArchiveFile[]> {
    const files: ArchiveFile[] = []
    const prefix = directory.endsWith('/') ? directory : `${directory}/`
    const options = { recursive: true, timeout: ARCHIVE_WAIT }
    for await (const { key, value } of inTime(this.#drive.list(prefix, options), this.#throwLate)) {
      if (!key.startsWith(prefix) || (key.startsWith(RESERVED) && !all)) continue
      files.push({
        path: key,
        size: value.blob?.byteLength ?? null,
        read: () => this.read(key)
      })
    }
    return files
  }

  async has(path: string): Promise<boolean> {
    return (
      isName(path) &&
      (await this.#drive.entry(path, { timeout: ARCHIVE_WAIT }).catch(this.#throwLate)) !== null
    )
  }

  /** Throws FILE_UNKNOWN. */
  async read(path: string): Promise<Uint8Array> {
    const bytes = isName(path)
      ? await this.#drive.get(path, { timeout: ARCHIVE_WAIT }).catch(this.#throwLate)
      : null
    if (bytes !== null) return bytes
    const why = (await this.#isDirectory(path))
      ? `${path} is a directory`
      : `there is no file ${path}`
    throw new MivmError('FILE_UNKNOWN', `${why}: see "mivm state ls"`)
  }

  async #isDirectory(path: string): Promise<boolean> {
    if (!isName(path)) return true
    const prefix = `${path}/`
    const options = { recursive: true, timeout: ARCHIVE_WAIT }
    for await (const { key } of inTime(this.#drive.list(prefix, options), this.#throwLate)) {
      if (key.startsWith(prefix)) return true
    }
    return false
  }
}

/** The root is no name that a file can have, and a drive throws for it. */
function isName(path: string): boolean {
  return path !== '/'
}

async function* inTime<T>(
  list: AsyncIterable<T>,
  throwLate: (error: unknown) => never
): AsyncGenerator<T> {
  try {
    yield* list
  } catch (error) {
    throwLate(error)
  }
}

type Drive = Awaited<ReturnType<InstanceReplica['drive']>>

/** The newest commit, or the n-th, which only counting finds. */
async function findCommit(
  instance: InstanceReplica,
  number: number | null,
  onProgress: (read: number, of: number) => void,
  onOlder: () => void
): Promise<Commit> {
  const { whole } = instance
  const log = await instance.callLog()
  const get = async (index: number) => decodeEntry(await readBlock(log, index))
  if (number === null) {
    const length = Math.min(log.length, whole ?? log.length)
    if (length < log.length) onOlder()
    for (let i = length - 1; i > 0; i--) {
      const entry = await get(i)
      if (entry.type === 'commit') return entry
    }
    throw unknown(0)
  }
  const download = log.download({ start: 0, end: log.length })
  try {
    let seen = 0
    for (let i = 0; i < log.length; i++) {
      if (i % 500 === 0) onProgress(i, log.length)
      const entry = await get(i)
      if (entry.type === 'commit' && ++seen === number) return entry
    }
    throw unknown(seen)
  } finally {
    download.destroy()
  }
}

function unknown(commits: number): MivmError {
  return new MivmError(
    'COMMIT_UNKNOWN',
    commits === 0
      ? 'the instance has no commit yet: try again later'
      : `there are ${commits} commits: give a number from 1 to ${commits}`
  )
}
