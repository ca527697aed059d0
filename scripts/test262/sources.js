import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * What replaces parts of the suite's harness, as its INTERPRETING.md allows: errors that are Error objects, so that
 * an outcome has their message; `$DONE` without `print`; the global object without code from a string.
 */
const ERRORS = `
function Test262Error(message) {
  return Reflect.construct(Error, [message === undefined ? '' : message], new.target || Test262Error)
}
Test262Error.prototype = Object.create(Error.prototype, {
  constructor: { value: Test262Error, writable: true, configurable: true },
  name: { value: 'Test262Error', writable: true, configurable: true },
  toString: { value: function () { return 'Test262Error: ' + this.message }, writable: true, configurable: true }
})
Test262Error.thrower = function (message) { throw new Test262Error(message) };
`

const REPLACED = {
  'doneprintHandle.js': '',
  'fnGlobalObject.js': 'function fnGlobalObject() { return globalThis }\n'
}

/** Added behind a file of the harness, where functions of the same name count. */
const AMENDED = {
  'asyncHelpers.js': `
function asyncTest(testFunc) {
  if (typeof testFunc !== 'function') return $DONE(new Test262Error('asyncTest called with no function'))
  try {
    testFunc().then(function () { $DONE() }, function (error) { $DONE(error) })
  } catch (error) {
    $DONE(error)
  }
}
`
}

/** The VM has no views of buffers as floats: their constructors get the array instead. */
const FLOATS = `
typedArrayCtorArgFactories[typedArrayCtorArgFactories.indexOf(makeArrayBuffer)] =
  makeArrayBuffer = function makeArrayBuffer(TA, primitiveOrIterable) {
    var array = makeArray(TA, primitiveOrIterable)
    if (isPrimitive(array) || isFloatTypedArrayConstructor(TA)) return array
    return new TA(array).buffer
  }
`

const NO_FLOATS = `
typedArrayConstructors = intArrayConstructors
nonAtomicsFriendlyTypedArrayConstructors = [Uint8ClampedArray]
allTypedArrayConstructors = intArrayConstructors.concat(bigIntArrayConstructors)
`

const DONE = `
var $test262 = Promise.withResolvers()
$test262.promise.then(
  () => { $test262.end = null },
  (error) => { $test262.end = Object(error) === error ? error.name + ': ' + error.message : String(error) }
)
function $DONE(error) { if (error) $test262.reject(error); else $test262.resolve() }
`

/** The texts of one suite's tests; files of its harness are read once. */
export class Sources {
  #folder
  #files = new Map()

  constructor(checkout) {
    this.#folder = join(checkout, 'harness')
  }

  /** A strict script for a bare context. */
  script(test) {
    const host =
      'var $262 = { global: globalThis, detachArrayBuffer: (buffer) => { buffer.transfer() } }\n'
    return `'use strict';\nPromise.reject()\n${host}${this.#harness(test, '')}${test.text}`
  }

  /**
   * The same as the body of a contract. `floats: false` leaves the arrays of floats out of what the harness tries.
   */
  contract(test, { floats = true } = {}) {
    const host = `var $262 = {
      global: globalThis,
      detachArrayBuffer: () => { throw new Test262Error('no buffer can be detached') }
    }\n`
    const main = test.flags.includes('async') ? '() => $test262.promise' : '() => {}'
    const more = FLOATS + (floats ? '' : NO_FLOATS)
    return `exports.main = ${main}\n${host}${this.#harness(test, more)}${test.text}`
  }

  /** The same body in a function of V8's own: without prelude and transform, and without the VM's missing parts. */
  body(test) {
    const host =
      'var $262 = { global: globalThis, detachArrayBuffer: (buffer) => { buffer.transfer() } }\n'
    const show = test.flags.includes('async') ? 'exports.$test262 = $test262\n' : ''
    return `${host}${this.#harness(test, '')}${show}${test.text}`
  }

  #harness({ flags, includes }, arrays) {
    const names = ['assert.js', 'sta.js', ...includes]
    const texts = names.map((name) => {
      const amended = AMENDED[name] ?? (name === 'testTypedArray.js' ? arrays : '')
      return (REPLACED[name] ?? this.#read(name)) + amended
    })
    return [flags.includes('async') ? DONE : '', ...texts, ERRORS, ''].join('\n')
  }

  #read(name) {
    const known = this.#files.get(name)
    if (known !== undefined) return known
    const text = readFileSync(join(this.#folder, name), 'utf8')
    this.#files.set(name, text)
    return text
  }
}
