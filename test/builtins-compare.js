/**
 * A function to be run in a context: calls every function of the global object with many things for `this` and
 * arguments, and gives as JSON what each call came to: the result, everything that it asked of its
 * operands, in order, and what has become of them. By `path|how|this|arguments`.
 */
export const compareText = compareAll.toString()

function compareAll() {
  let log = []
  const iterated = (items) => ({
    [Symbol.iterator]() {
      log.push('iterator')
      let at = 0
      return {
        get next() {
          log.push('get next')
          return () => {
            log.push('next')
            return at < items.length ? { value: items[at++], done: false } : { done: true }
          }
        },
        get return() {
          log.push('get return')
          return () => {
            log.push('return')
            return {}
          }
        }
      }
    }
  })
  const watched = (name, target) => {
    const traps = {
      get:
        (_, trap) =>
        (...args) => {
          const key = typeof args[1] === 'object' ? '' : String(args[1])
          log.push(`${name}.${trap} ${key}`)
          return Reflect[trap](...args)
        }
    }
    return new Proxy(target, new Proxy({}, traps))
  }
  class Sub extends Array {
    constructor(...args) {
      super(...args)
      log.push(`Sub ${args.length}`)
    }
  }
  class Other extends Array {
    static get [Symbol.species]() {
      log.push('species')
      return Sub
    }
  }
  const MAKERS = {
    undefined: () => undefined,
    null: () => null,
    zero: () => 0,
    one: () => 1,
    minus: () => -1,
    half: () => 1.5,
    NaN: () => Number.NaN,
    bigint: () => 3n,
    long: () => 1n << 70n,
    text: () => 'abcabc',
    empty: () => '',
    surrogate: () => 'ä\ud800x\u0323',
    true: () => true,
    symbol: () => Symbol('q'),
    array: () => [3, 1, 2],
    texts: () => ['b', 'a', 'c'],
    // biome-ignore lint/suspicious/noSparseArray: that is the point
    holes: () => [1, , 3],
    // biome-ignore lint/suspicious/noSparseArray: the same
    'of nobody': () => Object.defineProperty([1, , 3, ,], 'constructor', { value: undefined }),
    nested: () => [1, [2, [3, [4]]], 'x'],
    sub: () => Sub.from([3, 1, 2]),
    other: () => Other.from([5, 4]),
    frozen: () => Object.freeze([1, 2, 3]),
    pairs: () => [
      ['a', 1],
      ['b', 2]
    ],
    accessor: () =>
      Object.defineProperty([1, 2, 3], 1, {
        get() {
          log.push('get 1')
          return 9
        },
        set() {
          log.push('set 1')
        },
        configurable: true,
        enumerable: true
      }),
    like: () => ({
      get length() {
        log.push('length')
        return MAKERS.value()
      },
      get 0() {
        log.push('get 0')
        return 'a'
      },
      1: 'b'
    }),
    value: () => ({
      valueOf() {
        log.push('valueOf')
        return 2
      },
      toString() {
        log.push('toString')
        return '2'
      }
    }),
    primitive: () => ({
      [Symbol.toPrimitive](hint) {
        log.push(`toPrimitive ${hint}`)
        return 1
      }
    }),
    'watched array': () => watched('A', [2, 1]),
    'watched object': () => watched('O', { a: 1, length: 2, 0: 'x', 1: 'y' }),
    object: () => ({
      b: 1,
      a: { c: [1] },
      get g() {
        log.push('get g')
        return 7
      }
    }),
    'a String': () => Object('abc'),
    'a Number': () => Object(5),
    iterable: () => iterated([1, 2, 3]),
    'iterable of pairs': () =>
      iterated([
        ['k', 1],
        ['l', 2]
      ]),
    'iterable of both': () => iterated([['k', 1], 'ab']),
    map: () =>
      new Map([
        [1, 'a'],
        ['k', 2]
      ]),
    set: () => new Set([1, 2, 'a']),
    'like a set': () => ({
      get size() {
        log.push('size')
        return MAKERS.value()
      },
      has(item) {
        log.push(`has ${String(item)}`)
        return item === 1
      },
      keys() {
        log.push('keys')
        return [1, 7].values()
      }
    }),
    bytes: () => new Uint8Array([3, 1, 2]),
    floats: () => new Float64Array([1.5, Number.NaN, -0]),
    buffer: () => new ArrayBuffer(4),
    function: () => (a, b) => {
      log.push(`call ${show(a)} ${typeof b}`)
      return a > b ? 1 : -1
    },
    throwing: () => () => {
      log.push('throws')
      throw new Error('boom')
    },
    constructor: () =>
      function Made(...args) {
        log.push(`Made ${args.length}`)
      },
    generator: () =>
      (function* () {
        try {
          yield 1
          yield 2
        } finally {
          log.push('finally')
        }
      })(),
    error: () => new Error('m'),
    date: () => new Date(0),
    json: () => '{"a":[1,2.50],"b":"x"}',
    descriptor: () => ({
      get value() {
        log.push('get value')
        return 1
      },
      get enumerable() {
        log.push('get enumerable')
        return 1
      }
    }),
    template: () => ({ length: 2, raw: ['x', 'y', 'z'] }),
    toJSON: () => ({
      a: {
        toJSON(key) {
          log.push(`toJSON ${key}`)
          return `${key}1`
        }
      }
    })
  }
  /** What is only there for these: all else takes what is there at random. */
  const CHOSEN = [
    ['Array.prototype.map', 'of nobody', 'function'],
    ['Array.prototype.slice', 'of nobody'],
    ['Array.prototype.splice', 'of nobody', 'zero', 'one'],
    ['Set.prototype.union', 'set', 'watched object'],
    ['Iterator.prototype.drop', 'watched object', 'symbol'],
    ['Iterator.prototype.take', 'watched object', 'NaN'],
    ['String.fromCodePoint', 'one', 'minus', 'value'],
    ['String.fromCodePoint', 'one', 'value', 'minus', 'value']
  ]
  const names = Object.keys(MAKERS).filter((name) => name !== 'of nobody')
  const out = {}
  const methods = Object.fromEntries(functionsOf())
  for (const [path, receiver, ...given] of CHOSEN) {
    observe(path, methods[path], 'call', receiver, given)
  }
  for (const [path, method] of Object.entries(methods)) {
    const random = randomOf(path)
    for (let i = 0; i < 70; i++) {
      const receiver = names[i < names.length ? i : random(names.length)]
      const given = Array.from({ length: random(4) }, () => names[random(names.length)])
      observe(path, method, 'call', receiver, given)
      if (i < 12) observe(path, method, 'new', receiver, given)
    }
  }
  return JSON.stringify(out)

  function observe(path, method, how, receiver, given) {
    const self = MAKERS[receiver]()
    const args = given.map((name) => MAKERS[name]())
    log = []
    let result
    try {
      const value =
        how === 'new' ? Reflect.construct(method, args) : Reflect.apply(method, self, args)
      result = `${value === self ? 'this ' : ''}${show(value)}${stepsOf(value)}`
    } catch (thrown) {
      result = `throws ${thrown?.name}`
    }
    const asked = log.join(', ')
    out[`${path}|${how}|${receiver}|${given}`] = [
      result,
      asked,
      show(self),
      ...args.map((arg) => show(arg))
    ]
  }

  function functionsOf() {
    const found = []
    const seen = new Set()
    const todo = [
      ['', globalThis],
      ['TypedArray.prototype', Object.getPrototypeOf(Uint8Array.prototype)]
    ]
    while (todo.length > 0) {
      const [path, object] = todo.pop()
      if (object === null || (typeof object !== 'object' && typeof object !== 'function')) continue
      if (seen.has(object)) continue
      seen.add(object)
      for (const key of Reflect.ownKeys(object)) {
        const { get, value } = Object.getOwnPropertyDescriptor(object, key)
        const held = get !== undefined && 'originalValue' in get ? get.originalValue : value
        const at = path === '' ? String(key) : `${path}.${String(key)}`
        if (typeof held === 'function') found.push([at, held])
        todo.push([at, held])
      }
    }
    return found
  }

  /** The same numbers for the same path. */
  function randomOf(path) {
    let seed = 0
    for (let i = 0; i < path.length; i++) seed = (seed * 31 + path.charCodeAt(i)) | 0
    return (below) => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
      return (seed >> 8) % below
    }
  }

  function stepsOf(value) {
    if (typeof value !== 'object' || value === null || typeof value.next !== 'function') return ''
    let text = ''
    for (let i = 0; i < 4; i++) {
      try {
        const step = value.next()
        text += ` ${show(step)}`
        if (step.done) break
      } catch (thrown) {
        return `${text} throws ${thrown?.name}`
      }
    }
    return text
  }

  function show(value, parents = []) {
    const before = log
    log = []
    try {
      return textOf(value, parents)
    } catch {
      return 'cannot be shown'
    } finally {
      log = before
    }
  }

  function textOf(value, parents) {
    if (typeof value === 'string') return JSON.stringify(value)
    if (typeof value === 'bigint') return `${value}n`
    if (typeof value === 'function') return `function ${value.name} ${value.length}`
    if (typeof value !== 'object' || value === null)
      return Object.is(value, -0) ? '-0' : String(value)
    if (parents.includes(value) || parents.length > 3) return '…'
    const prototype = Object.getPrototypeOf(value)
    let text = `${Object.prototype.toString.call(value)} ${prototype?.constructor?.name}`
    if (value instanceof Promise) return text
    if (value instanceof Map || value instanceof Set) text += ` of ${show([...value])}`
    const keys = Reflect.ownKeys(value)
    if (keys.length > 60) return `${text} with ${keys.length}`
    for (const key of keys) {
      const property = Object.getOwnPropertyDescriptor(value, key)
      const held = 'value' in property ? textOf(property.value, [...parents, value]) : 'accessor'
      text += `, ${String(key)}: ${held}${property.enumerable ? '' : '!'}${property.configurable ? '' : '#'}`
    }
    return text
  }
}
