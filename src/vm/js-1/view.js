import { compareBytes } from './order.js'

/**
 * The files as one call sees them: what the call wrote, over what the calls before it in the batch wrote, over
 * the base. Pure: all it does to the world is to ask the base.
 *
 * The base is `{ get(path): Uint8Array | null, list({ gt, lt, limit, reverse }): string[] }`, synchronous, with
 * exclusive bounds and in the byte order of UTF-8. A file is `{ encoding: 'text' | 'binary', data }`, binary
 * data in base64. Paths are in normal form. A directory is there while a file is below it. What is at or
 * below `/.mivm` is never seen.
 */
export class View {
  /** For prices: bytes of the file that the last operation looked at, and directories that `readdir` looked for. */
  looked = 0
  probed = 0
  #base
  #batch = new Layer()
  #call = new Layer()
  /** Paths that are deleted one after the other, from the first to the last of them: upwards, and downwards. */
  #gone = [new Map(), new Map()]

  constructor(base) {
    this.#base = base
  }

  /** Takes in what a call has left: a file, or null for one that it deleted. */
  add(path, file) {
    if (file !== null) this.#forgetGone()
    this.#batch.set(path, file)
  }

  /** Forgets what the call did. */
  rollback() {
    this.#call = new Layer()
    this.#forgetGone()
  }

  readFile(path, encoding) {
    const file = this.#file(path)
    if (file === null) throw missing('open', path)
    if (file.encoding === encoding) return file.data
    return encoding === 'text'
      ? Buffer.from(file.data, 'base64').toString('utf8')
      : Buffer.from(file.data, 'utf8').toString('base64')
  }

  writeFile(path, encoding, data) {
    this.#forgetGone()
    this.#call.set(path, {
      encoding,
      data: encoding === 'text' ? data.toWellFormed() : data
    })
  }

  /** Deletes a file; returns what `rmdir` does. */
  unlink(path) {
    const file = this.#file(path)
    if (file === null) throw missing('unlink', path)
    this.looked = sizeOf(file)
    return [[path, this.#delete(path)]]
  }

  /**
   * Deletes what is in a directory; returns `[path, wasThere]` for each file, where `wasThere` tells whether it was
   * there before the call. `budget`: how many the call may still delete.
   */
  rmdir(path, recursive, budget) {
    const paths = []
    const cursor = this.#below(path)
    while (paths.length <= (recursive ? budget : 0)) {
      const next = cursor.next()
      if (next === null) break
      paths.push(next)
    }
    if (!recursive && paths.length > 0) {
      throw new StateError('ENOTEMPTY', `ENOTEMPTY: directory not empty, rmdir '${path}'`)
    }
    if (paths.length > budget) {
      throw new StateError(
        'WRITES_TOO_MANY',
        `rmdir '${path}' deletes more files than the ${budget} that this call may still write or ` +
          'delete: delete fewer in one call'
      )
    }
    return paths.map((each) => [each, this.#delete(each)])
  }

  /**
   * Names of what is directly in a directory. `gt` and `lt` are exclusive bounds or null, `limit` a number or
   * null. `most`, `mostProbed`: with so many names, or directories looked for, the call has used all of its fuel, so that
   * nobody sees what else there is.
   */
  readdir(path, { gt, lt, limit, reverse }, most = Infinity, mostProbed = Infinity) {
    const prefix = prefixOf(path)
    const range = { gt, lt, limit: Math.min(limit ?? most, most), mostProbed }
    this.probed = 0
    return reverse ? this.#descending(prefix, range) : this.#ascending(prefix, range)
  }

  stat(path) {
    const file = path === '/' ? null : this.#file(path)
    if (file !== null) return { type: 'file', size: sizeOf(file) }
    if (!this.#isDirectory(path)) throw missing('stat', path)
    return { type: 'directory' }
  }

  exists(path) {
    const file = path === '/' ? null : this.#file(path)
    this.looked = file === null ? 0 : sizeOf(file)
    return file !== null || this.#isDirectory(path)
  }

  #file(path) {
    const file = this.#call.files.get(path)
    return file === undefined ? this.#before(path) : file
  }

  /** The file as it was before the call. */
  #before(path) {
    const file = this.#batch.files.get(path)
    if (file !== undefined) return file
    if (isReserved(path)) return null
    const bytes = this.#base.get(path)
    if (bytes === null) return null
    return { encoding: 'binary', data: Buffer.from(bytes).toString('base64') }
  }

  /** Returns whether the file was there before the call. */
  #delete(path) {
    const wasThere = !this.#call.files.has(path) || this.#before(path) !== null
    if (wasThere) this.#call.set(path, null)
    else this.#call.delete(path)
    return wasThere
  }

  #isDirectory(path) {
    return path === '/' || this.#below(path).next() !== null
  }

  #below(path) {
    const prefix = prefixOf(path)
    return this.#cursor(prefix, endOf(prefix), false)
  }

  #cursor(gt, lt, reverse, pages = new Pages(this.#base, reverse ? gt : lt, reverse)) {
    const gone = this.#gone[reverse ? 1 : 0]
    return new Cursor([this.#call, this.#batch], pages, gone, { gt, lt, reverse })
  }

  #forgetGone() {
    for (const runs of this.#gone) if (runs.size > 0) runs.clear()
  }

  /**
   * Which of some names are directories; each of them begins with the one before it. They are looked for in the order of
   * their paths, so that what was fetched for one answers for others, and first in what `known` has fetched.
   */
  #directoriesAmong(prefix, names, known = null) {
    this.probed += names.length
    const pages = new Pages(this.#base, endOf(prefix), false, known)
    const found = []
    for (let i = names.length - 1; i >= 0; i--) {
      const below = prefixOf(prefix + names[i])
      if (this.#cursor(below, endOf(below), false, pages).next() !== null) found.push(names[i])
    }
    return found.reverse()
  }

  /*
   * Names and paths do not have the same order: of the files /a-b and /a/x the first is first, of the names in
   * / it is the second ("a" before "a-b", for "-" is before "/"). Walking the paths upwards a directory comes
   * too late, so that before each name the shorter names that may be such directories are looked up;
   * downwards it comes too early and is kept until the names are done that it begins.
   */

  #ascending(prefix, { gt, lt, limit, mostProbed }) {
    const names = []
    const probed = new Set()
    let last = gt
    const emit = (name) => {
      if (names.length === limit || (last !== null && compareBytes(name, last) <= 0)) return
      names.push(name)
      last = name
    }
    const pages = new Pages(this.#base, boundOf(prefix, lt), false)
    const emitDirectories = (name) => {
      const shorter = directoriesBefore(name).filter((each) => !probed.has(each))
      if (shorter.length === 0) return
      for (const each of shorter) probed.add(each)
      for (const each of this.#directoriesAmong(prefix, shorter, pages)) emit(each)
    }
    const cursor = this.#cursor(prefix + (gt ?? ''), boundOf(prefix, lt), false, pages)
    while (names.length < limit && this.probed < mostProbed) {
      const path = cursor.next()
      if (path === null) {
        if (lt !== null) emitDirectories(lt)
        break
      }
      const { name, nested } = childOf(prefix, path)
      emitDirectories(name)
      emit(name)
      if (nested) cursor.skip(`${prefix}${name}/`)
    }
    return names
  }

  #descending(prefix, { gt, lt, limit }) {
    const names = []
    const emit = (name) => {
      if (names.length === limit || (gt !== null && compareBytes(name, gt) <= 0)) return
      names.push(name)
    }
    const kept = []
    if (lt !== null) {
      kept.push(...this.#directoriesAmong(prefix, directoriesBefore(lt)))
    }
    const cursor = this.#cursor(prefix + (gt ?? ''), boundOf(prefix, lt), true)
    while (names.length < limit) {
      const path = cursor.next()
      const child = path === null ? null : childOf(prefix, path)
      while (kept.length > 0 && (child === null || !child.name.startsWith(kept.at(-1)))) {
        emit(kept.pop())
      }
      if (child === null) break
      const { name, nested } = child
      if (kept.at(-1) === name) kept.pop()
      if (nested) {
        kept.push(name)
        cursor.skip(`${prefix}${name}/`)
      } else {
        emit(name)
      }
    }
    return names
  }
}

/** An error of a state function, for the contract to catch. */
export class StateError extends Error {
  constructor(code, message) {
    super(message)
    this.code = code
  }
}

/** Writes over something: path → file, or null for a deleted one. */
class Layer {
  files = new Map()
  #sorted = []
  #added = []

  set(path, file) {
    if (!this.files.has(path)) this.#added.push(path)
    this.files.set(path, file)
  }

  delete(path) {
    this.files.delete(path)
    this.#sorted = []
    this.#added = [...this.files.keys()]
  }

  /** The first path behind `at` (before it, where reverse), or null. */
  after(at, reverse) {
    const paths = this.#paths()
    let low = 0
    let high = paths.length
    while (low < high) {
      const middle = (low + high) >> 1
      const order = compareBytes(paths[middle], at)
      if (reverse ? order < 0 : order <= 0) low = middle + 1
      else high = middle
    }
    return paths[reverse ? low - 1 : low] ?? null
  }

  // Most calls list nothing, so that sorting waits for the first that does.
  #paths() {
    if (this.#added.length > 0) {
      this.#sorted = merge(this.#sorted, this.#added.sort(compareBytes))
      this.#added = []
    }
    return this.#sorted
  }
}

/** Walks the paths of all layers between two exclusive bounds. */
class Cursor {
  #layers
  #pages
  #gone
  #at
  #end
  #reverse

  constructor(layers, pages, gone, { gt, lt, reverse }) {
    this.#layers = layers
    this.#pages = pages
    this.#gone = gone
    this.#at = reverse ? lt : gt
    this.#end = reverse ? gt : lt
    this.#reverse = reverse
  }

  /** The next path, or null. Those that are deleted are passed one by one only once: a call may look again and again. */
  next() {
    const run = { first: null, last: null }
    for (;;) {
      const path = this.#nearest()
      if (path === null || this.#order(path, this.#end) >= 0) return this.#pass(run, null)
      this.#at = path
      if (isReserved(path)) {
        if (path !== RESERVED) this.skip(`${RESERVED}/`)
        this.#pass(run, null)
      } else if (!this.#isDeleted(path)) {
        return this.#pass(run, path)
      } else {
        run.first ??= path
        this.#at = run.last = this.#gone.get(path) ?? path
      }
    }
  }

  /** Keeps what was passed, and returns `path`. */
  #pass(run, path) {
    if (run.first !== run.last) this.#gone.set(run.first, run.last)
    run.first = run.last = null
    return path
  }

  /** Passes over all paths that begin with `prefix`, which the one just returned does. */
  skip(prefix) {
    this.#at = this.#reverse ? prefix : prefix + LAST
  }

  #nearest() {
    let nearest = this.#pages.after(this.#at)
    for (const layer of this.#layers) {
      const path = layer.after(this.#at, this.#reverse)
      if (path !== null && (nearest === null || this.#order(path, nearest) < 0)) nearest = path
    }
    return nearest
  }

  #isDeleted(path) {
    for (const { files } of this.#layers) {
      const file = files.get(path)
      if (file !== undefined) return file === null
    }
    return false
  }

  #order(a, b) {
    return this.#reverse ? compareBytes(b, a) : compareBytes(a, b)
  }
}

/** The paths of the base, fetched by the page; first of all from what others have, who go the same way. */
class Pages {
  #base
  #end
  #reverse
  #known
  /** Everything of the base is in the page that is behind this path and not behind its last one. */
  #from = null
  #page = []
  #index = 0
  #limit = PAGE_MIN
  #more = true

  constructor(base, end, reverse, known = null) {
    this.#base = base
    this.#end = end
    this.#reverse = reverse
    this.#known = known
  }

  /** The first path behind `at`, which never goes back. */
  after(at) {
    for (;;) {
      const first = this.#index
      while (this.#index < this.#page.length) {
        const path = this.#page[this.#index]
        if ((this.#reverse ? compareBytes(at, path) : compareBytes(path, at)) > 0) return path
        this.#index++
      }
      // a directory was passed over, and what comes behind it may be one as large
      if (this.#index - first > this.#page.length / 2) this.#limit = PAGE_MIN
      if (!this.#more) return null
      this.#fetch(at)
    }
  }

  #fetch(at) {
    if (this.#share(at)) return
    const [gt, lt] = this.#reverse ? [this.#end, at] : [at, this.#end]
    const limit = this.#limit
    const inside = compareBytes(gt, lt) < 0
    this.#page = inside ? this.#base.list({ gt, lt, limit, reverse: this.#reverse }) : []
    this.#from = at
    this.#index = 0
    this.#more = this.#page.length === limit
    this.#limit = Math.min(limit * 4, PAGE_MAX)
  }

  /** Takes the page of others that has what comes behind `at`; returns whether there is one. */
  #share(at) {
    const known = this.#known
    if (known === null) return false
    if (!known.#has(at, this.#end)) return false
    this.#page = known.#page
    this.#index = known.#indexBehind(at)
    this.#more = known.#more || known.#end !== this.#end
    return true
  }

  /** Whether the page has what comes behind `at`, or all there is up to `end`. */
  #has(at, end) {
    if (this.#from === null || compareBytes(at, this.#from) < 0) return false
    if (!this.#more && end === this.#end) return true
    return this.#page.length > 0 && compareBytes(at, this.#page.at(-1)) < 0
  }

  #indexBehind(at) {
    let low = 0
    let high = this.#page.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (compareBytes(this.#page[middle], at) <= 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

const RESERVED = '/.mivm'

/** Paths in one request to the base: few at first, since most walks are short. */
const PAGE_MIN = 16
const PAGE_MAX = 256

/** Behind a prefix: greater than every path with that prefix, for none is longer than 1,024 bytes. */
const LAST = '\u{10ffff}'.repeat(256)

function isReserved(path) {
  return path === RESERVED || path.startsWith(`${RESERVED}/`)
}

function prefixOf(path) {
  return path === '/' ? '/' : `${path}/`
}

/** The least string that is greater than all that begin with `prefix`, which ends in "/". */
function endOf(prefix) {
  return `${prefix.slice(0, -1)}0`
}

function boundOf(prefix, lt) {
  return lt === null ? endOf(prefix) : prefix + lt
}

function childOf(prefix, path) {
  const slash = path.indexOf('/', prefix.length)
  return slash === -1
    ? { name: path.slice(prefix.length), nested: false }
    : { name: path.slice(prefix.length, slash), nested: true }
}

/** Names that as directories come behind `name` among the paths, but before it among the names; shortest first. */
function directoriesBefore(name) {
  const shorter = []
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i)
    if (unit <= SLASH && i > 0) shorter.push(name.slice(0, i))
    // only a bound can hold a slash, and no name does
    if (unit === SLASH) break
  }
  return shorter
}

const SLASH = 0x2f

function merge(a, b) {
  if (a.length === 0) return b
  const merged = []
  let i = 0
  for (const path of b) {
    while (i < a.length && compareBytes(a[i], path) < 0) merged.push(a[i++])
    merged.push(path)
  }
  while (i < a.length) merged.push(a[i++])
  return merged
}

/** Bytes of a file. */
function sizeOf({ encoding, data }) {
  return Buffer.byteLength(data, encoding === 'text' ? 'utf8' : 'base64')
}

function missing(syscall, path) {
  return new StateError('ENOENT', `ENOENT: no such file or directory, ${syscall} '${path}'`)
}
