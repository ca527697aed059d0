// What structuredClone makes of all kinds of values, and when queueMicrotask calls: functions that say the same in Node and in
// a contract, where their text runs.

/** A line for each value: what its copy is, or what is thrown. */
export function cloned() {
  const values = [
    () => 1,
    () => 'x',
    () => undefined,
    () => null,
    () => 1n,
    () => NaN,
    () => -0,
    () => Symbol('x'),
    () => () => 1,
    () => class {},
    () => ({}),
    () => [],
    () => ({ a: 1, b: { c: [1, 2, { d: 3 }] } }),
    () =>
      (() => {
        const a = {}
        a.self = a
        return a
      })(),
    () =>
      (() => {
        const a = []
        a.push(a, [a])
        return a
      })(),
    () =>
      (() => {
        const s = { x: 1 }
        return [s, s, new Map([[s, s]]), new Set([s])]
      })(),
    () => new Date(5),
    () => new Date(NaN),
    () => Object.assign(new Date(7), { q: 1 }),
    () => /a(?<n>b)/dgimsuy,
    () => /[a--b]/v,
    () =>
      (() => {
        const r = /a/g
        r.lastIndex = 3
        return r
      })(),
    () => Object.assign(/x/, { q: 1 }),
    () =>
      new Map([
        [1, { a: 1 }],
        [{ k: 1 }, new Map([[2, 3]])],
        [NaN, -0]
      ]),
    () => new Set([1, 'a', { x: 1 }, [1]]),
    () => Object.assign(new Map([[1, 2]]), { q: 1 }),
    () => new (class X extends Map {})([[1, 2]]),
    () => new Uint8Array([1, 2, 3]),
    () => new Uint8Array([1, 2, 3, 4]).subarray(1, 3),
    () => new Float64Array([1.5, NaN, -0]),
    () => new BigInt64Array([1n, -1n]),
    () => new Float16Array([1.5]),
    () => new ArrayBuffer(5),
    () => new DataView(new ArrayBuffer(8), 2, 4),
    () =>
      (() => {
        const b = new ArrayBuffer(8)
        return [b, new Uint8Array(b, 1, 2), new DataView(b), new Int16Array(b)]
      })(),
    () => new Uint8Array(0),
    () => new Uint8ClampedArray([300]),
    () =>
      (() => {
        const f = new Float32Array([1, 2, 3, 4])
        return [f, f.subarray(1, 3)]
      })(),
    () => new Error('x'),
    () => new TypeError('x', { cause: { a: 1 } }),
    () => Object.assign(new Error('x'), { name: 'RangeError', own: 1 }),
    () => Object.assign(new Error('x'), { name: 'Foo' }),
    () =>
      Object.assign(new Error('x'), {
        name: {
          toString() {
            return 'TypeError'
          }
        }
      }),
    () =>
      Object.assign(new Error('x'), {
        message: {
          toString() {
            return 'zz'
          }
        }
      }),
    () =>
      Object.defineProperty(new Error('x'), 'message', {
        get() {
          return 'y'
        }
      }),
    () => new Error(),
    () =>
      Object.defineProperty(new Error('x'), 'cause', {
        get() {
          return 5
        }
      }),
    () => new Error('x', { cause: () => 1 }),
    () => new AggregateError([1], 'm'),
    () => Object.setPrototypeOf(new Error('x'), null),
    () =>
      new (class MyError extends TypeError {
        name = 'MyError'
      })('q'),
    () =>
      (() => {
        const e = new Error('x')
        e.cause = e
        return e
      })(),
    () => new SuppressedError(1, 2, 'm'),
    () =>
      (function () {
        // biome-ignore lint/complexity/noArguments: what is copied
        return arguments
      })(1, 2),
    () => (function* () {})(),
    () => (async function* () {})(),
    () => [1].values(),
    () => new Map().keys(),
    () => new Set().values(),
    () => 'x'[Symbol.iterator](),
    () => 'x'.matchAll(/x/g),
    () => [1].values().map((x) => x),
    () => Iterator.from({ next() {} }),
    () => Promise.resolve(1),
    () => new Proxy({}, {}),
    () => new Proxy([], {}),
    () => new Proxy(() => 1, {}),
    () => new WeakMap(),
    () => new WeakSet(),
    () => new DisposableStack(),
    () => Object(Symbol('x')),
    () => Object(1),
    () => Object('ab'),
    () => Object(true),
    () => Object(5n),
    () => Object.assign(new String('ab'), { q: 1 }),
    () => globalThis,
    () => Math,
    () => JSON,
    () =>
      new (class A {
        x = 1
        #y = 2
        get z() {
          return 3
        }
        static s = 1
      })(),
    () => Object.create({ inherited: 1 }),
    () => Object.create(null),
    () => Object.create(Map.prototype),
    () => Object.create(Date.prototype),
    () => Object.create(Array.prototype),
    () => Object.create(RegExp.prototype),
    () => Object.create(Error.prototype),
    () => class X extends Array {}.of(1, 2),
    () => Object.assign(Object.assign(new Array(3), { 0: 1, 2: 3 }), { q: 1 }),
    () =>
      (() => {
        const a = []
        a.length = 5
        a[7] = 1
        return a
      })(),
    () =>
      (() => {
        const a = []
        a[5000] = 1
        return a
      })(),
    () => JSON.parse('{"__proto__":{"a":1}}'),
    () => ({ [Symbol('x')]: 1, a: 2 }),
    () => Object.defineProperty({}, 'a', { value: 1 }),
    () => ({
      get a() {
        return { b: 1 }
      }
    }),
    () => ({
      get a() {
        delete this.b
        return 1
      },
      b: 2
    }),
    () => ({
      get a() {
        this.c = 5
        return 1
      },
      b: 2
    }),
    () => ({
      get a() {
        throw new RangeError('no')
      }
    }),
    () => ({
      a: 1,
      get b() {
        return () => 1
      }
    }),
    () => Object.freeze({ a: Object.freeze([1]) }),
    () => ({ 2: 1, b: 2, 1: 3 }),
    () => ({ constructor: 1, toString: 2, hasOwnProperty: 3 }),
    () => Object.assign(new Array(4), [undefined, null]),
    () => ({ a: undefined }),
    () => /a/.exec('a'),
    () => Object.setPrototypeOf({ a: 1 }, Array.prototype),
    () => Object.setPrototypeOf([1], null),
    () => Object.setPrototypeOf(new Date(3), class Q extends Date {}.prototype),
    () => [new Set([[1]]), new Map([[{}, []]])],
    () =>
      (() => {
        const log = []
        const o = {
          get a() {
            log.push('a')
            return {
              get x() {
                log.push('x')
                return 1
              }
            }
          },
          get b() {
            log.push('b')
            return log.slice()
          }
        }
        return o
      })(),
    () =>
      (() => {
        const log = []
        return new Map([
          [
            {
              get k() {
                log.push('k')
                return 1
              }
            },
            {
              get v() {
                log.push('v')
                return log.join()
              }
            }
          ],
          [
            1,
            {
              get w() {
                log.push('w')
                return log.join()
              }
            }
          ]
        ])
      })(),
    () =>
      (() => {
        const m = new Map([[1, null]])
        m.set(2, {
          get x() {
            m.set(3, 4)
            m.delete(1)
            return m.size
          }
        })
        return m
      })(),
    () => [
      1,
      {
        get a() {
          return structuredClone({ deep: [this.b] }).deep
        },
        b: 2
      },
      3
    ]
  ]
  const { getOwnPropertyDescriptor, getPrototypeOf } = Object
  const kinds = {
    Map,
    Set,
    Date,
    RegExp,
    Array,
    Error,
    TypeError,
    RangeError,
    Object,
    ArrayBuffer,
    DataView
  }
  Object.assign(kinds, {
    String,
    Number,
    Boolean,
    BigInt,
    Uint8Array,
    Float32Array,
    Float64Array,
    BigInt64Array
  })
  return values.map((make) => {
    try {
      return look(structuredClone(make()), new Map())
    } catch (error) {
      return `throws ${error.name}`
    }
  })

  function look(value, seen) {
    if (typeof value === 'bigint') return `${value}n`
    if (typeof value !== 'object' || value === null) {
      return `${typeof value} ${Object.is(value, -0) ? '-0' : String(value)}`
    }
    if (seen.has(value)) return `#${seen.get(value)}`
    seen.set(value, seen.size)
    const prototype = getPrototypeOf(value)
    const [kind] = Object.entries(kinds).find((each) => each[1].prototype === prototype) ?? ['?']
    const properties = ArrayBuffer.isView(value)
      ? []
      : Reflect.ownKeys(value).filter((key) => key !== 'stack')
    const texts = properties.map((key) => {
      const {
        value: item,
        writable,
        enumerable,
        configurable
      } = getOwnPropertyDescriptor(value, key)
      return `${String(key)} ${writable} ${enumerable} ${configurable}: ${look(item, seen)}`
    })
    const tag = Object.prototype.toString.call(value)
    return `${kind} ${tag} (${inside(value, tag, seen)}) {${texts.join('; ')}}`
  }

  function inside(value, tag, seen) {
    if (value instanceof Map) {
      return [...value].map(([key, item]) => `${look(key, seen)} => ${look(item, seen)}`).join()
    }
    if (value instanceof Set) return [...value].map((item) => look(item, seen)).join()
    if (value instanceof Date) return value.getTime()
    if (value instanceof RegExp) return `/${value.source}/${value.flags}`
    if (value instanceof ArrayBuffer) return new Uint8Array(value).join()
    if (!ArrayBuffer.isView(value)) {
      return /Number|String|Boolean|BigInt/.test(tag) ? String(value.valueOf()) : ''
    }
    const place = `${value.byteOffset} ${value.byteLength}`
    // the buffers of these are nobody's to see in a contract
    return /Float/.test(tag) ? `${place} ${value.join()}` : `${place} ${look(value.buffer, seen)}`
  }
}

/** In which order things are called; `fails`: whether one of them throws, which changes nothing. */
export async function ordered(fails) {
  const log = []
  const done = Promise.withResolvers()
  const later = async (text) => {
    await null
    log.push(text)
  }
  Promise.resolve().then(() => log.push('then'))
  queueMicrotask(function (...args) {
    log.push(this === undefined && args.length === 0)
  })
  later('await')
  queueMicrotask(() => {
    queueMicrotask(() => log.push('inner'))
    Promise.resolve().then(() => log.push('inner then'))
    log.push('outer')
    if (fails) throw new Error('not heard of')
  })
  // what it returns is not looked at
  // biome-ignore lint/suspicious/noThenProperty: that is what is tested
  queueMicrotask(() => ({ then: () => log.push('a thenable') }))
  Promise.resolve()
    .then(() => log.push('then once more'))
    .then(() => log.push('then at last'))
    .then(done.resolve)
  queueMicrotask(() => log.push('last'))
  log.push(
    'first',
    queueMicrotask.length,
    queueMicrotask.name,
    queueMicrotask(() => {})
  )
  for (const value of [undefined, {}, 'code']) {
    try {
      queueMicrotask(value)
    } catch (error) {
      log.push(error.name)
    }
  }
  await done.promise
  return log.join()
}
