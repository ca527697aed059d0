const FOLDER = '/.mivm/exports/'
const SUFFIX = '.json'

/** Bytes that a path of the archive may have. */
const PATH_MAX = 1024

/**
 * The path at which an exported variable is kept, or null where there is none for its name: one that is not
 * well-formed or whose path would be longer than {@link PATH_MAX}. Paths are ASCII, so bytes are characters.
 */
export function variablePath(name) {
  if (!name.isWellFormed()) return null
  const path = `${FOLDER}${encodeURIComponent(name)}${SUFFIX}`
  return path.length > PATH_MAX ? null : path
}

/**
 * The exported variables between the calls of a batch, in the order of their paths, which contracts can see:
 * it must not depend on where a batch begins.
 */
export class Variables {
  #sorted

  constructor(entries) {
    this.#sorted = entries
      .map(([name, text]) => ({ path: variablePath(name), name, text }))
      .sort(byPath)
  }

  /** `[name, text]` each. */
  entries() {
    return this.#sorted.map(({ name, text }) => [name, text])
  }

  /**
   * Takes the variables as a call left them. Returns what changed, `[path, file]` as {@link View.changes} does; or
   * null, with nothing taken, where a name has no path.
   */
  update(entries) {
    const before = new Map(this.#sorted.map((variable) => [variable.name, variable]))
    const after = []
    const changes = []
    for (const [name, text] of entries) {
      const old = before.get(name)
      const path = old === undefined ? variablePath(name) : old.path
      if (path === null) return null
      if (old?.text !== text) changes.push([path, { encoding: 'text', data: text }])
      before.delete(name)
      after.push({ path, name, text })
    }
    for (const { path } of before.values()) changes.push([path, null])
    this.#sorted = after.sort(byPath)
    return changes
  }
}

/** The name of the exported variable that is kept at this path, or null where it is the path of no variable. */
export function variableName(path) {
  if (!path.startsWith(FOLDER) || !path.endsWith(SUFFIX)) return null
  try {
    const name = decodeURIComponent(path.slice(FOLDER.length, -SUFFIX.length))
    // one path a name: %61.json would be a second one for "a"
    return variablePath(name) === path ? name : null
  } catch {
    return null
  }
}

function byPath(a, b) {
  return a.path < b.path ? -1 : 1
}
