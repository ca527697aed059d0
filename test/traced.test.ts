import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import test from 'brittle'
import { bundle } from 'mivm'
import { ContractError, deploy } from 'mivm/testing'
import { traced } from '../src/bundle/traced.ts'

/** Each throws in the line that says HERE. */
const CASES: Record<string, string> = {
  statement: `() => {
    const x = null
    x.foo() // HERE
  }`,
  body: `() =>
    null.foo // HERE`,
  nested: `() => {
    const inner = () => {
      throw new RangeError('deep') // HERE
    }
    return [1].map(() => inner())
  }`,
  rethrown: `() => {
    let first
    try {
      throw new Error('the first')
    } catch (error) {
      first = error
    }
    try { throw new Error('another') } catch {}
    throw first // HERE
  }`,
  replaced: `() => {
    try {
      throw new Error('inner')
    } catch (cause) {
      throw new Error('outer', { cause }) // HERE
    }
  }`,
  awaited: `async () => {
    await state.writeFile('/a', 'b')
    await state.readFile('/missing') // HERE
  }`,
  returned: `async () => {
    await null
    return state.readFile('/missing') // HERE
  }`,
  plainly: `() => state.readFile('/missing') // HERE`,
  between: `async () => {
    const slow = async () => { for (let i = 0; i < 5; i++) await i }
    const fails = async () => {
      await null
      throw new Error('among others') // HERE
    }
    await Promise.all([slow(), fails(), slow()])
  }`,
  bare: `() => {
    if (false) null.foo
    else if (true)
      null.bar // HERE
    return 1
  }`,
  loop: `() => {
    outer: for (const x of [1, 2, null])
      for (;;) {
        if (x) continue outer
        x.foo // HERE
      }
  }`,
  choice: `() => {
    switch (2) {
      case 1: return 1
      case 2:
        null.foo // HERE
    }
  }`,
  method: `() => {
    class A {
      #x = 1
      static #count = 0
      get x() { return this.#x }
      run() {
        throw new TypeError('method') // HERE
      }
    }
    class B extends A {
      constructor() { super(); this.y = this.x }
    }
    new B().run()
  }`,
  generator: `() => {
    function* numbers() {
      yield 1
      throw new Error('in the middle') // HERE
    }
    return [...numbers()]
  }`,
  text: `() => {
    throw 'no error at all' // HERE
  }`,
  cleanup: `() => {
    try {
      throw new Error('before') // HERE
    } finally {
      if (true) void 0
      for (const x of [1]) void x
    }
  }`,
  minified: `()=>{if(0)null.a;[1].map(x=>y=>x);return(()=>null)().b} // HERE`
}

const SOURCE = Object.entries(CASES)
  .map(([name, text]) => `exports.${name} = ${text}`)
  .join('\n')

test('the stack of what a contract throws begins with the line that threw it', async (t) => {
  const contract = await deploy(SOURCE)
  for (const name of Object.keys(CASES)) {
    const error = await thrownBy(contract.call('bob', name, []))
    const [, line] = /\n {4}at contract\.js:(\d+):\d+\n/.exec(error.stack ?? '') ?? []
    const here = SOURCE.split('\n')[Number(line) - 1]
    t.ok(here?.includes('// HERE'), `${name}: ${here?.trim()}`)
    const from = SOURCE.indexOf(`exports.${name} =`)
    const end = SOURCE.indexOf('\nexports.', from + 1)
    const text = SOURCE.slice(from, end === -1 ? undefined : end)
    t.ok(here !== undefined && text.includes(here), `${name}: one of its own lines`)
  }
  await contract.close()
})

test('what is thrown by nobody has no place', async (t) => {
  const contract = await deploy(`
    exports.date = () => new Date()
    exports.never = () => new Promise(() => {})
    exports.caught = () => { try { null.foo } catch {} return new Date() }`)
  for (const name of ['date', 'never', 'caught', 'unknown']) {
    const error = await thrownBy(contract.call('bob', name, []))
    t.absent(/contract\.js/.test(error.stack ?? ''), name)
  }
  await contract.close()
})

/** Each is at the line that says HERE when a limit ends it. */
const ENDLESS: Record<string, string> = {
  empty: `() => {
    for (;;) {} // HERE
  }`,
  bare: `() => {
    let x = 0
    while (true) x++ // HERE
  }`,
  behind: `() => {
    let x = 0
    for (let i = 0; i < 1500; i++) x += i
    for (;;) { // HERE
      if (x > 0) x--; else x++ // HERE
    }
  }`,
  caught: `async () => {
    for (;;) { try { await null } catch {} } // HERE
  }`,
  builtin: `() => {
    let x = 0
    for (let i = 0; i < 100; i++) x += i
    const text = 'a'.repeat(2e6)
    text.split('') // HERE
    for (let i = 0; i < 100; i++) x += i
  }`,
  deep: `() => {
    const down = (n) => down(n + 1) + 1 // HERE
    return down(0)
  }`
}

test('a call that a limit ends names the line that it was at', async (t) => {
  const source = Object.entries(ENDLESS)
    .map(([name, text]) => `exports.${name} = ${text}`)
    .join('\n')
  const contract = await deploy(source, { limits: { fuel: 200_000 } })
  for (const name of Object.keys(ENDLESS)) {
    const error = await thrownBy(contract.call('bob', name, []))
    t.is(error.code, name === 'deep' ? 'CALL_DEPTH' : 'OUT_OF_FUEL')
    t.ok(
      error.message.includes(name === 'deep' ? 'than 512 levels' : 'fuel, 200000:'),
      'its own limit'
    )
    const [, line] = /\n {4}at contract\.js:(\d+):\d+\n/.exec(error.stack ?? '') ?? []
    const here = source.split('\n')[Number(line) - 1]
    const from = source.indexOf(`exports.${name} =`)
    t.ok(here?.includes('// HERE'), `${name}: ${here?.trim()}`)
    t.ok(here !== undefined && source.indexOf(here) > from, 'one of its own')
  }
  await contract.close()
})

test('to find the place changes nothing, and asks no oracle', async (t) => {
  let asked = 0
  const contract = await deploy(
    `exports.count = 0
    exports.fail = async () => {
      exports.count++
      console.log('once'); console.groupEnd()
      const price = await oracle.price('ABC')
      await state.writeFile('/a', 'b')
      throw new Error('price ' + price)
    }
    exports.succeed = () => ++exports.count`,
    { oracles: { price: async () => ++asked } }
  )
  for (const price of [1, 2]) {
    const error = await thrownBy(contract.call('bob', 'fail', []))
    t.is(error.message, `price ${price}`)
    t.ok(error.stack?.includes('contract.js:7:7'), error.stack)
  }
  t.is(asked, 2)
  t.alike(contract.logs, ['once', 'once'])
  t.alike(await contract.files(), {})
  t.is(await contract.call('bob', 'succeed', []), 1)
  await contract.close()
})

test('a deployment that fails names the line of the file', async (t) => {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'mivm-test-'))
  t.teardown(() => rm(dir, { recursive: true }))
  const deployed = async (name: string, text: string) => {
    await writeFile(path.join(dir, name), text)
    return deploy(await bundle(path.join(dir, name)), { args: [null] }).then(
      () => '',
      (error) => error.message.replace(dir, '').replace(/^\S*\//, '')
    )
  }
  t.is(
    await deployed('load.ts', 'export const f = () => 1\nconst x: any = null\n\nx.foo()\n'),
    "load.ts:4:1: the code throws while it is loaded: TypeError: Cannot read properties of null (reading 'foo'): make it load without an error"
  )
  t.is(
    await deployed('init.ts', 'export const init = (x: any) => {\n  return x.foo\n}\n'),
    "init.ts:2:3: init ended with TypeError: Cannot read properties of null (reading 'foo'); nothing was deployed"
  )
  t.is(
    await deployed('plain.js', 'exports.f = () => 1\nnull.foo\n'),
    "plain.js:2:1: the code throws while it is loaded: TypeError: Cannot read properties of null (reading 'foo'): make it load without an error"
  )
  t.is(
    await deployed('spin.ts', 'export const init = () => {\n  for (;;);\n}\n'),
    'spin.ts:2:11: init ended with MivmError: the call used all of its fuel, 10000000: do less in one call (OUT_OF_FUEL); nothing was deployed'
  )
})

test('what cannot be read is left alone', (t) => {
  t.is(traced('exports.f = ('), null)
})

test('a contract with names like those that are put in is traced as any other', async (t) => {
  for (const source of [
    "const $trace = 1\nexports.f = () => {\n  throw new Error('$trace' + $trace)\n}\n",
    'const $traceAt = 1, $traceThrown = 2\nexports.f = ($trace2At) => {\n  throw new Error($traceAt + $traceThrown)\n}\n',
    "exports.$traceKept = 1\nexports.f = () => {\n  throw new Error('$traceAt')\n}\n",
    'let $\\u0074raceAt = 5\nexports.f = () => {\n  throw new Error(++$traceAt)\n}\n'
  ]) {
    await using instance = await deploy(source)
    const { stack } = await thrownBy(instance.call('alice', 'f', []))
    t.is(stack?.split('\n')[1], '    at contract.js:3:3', JSON.stringify(source))
  }
})

async function thrownBy(call: Promise<unknown>): Promise<ContractError> {
  const error = await call.then(
    () => null,
    (error) => error
  )
  if (!(error instanceof ContractError)) throw new Error(`it ended with ${error}`)
  return error
}
