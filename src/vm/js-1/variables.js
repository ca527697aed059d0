const FOLDER = '/.mivm/exports/'
const SUFFIX = '.json'

/** Bytes that a path of the archive may have. */
const PATH_MAX = 1024

/**
 * The path at which an exported variable is kept, or null where there is none for its name: one that is not
 * well-formed or whose path would be longer than {@link PATH_MAX} (which the controller refuses). Paths are ASCII, so
 * bytes are characters.
 */
export function variablePath(name) {
  if (!name.isWellFormed()) return null
  const path = `${FOLDER}${encodeURIComponent(name)}${SUFFIX}`
  return path.length > PATH_MAX ? null : path
}

/**
 * Names and values, `[name, text]`, in the order of their paths, which contracts can see: it must not depend on where a
 * batch begins.
 */
export function sortVariables(variables) {
  return [...variables]
    .map(([name, text]) => ({ path: variablePath(name) ?? '', name, text }))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .map(({ name, text }) => [name, text])
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
