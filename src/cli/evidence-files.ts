import { access, constants, stat } from 'node:fs/promises'
import path from 'node:path'
import b4a from 'b4a'
import { readAtMost } from '../bundle/bounded-file.ts'
import { codeOf } from '../protocol/errors.ts'
import { makeDirectory } from '../state/make-directory.ts'
import { writeNew } from './proof-file.ts'

/** Where the evidence of an audit goes: into one folder, or into a file and others beside it. */
export class EvidenceFiles {
  readonly #target: string
  readonly #isFolder: boolean
  #files = 0

  private constructor(target: string, isFolder: boolean) {
    this.#target = target
    this.#isFolder = isFolder
  }

  /**
   * A folder is one that is there, or is named with a slash behind it. Throws where nothing can be written there: that would be
   * found out hours later.
   */
  static async open(target: string): Promise<EvidenceFiles> {
    const found = await stat(target).catch(noneThere)
    const isFolder = found?.isDirectory() === true || /[/\\]$/.test(target)
    const folder = isFolder ? target : path.dirname(target)
    await makeDirectory(folder, 0o777)
    await access(folder, constants.W_OK)
    return new EvidenceFiles(target, isFolder)
  }

  /** Evidence that is there from before may be all that is left of another cheat: nothing is written over it. */
  async add(code: string, evidence: Uint8Array): Promise<string> {
    for (;;) {
      const number = ++this.#files
      const name = `${number}-${code}.evidence`
      const beside = number === 1 ? this.#target : `${this.#target}.${number}`
      const file = this.#isFolder ? path.join(this.#target, name) : beside
      if (await isWritten(file, evidence)) return file
    }
  }
}

function noneThere(error: unknown): null {
  const code = codeOf(error)
  if (code === 'ENOENT' || code === 'ENOTDIR') return null
  throw error
}

/** False where there is something else. */
async function isWritten(file: string, evidence: Uint8Array): Promise<boolean> {
  try {
    await writeNew(file, evidence)
    return true
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    const known = await readAtMost(file, evidence.byteLength)
    return known !== null && b4a.equals(known, evidence)
  }
}
