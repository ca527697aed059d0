// Looks at the builtins of a realm of js-1 beside those of a context as V8 makes it, in isolates without engine
// and host. The argument says what: `list`, `asking`, `look` or `compare`; what was found goes out on stdout as JSON. Plain
// JavaScript, because --jitless strips no types.
import { writeSync } from 'node:fs'
import ivm from 'isolated-vm'
import { composeRealm } from '../src/vm/js-1/realm.js'
import { compareText } from './builtins-compare.js'

const WHAT = { list, asking, look, compare }
const kept = []
const found = WHAT[process.argv[2]]()
const bytes = Buffer.from(JSON.stringify(found))
for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at)
// isolated-vm may fail an assertion when the collector frees what belonged to an isolate
process.kill(process.pid, 'SIGKILL')

/** `[path, kind]` of every function: `native` (V8's own), `ours`, or `absent` from the realm. */
function list() {
  const raw = open()
  const before = raw.evalSync(`(${walkText()})()`, { reference: true }).applySync(undefined, [])
  const realm = open()
  const walk = realm.evalSync(`(${walkText()})()`, { reference: true })
  compose(realm)
  const after = JSON.parse(walk.applySync(undefined, []))
  const there = new Set(after.map(([path]) => path))
  const absent = JSON.parse(before).filter(([path]) => !there.has(path))
  return [...after, ...absent.map(([path]) => [path, 'absent'])]
}

/** `[path, what is asked]` of each of V8's own functions in the realm that asks anything of an object that is `this`. */
function asking() {
  const realm = open()
  const walk = realm.evalSync(`(${walkText()})()`, { reference: true })
  compose(realm)
  return JSON.parse(walk.applySync(undefined, [true]))
}

/** What objects look like, by path, in both: `[of V8, of the realm]`. */
function look() {
  const raw = open()
  const realm = open()
  compose(realm)
  return [raw, realm].map((context) => JSON.parse(context.evalSync(`(${lookText()})()`)))
}

/** Calls that do not come to the same in both: `[call, of V8, of the realm]`; and how many calls there were. */
function compare() {
  const raw = open()
  // as it is in the realm, whose functions have no text
  raw.evalSync(`Object.defineProperty(Function.prototype, 'toString', { value: { toString() {
    if (typeof this !== 'function') throw new TypeError()
    return 'function () { [native code] }'
  } }.toString })`)
  const realm = open()
  compose(realm)
  const [before, after] = [raw, realm].map((context) => {
    let text
    try {
      context.evalClosureSync(`$0((${compareText})())`, [
        new ivm.Callback((given) => {
          text = given
        })
      ])
    } catch (error) {
      // a rejection that nobody handles is reported when all is over
      if (text === undefined) throw error
    }
    return JSON.parse(text)
  })
  const calls = Object.keys(after).filter((call) => call in before)
  const different = calls.filter((call) => String(before[call]) !== String(after[call]))
  return {
    count: calls.length,
    different: different.map((call) => [call, String(before[call]), String(after[call])])
  }
}

function open() {
  const isolate = new ivm.Isolate({ memoryLimit: 256 })
  const context = isolate.createContextSync()
  kept.push(isolate, context)
  return context
}

function compose(context) {
  kept.push(context.evalSync(composeRealm('() => {}'), { reference: true }))
}

/** A function that gives another one, which finds all functions, and whether they were there when it was made. */
function walkText() {
  return function makeWalk() {
    const { getPrototypeOf, ownKeys, getOwnPropertyDescriptor } = Reflect
    const stringify = JSON.stringify
    const name = String
    const natives = new Set(visit().map(([, found]) => found))
    const isNative = natives.has.bind(natives)
    const RawProxy = Proxy
    const { apply } = Reflect
    return (asks) => {
      const found = visit()
      if (!asks) return stringify(found.map(([path, f]) => [path, isNative(f) ? 'native' : 'ours']))
      const natives = found.filter(([, f]) => isNative(f)).map(([path, f]) => [path, askedBy(f)])
      return stringify(natives.filter(([, asked]) => asked !== ''))
    }

    /** What a function asks of an object that it is called on. */
    function askedBy(f) {
      const asked = new Set()
      const note = (trap) => (_, key) => {
        asked.add(`${trap} ${name(key)}`)
        return trap === 'get' ? undefined : trap !== 'has'
      }
      const handler = { get: note('get'), has: note('has'), set: note('set') }
      handler.defineProperty = note('define')
      handler.deleteProperty = note('delete')
      handler.getOwnPropertyDescriptor = (_, key) => {
        asked.add(`own ${name(key)}`)
      }
      const given = {}
      for (const target of [{}, () => {}]) {
        for (const args of [[], [1], [given], [() => 1], [given, given]]) {
          try {
            apply(f, new RawProxy(target, handler), args)
          } catch {}
        }
      }
      return [...asked].join(', ')
    }

    function roots() {
      const generator = (function* () {})()
      const asyncGenerator = (async function* () {})()
      const prototypes = {
        'Object.prototype': Object.prototype,
        'Function.prototype': Function.prototype,
        'Iterator.prototype': Iterator.prototype,
        'AsyncIterator.prototype': getPrototypeOf(getPrototypeOf(getPrototypeOf(asyncGenerator))),
        TypedArray: getPrototypeOf(Uint8Array),
        'ArrayIterator.prototype': getPrototypeOf([].values()),
        'MapIterator.prototype': getPrototypeOf(new Map().values()),
        'SetIterator.prototype': getPrototypeOf(new Set().values()),
        'StringIterator.prototype': getPrototypeOf(''[Symbol.iterator]()),
        'RegExpStringIterator.prototype': getPrototypeOf('x'.matchAll(/x/g)),
        'IteratorHelper.prototype': getPrototypeOf([].values().map(() => 0)),
        'WrapForValidIterator.prototype': getPrototypeOf(Iterator.from({ next() {} })),
        'Generator.prototype': getPrototypeOf(getPrototypeOf(generator)),
        'AsyncGenerator.prototype': getPrototypeOf(getPrototypeOf(asyncGenerator)),
        'AsyncFunction.prototype': getPrototypeOf(async () => {}),
        'Error.prototype.stack': getOwnPropertyDescriptor(new Error(), 'stack') ?? {}
      }
      return [...Object.entries(prototypes), ['', globalThis]]
    }

    function visit() {
      const functions = []
      const seen = new Set()
      const todo = roots().reverse()
      while (todo.length > 0) {
        const [path, object] = todo.pop()
        const isFunction = typeof object === 'function'
        if (object === null || (typeof object !== 'object' && !isFunction)) continue
        if (seen.has(object)) continue
        seen.add(object)
        const next = []
        for (const key of ownKeys(object)) {
          // it has a name of its own elsewhere
          if (key === 'constructor') continue
          const { value, get, set } = getOwnPropertyDescriptor(object, key)
          const at = path === '' ? name(key) : `${path}.${name(key)}`
          const repaired = get !== undefined && Object.hasOwn(get, 'originalValue')
          next.push([at, repaired ? get.originalValue : value])
          if (!repaired) next.push([`get ${at}`, get], [`set ${at}`, set])
        }
        for (const [at, held] of next) {
          if (typeof held === 'function') functions.push([at, held])
        }
        todo.push(...next.reverse())
        // last of all, since most have a name of their own
        todo.unshift([`${path}.[[Prototype]]`, getPrototypeOf(object)])
      }
      return functions
    }
  }.toString()
}

/** By path: keys in order, kind, and of each property whether it is enumerable, an accessor, and which primitive. */
function lookText() {
  return function look() {
    const out = {}
    const seen = new Set()
    const todo = [
      ['', globalThis],
      ['ArrayIterator', Object.getPrototypeOf([].values())],
      ['IteratorHelper', Object.getPrototypeOf([].values().map(() => 0))],
      ['WrapForValidIterator', Object.getPrototypeOf(Iterator.from({ next() {} }))]
    ]
    while (todo.length > 0) {
      const [path, object] = todo.pop()
      if (object === null || (typeof object !== 'object' && typeof object !== 'function')) continue
      if (seen.has(object)) continue
      seen.add(object)
      const properties = {}
      for (const key of Reflect.ownKeys(object)) {
        const { enumerable, get, set, value } = Object.getOwnPropertyDescriptor(object, key)
        const repaired = get !== undefined && 'originalValue' in get
        const accessor = !repaired && (get !== undefined || set !== undefined)
        const held = repaired ? get.originalValue : value
        const text = Object(held) === held ? typeof held : String(held)
        properties[String(key)] = `${enumerable} ${accessor} ${accessor ? '' : text}`
        todo.push([`${path}.${String(key)}`, held])
        if (accessor)
          todo.push([`${path}.${String(key)} get`, get], [`${path}.${String(key)} set`, set])
      }
      out[path] = { kind: kindOf(object), properties }
      todo.push([`${path}.[[Prototype]]`, Object.getPrototypeOf(object)])
    }
    return JSON.stringify(out)

    function kindOf(object) {
      if (typeof object !== 'function') return 'object'
      try {
        // a proxy constructs only where its target does, and the trap keeps that from being run
        new new Proxy(object, { construct: () => ({}) })()
        return 'constructor'
      } catch {
        return 'function'
      }
    }
  }.toString()
}
