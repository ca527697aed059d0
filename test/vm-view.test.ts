import test from 'brittle'
import { compareBytes } from '../src/vm/js-1/order.js'
import { View } from '../src/vm/js-1/view.js'

interface Range {
  gt: string
  lt: string
  limit: number
  reverse: boolean
}

const EVERYTHING = { gt: null, lt: null, limit: null, reverse: false }

/** A base over plain texts, which counts what it is asked. */
function baseOf(files: Record<string, string>) {
  const paths = Object.keys(files).sort(compareBytes)
  const asked = { get: 0, list: 0, paths: 0 }
  return {
    asked,
    get(path: string) {
      asked.get++
      const text = files[path]
      return text === undefined ? null : Buffer.from(text)
    },
    list({ gt, lt, limit, reverse }: Range) {
      asked.list++
      const inside = paths.filter(
        (path) => compareBytes(path, gt) > 0 && compareBytes(path, lt) < 0
      )
      const page = (reverse ? inside.reverse() : inside).slice(0, limit)
      asked.paths += page.length
      return page
    }
  }
}

function viewOf(files: Record<string, string> = {}) {
  return new View(baseOf(files))
}

function textFile(data: string) {
  return { encoding: 'text', data }
}

function codeOf(operation: () => unknown): string {
  try {
    operation()
    return 'nothing was thrown'
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error)
  }
}

test('view - paths are ordered by their bytes, not by their code units', (t) => {
  const names = ['\u{10000}', '\uff5e', '\ud7ff', 'z', 'é', '\u{10ffff}', '\ue000', '']
  const byBytes = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  t.alike([...names].sort(compareBytes), byBytes)
  t.unlike([...names].sort(), byBytes, 'which is another order than that of code units')
})

test('view - a file is read as it was written, in either encoding', (t) => {
  const view = viewOf({ '/base': 'Grüße' })
  view.writeFile('/text', 'text', 'Grüße')
  view.writeFile('/bytes', 'binary', '//79')
  t.is(view.readFile('/base', 'text'), 'Grüße')
  t.is(view.readFile('/base', 'binary'), Buffer.from('Grüße').toString('base64'))
  t.is(view.readFile('/text', 'text'), 'Grüße')
  t.is(view.readFile('/text', 'binary'), Buffer.from('Grüße').toString('base64'))
  t.is(view.readFile('/bytes', 'binary'), '//79')
  t.is(view.readFile('/bytes', 'text'), '\ufffd\ufffd\ufffd')
  t.alike(view.stat('/text'), { type: 'file', size: 7 })
  t.alike(view.stat('/bytes'), { type: 'file', size: 3 })
})

test('view - what is not there is ENOENT', async (t) => {
  const view = viewOf({ '/a/b': '1' })
  t.is(
    codeOf(() => view.readFile('/a', 'text')),
    'ENOENT'
  )
  t.is(
    codeOf(() => view.unlink('/x')),
    'ENOENT'
  )
  t.is(
    codeOf(() => view.stat('/x')),
    'ENOENT'
  )
  await t.exception(
    () => view.readFile('/x', 'text'),
    /^Error: ENOENT: no such file or directory, open '\/x'$/
  )
  t.is(view.exists('/x'), false)
})

test('view - a directory is there while a file is below it', (t) => {
  const view = viewOf({ '/a/b/c': '1' })
  t.is(view.exists('/a/b'), true)
  t.alike(view.stat('/a'), { type: 'directory' })
  t.is(view.exists('/a/b/c/d'), false)
  view.unlink('/a/b/c')
  t.is(view.exists('/a'), false)
  t.alike(view.readdir('/a', EVERYTHING), [])
  t.is(view.exists('/'), true)
  t.alike(view.stat('/'), { type: 'directory' })
})

test('view - a call sees what those before it left, and nothing that failed', (t) => {
  const view = viewOf({ '/kept': '1', '/gone': '1' })
  view.writeFile('/new', 'text', 'a')
  view.unlink('/gone')
  view.rollback()
  t.alike(view.readdir('/', EVERYTHING), ['gone', 'kept'])

  view.add('/new', textFile('a'))
  view.add('/gone', null)
  t.alike(view.readdir('/', EVERYTHING), ['kept', 'new'])

  view.writeFile('/new', 'text', 'b')
  view.writeFile('/gone', 'text', 'again')
  t.is(view.readFile('/new', 'text'), 'b')
  view.rollback()
  t.is(view.readFile('/new', 'text'), 'a')
  t.is(view.exists('/gone'), false)
})

test('view - what is deleted tells whether it was there before the call', (t) => {
  const view = viewOf({ '/old': '1', '/d/base': '' })
  view.writeFile('/brief', 'text', '1')
  t.alike(view.unlink('/brief'), [['/brief', false]])
  view.writeFile('/old', 'text', '2')
  t.alike(view.unlink('/old'), [['/old', true]])
  view.writeFile('/old', 'text', '3')
  t.alike(view.unlink('/old'), [['/old', true]], 'also once more')
  view.rollback()
  view.add('/a', textFile('1'))
  t.alike(view.unlink('/a'), [['/a', true]], 'a file of an earlier call is one of those')
  view.writeFile('/d/own', 'text', '')
  const removed = view.rmdir('/d', true, 10)
  t.alike(removed.sort(), [
    ['/d/base', true],
    ['/d/own', false]
  ])
})

test('view - rmdir deletes what is below, within the budget', (t) => {
  const view = viewOf({ '/a/1': '', '/a/b/2': '', '/ab': '', '/a-': '' })
  view.writeFile('/a/3', 'text', '')
  t.is(
    codeOf(() => view.rmdir('/a', false, 10)),
    'ENOTEMPTY'
  )
  t.is(
    codeOf(() => view.rmdir('/a', true, 2)),
    'WRITES_TOO_MANY'
  )
  t.is(view.exists('/a/1'), true, 'too many: none is deleted')
  t.is(view.rmdir('/a', true, 3).length, 3)
  t.alike(view.readdir('/', EVERYTHING), ['a-', 'ab'])
  t.alike(view.rmdir('/a', false, 0), [])
  t.alike(view.rmdir('/never', true, 0), [])
  t.is(view.rmdir('/', true, 2).length, 2)
  t.alike(view.readdir('/', EVERYTHING), [])
})

test('view - what is reserved is not seen', (t) => {
  const base = {
    '/.mivm/contract.js': '',
    '/.mivm/exports/a.json': '1',
    '/.mivm': '',
    '/.mivmx': ''
  }
  const view = viewOf({ ...base, '/a': '' })
  t.alike(view.readdir('/', EVERYTHING), ['.mivmx', 'a'])
  t.alike(view.readdir('/', { ...EVERYTHING, reverse: true }), ['a', '.mivmx'])
  t.alike(view.readdir('/.mivm', EVERYTHING), [])
  t.is(view.exists('/.mivm'), false)
  t.is(view.exists('/.mivm/contract.js'), false)
  t.is(view.rmdir('/', true, 10).length, 2)
})

test('view - names come in the order of names, not in that of paths', (t) => {
  const view = viewOf({ '/a-b': '', '/a/x': '', '/a.txt': '', '/a-/y': '', '/a0': '', '/b': '' })
  const all = ['a', 'a-', 'a-b', 'a.txt', 'a0', 'b']
  t.alike(view.readdir('/', EVERYTHING), all)
  t.alike(view.readdir('/', { ...EVERYTHING, reverse: true }), [...all].reverse())
  t.alike(view.readdir('/', { ...EVERYTHING, limit: 1 }), ['a'])
  t.alike(view.readdir('/', { ...EVERYTHING, gt: 'a', limit: 2 }), ['a-', 'a-b'])
  t.alike(view.readdir('/', { ...EVERYTHING, lt: 'a-b' }), ['a', 'a-'])
  t.alike(view.readdir('/', { ...EVERYTHING, lt: 'a-b', reverse: true, limit: 1 }), ['a-'])
  t.alike(view.readdir('/', { ...EVERYTHING, lt: 'a/b' }), ['a', 'a-', 'a-b', 'a.txt'])
  const nested = viewOf({ '/a/x': '' })
  t.alike(nested.readdir('/', { ...EVERYTHING, lt: 'a/b' }), ['a'])
  t.alike(nested.readdir('/', { ...EVERYTHING, lt: 'a/b', reverse: true }), ['a'])
})

test('view - readdir agrees with a list of all names', (t) => {
  const random = randomOf(20181121)
  const letters = ['a', 'b', '-', '.', ' ', '0', '\uff5e', '\u{10000}']
  const word = () =>
    Array.from({ length: 1 + random(3) }, () => letters[random(letters.length)]).join('')
  const path = () => `/${Array.from({ length: 1 + random(3) }, word).join('/')}`
  let wrong = 0
  for (let round = 0; round < 150; round++) {
    const files: Record<string, string> = {}
    for (let i = random(60); i > 0; i--) files[path()] = ''
    const view = viewOf(files)
    const alive = new Set(Object.keys(files))
    let call = new Map<string, object | null>()
    for (let i = random(30); i > 0; i--) {
      const one = path()
      if (view.exists(one) && alive.delete(one)) {
        for (const [path] of view.unlink(one)) call.set(path, null)
      } else {
        view.writeFile(one, 'text', '')
        call.set(one, textFile(''))
        alive.add(one)
      }
      if (random(4) === 0) {
        view.rollback()
        for (const [path, file] of call) view.add(path, file)
        call = new Map()
      }
    }
    for (const directory of ['/', '/a', '/b', '/a-']) {
      const query = {
        gt: random(2) === 0 ? null : word(),
        lt: random(2) === 0 ? null : word(),
        limit: random(2) === 0 ? null : random(5),
        reverse: random(2) === 0
      }
      const expected = namesBelow(directory, alive, query)
      const actual = view.readdir(directory, query)
      if (actual.join('|') !== expected.join('|')) {
        t.alike(actual, expected, `round ${round}: ${directory} ${JSON.stringify(query)}`)
        wrong++
      }
    }
  }
  t.is(wrong, 0)
})

test('view - a large nested directory is passed over, not read', (t) => {
  const files: Record<string, string> = { '/a': '', '/c': '' }
  for (let i = 0; i < 5000; i++) files[`/b/${i}`] = ''
  const base = baseOf(files)
  const view = new View(base)
  t.alike(view.readdir('/', EVERYTHING), ['a', 'b', 'c'])
  t.ok(base.asked.list <= 4, `${base.asked.list} pages`)
  t.alike(view.readdir('/', { ...EVERYTHING, reverse: true }), ['c', 'b', 'a'])
  const before = base.asked.list
  t.is(view.readdir('/b', { ...EVERYTHING, limit: 10 }).length, 10)
  t.is(base.asked.list - before, 1, 'the first names need one page')
})

test('view - many large directories are passed over, each with a short page', (t) => {
  const files: Record<string, string> = {}
  for (let i = 0; i < 50; i++) for (let j = 0; j < 300; j++) files[`/d/${i}/${j}`] = ''
  for (const reverse of [false, true]) {
    const base = baseOf(files)
    t.is(new View(base).readdir('/d', { ...EVERYTHING, reverse }).length, 50)
    t.ok(base.asked.list <= 60, `${base.asked.list} pages for 50 names`)
    t.ok(base.asked.paths <= 1200, `${base.asked.paths} paths for 50 names`)
  }
})

test('view - directories that come before names are looked for in what is fetched', (t) => {
  const files: Record<string, string> = {}
  for (let i = 0; i < 1000; i++) files[`/dots/${i}.json`] = ''
  // each dash could be the end of a directory, and all of those come far behind
  files[`/dashes/a${'-'.repeat(1000)}`] = ''
  for (let i = 0; i < 1000; i++) files[`/dashes/a${'-'.repeat(999)}.${i}`] = ''
  files['/dashes/a---/x'] = ''
  const base = baseOf(files)
  const view = new View(base)
  t.is(view.readdir('/dots', EVERYTHING).length, 1000)
  t.ok(base.asked.list <= 20, `${base.asked.list} pages of names with dots`)
  t.is(view.probed, 1000, 'which has its price')
  const before = base.asked.list
  t.alike(view.readdir('/dashes', { ...EVERYTHING, limit: 1 }), ['a---'])
  t.ok(base.asked.list - before <= 8, `${base.asked.list - before} pages for one name`)
  t.is(view.probed, 1000)
  t.is(view.readdir('/dots', EVERYTHING, 5).length, 5, 'no more than can be paid for')
  t.is(view.readdir('/dots', { ...EVERYTHING, limit: 3, reverse: true }, 5).length, 3)
  view.readdir('/dots', EVERYTHING, 1000, 40)
  t.is(view.probed, 40, 'nor looked for')
})

test('view - files that are deleted are passed once, not each time', (t) => {
  const files: Record<string, string> = { '/t/9999': '' }
  for (let i = 1000; i < 3000; i++) files[`/t/${i}`] = ''
  const base = baseOf(files)
  const view = new View(base)
  view.rmdir('/t', true, 2001)
  view.writeFile('/t/9998', 'text', '')
  for (const reverse of [false, true]) {
    t.alike(view.readdir('/t', { ...EVERYTHING, reverse }), ['9998'])
    const before = base.asked.list
    t.alike(view.readdir('/t', { ...EVERYTHING, reverse }), ['9998'])
    t.ok(view.exists('/t'))
    t.ok(base.asked.list - before <= 6, `${base.asked.list - before} pages`)
  }
  view.writeFile('/t/2000', 'text', '')
  t.alike(view.readdir('/t', EVERYTHING), ['2000', '9998'])
  view.rollback()
  t.is(view.readdir('/t', EVERYTHING).length, 2001)
})

test('view - what is looked at says how large it is', (t) => {
  const view = viewOf({ '/a': 'text', '/b/c': '' })
  view.writeFile('/new', 'text', 'ü')
  const looked = ['/a', '/b', '/new', '/none'].map((path) => [view.exists(path), view.looked])
  t.alike(looked, [
    [true, 4],
    [true, 0],
    [true, 2],
    [false, 0]
  ])
  view.unlink('/a')
  t.is(view.looked, 4)
})

/** The names directly in a directory, straight from what a path is. */
function namesBelow(
  directory: string,
  paths: Iterable<string>,
  query: { gt: string | null; lt: string | null; limit: number | null; reverse: boolean }
): string[] {
  const { gt, lt, limit, reverse } = query
  const prefix = directory === '/' ? '/' : `${directory}/`
  const names = new Set<string>()
  for (const path of paths) {
    const [name] = path.startsWith(prefix) ? path.slice(prefix.length).split('/') : []
    if (name !== undefined) names.add(name)
  }
  const inside = [...names]
    .filter((name) => gt === null || compareBytes(name, gt) > 0)
    .filter((name) => lt === null || compareBytes(name, lt) < 0)
    .sort(compareBytes)
  return (reverse ? inside.reverse() : inside).slice(0, limit ?? inside.length)
}

/** Whole numbers below n, the same ones for a seed (xorshift). */
function randomOf(seed: number): (n: number) => number {
  let state = seed
  return (n) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % n
  }
}
