/** The last write of a call, or of a commit, to one path; `data` is null where the file was deleted. */
export interface Write {
  readonly path: string
  readonly data: Uint8Array | null
}

/** A range of paths, both bounds exclusive, in the byte order of UTF-8. */
export interface PathRange {
  readonly gt: string
  readonly lt: string
  readonly limit: number
  readonly reverse: boolean
}

/** Files by path, as somebody keeps them. */
export interface Files {
  get(path: string): Promise<Uint8Array | null>
  list(range: PathRange): Promise<readonly string[]>
}

/** None. */
export const NO_FILES: Files = { get: async () => null, list: async () => [] }

/** Sorts writes by path, in code unit order, and keeps the last one of each: what one commit stores. */
export function lastWrites(writes: Iterable<Write>): Write[] {
  const last = new Map<string, Write>()
  for (const write of writes) last.set(write.path, write)
  return [...last.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** The directory of the archive that contracts can neither read nor write. */
export const RESERVED = '/.mivm/'

/** Where the archive keeps the source of the contract. */
export const CONTRACT_PATH = `${RESERVED}contract.js`
