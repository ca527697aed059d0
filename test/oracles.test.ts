import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test, { type Test } from 'brittle'
import { Client } from '../src/client/client.ts'
import { Host } from '../src/host/host.ts'
import { Oracles } from '../src/host/oracles.ts'
import { type CallLogEntry, decodeEntry } from '../src/protocol/entries.ts'
import { decodeId } from '../src/protocol/ids.ts'
import { openStore } from '../src/state/store.ts'
import { readContract } from './contracts.ts'
import { heldOracle } from './held-oracle.ts'
import { tempDir } from './helpers.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'

const PRICES = fileURLToPath(new URL('../examples/oracle-prices.js', import.meta.url))
const DAY_MS = 86_400_000

/** Asks an oracle by name and tells what came of it. */
const ASKING = `
exports.asked = 0
exports.ask = async (name, ...args) => {
  exports.asked++
  try {
    const value = await oracle[name](...args)
    return value === undefined ? 'nothing' : value
  } catch (error) {
    return [error.code, error.message]
  }
}
exports.askAll = async (names) => Promise.all(names.map((name) => oracle[name]()))
exports.askAndFail = async (name) => {
  exports.asked = await oracle[name]()
  await state.writeFile('/answer', String(exports.asked))
  throw Object.assign(new Error('on second thoughts'), { code: 'SECOND_THOUGHTS' })
}`

/** Asks by names that no log could hold, and by the longest that one does. */
const ASKING_ODDLY = `
const ask = async (name) => oracle[name]().catch(({ code, message }) => [code, message])
exports.lone = () => ask('\\ud800')
exports.long = () => ask('x'.repeat(257))
exports.longest = async () => (await ask('x'.repeat(256)))[0]`

test('oracles - request and answer are in the log before they are used', async (t) => {
  const lengths: number[] = []
  const note = async () => {
    const { head } = await host.instance(decodeId(address))
    return lengths.push(head.length)
  }
  const { host, client, readLog } = await open(t, new Oracles({ first: note, second: note }))
  const { address } = await client.deploy({ host: host.id, source: ASKING })
  const before = (await host.instance(decodeId(address))).head.length
  t.alike(await client.call(address, 'askAll', [['first', 'second']]), [1, 2])
  // ack and first request; then also the first answer and the second request
  t.alike(lengths, [before + 2, before + 4])
  const entries = (await readLog(address)).slice(before)
  t.alike(
    entries.map(({ type }) => type),
    [
      'ack',
      'oracle-request',
      'oracle-answer',
      'oracle-request',
      'oracle-answer',
      'result',
      'commit'
    ]
  )
  t.alike(entries.slice(1, 5), [
    { type: 'oracle-request', ack: before, index: 0, name: 'first', args: '[]' },
    { type: 'oracle-answer', ack: before, index: 0, value: '1', error: null },
    { type: 'oracle-request', ack: before, index: 1, name: 'second', args: '[]' },
    { type: 'oracle-answer', ack: before, index: 1, value: '2', error: null }
  ])
})

test('oracles - what goes wrong is an error that the contract can catch', async (t) => {
  const functions = {
    fine: async (...args: unknown[]) => ({ args }),
    nothing: () => {},
    refusing: async () => {
      throw Object.assign(new Error('not today'), { code: 'CLOSED' })
    },
    throwing: () => {
      throw 'a text'
    },
    silent: () => new Promise<never>(() => {}),
    long: () => 'x'.repeat(64 * 1024),
    odd: () => ({ when: new Date(0) }),
    untold: () => {
      throw Object.create(null)
    },
    hiding: () => {
      throw Object.defineProperty(new Error(), 'message', {
        get: () => {
          throw new Error('not that either')
        }
      })
    }
  }
  const { host, client, readLog } = await open(t, new Oracles(functions, 100))
  const { address } = await client.deploy({ host: host.id, source: ASKING })
  const ask = (...args: unknown[]) => client.call(address, 'ask', args)
  t.alike(await ask('fine', 1n, { a: [new Uint8Array([1])] }), {
    args: [1n, { a: [new Uint8Array([1])] }]
  })
  t.is(await ask('nothing'), 'nothing')
  t.alike(await ask('refusing'), ['CLOSED', 'not today'])
  t.alike(await ask('throwing'), ['ORACLE_FAILED', 'a text'])
  t.alike(await ask('silent'), ['ORACLE_TIMEOUT', 'oracle.silent did not answer within 100 ms'])
  t.alike(await ask('long'), [
    'ORACLE_ANSWER_TOO_LARGE',
    'oracle.long gave 65538 bytes, the limit is 65536'
  ])
  t.alike(await ask('odd'), [
    'VALUE_UNSUPPORTED',
    'oracle.odd.when: a Date is not a value; use JSON values, Uint8Array or bigint'
  ])
  t.alike(await ask('missing'), ['ORACLE_UNKNOWN', 'this host has no oracle missing'])
  const untold = ['ORACLE_FAILED', 'the oracle threw something that cannot be told']
  t.alike(await ask('untold'), untold)
  t.alike(await ask('hiding'), untold)
  const codes = (await readLog(address)).flatMap((entry) =>
    entry.type === 'oracle-answer' ? [entry.error?.code ?? null] : []
  )
  const names = (await readLog(address)).flatMap((entry) =>
    entry.type === 'oracle-answer' && entry.error !== null ? [entry.error.name] : []
  )
  const [thrown, ...others] = names
  t.is(thrown, 'Error', 'what an oracle throws keeps its name')
  t.alike(new Set(others), new Set(['OracleError']), 'and what the host says of one has its own')
  t.alike(codes, [
    null,
    null,
    'CLOSED',
    'ORACLE_FAILED',
    'ORACLE_TIMEOUT',
    'ORACLE_ANSWER_TOO_LARGE',
    'VALUE_UNSUPPORTED',
    'ORACLE_UNKNOWN',
    'ORACLE_FAILED',
    'ORACLE_FAILED'
  ])
})

test('oracles - a name that no log takes is not even asked', async (t) => {
  const { host, client, readLog } = await open(t, new Oracles({}))
  const { address } = await client.deploy({ host: host.id, source: ASKING_ODDLY })
  for (const method of ['lone', 'long']) {
    t.alike(await client.call(address, method, []), [
      'ORACLE_UNKNOWN',
      'no oracle has such a name: use at most 256 characters'
    ])
  }
  t.is(await client.call(address, 'longest', []), 'ORACLE_UNKNOWN')
  const asked = (await readLog(address)).flatMap((entry) =>
    entry.type === 'oracle-request' ? [entry.name.length] : []
  )
  t.alike(asked, [256])
})

test('oracles - what is no value is not even asked', async (t) => {
  const { host, client, readLog } = await open(t, new Oracles({ fine: () => 1 }))
  const source = `exports.ask = async () => {
    try { await oracle.fine([undefined]) } catch (error) { return [error.code, error.message] }
  }`
  const { address } = await client.deploy({ host: host.id, source })
  t.alike(await client.call(address, 'ask', []), [
    'VALUE_UNSUPPORTED',
    'oracle.fine arguments[0][0]: undefined is not a value; use JSON values, Uint8Array or bigint'
  ])
  const types = (await readLog(address)).map(({ type }) => type)
  t.absent(types.includes('oracle-request'))
})

test('oracles - are not there during init', async (t) => {
  let asked = 0
  const { host, client } = await open(t, new Oracles({ count: () => ++asked }))
  const source = `exports.why = null
    exports.init = async () => {
      try { await oracle.count() } catch (error) { exports.why = error.code }
    }
    exports.get = async () => [exports.why, await oracle.count()]`
  const { address } = await client.deploy({ host: host.id, source })
  t.alike(await client.call(address, 'get', []), ['ORACLE_UNAVAILABLE', 1])
})

test('oracles - a call that fails after its question changes nothing, and the answer stays', async (t) => {
  const { host, client, readLog } = await open(t, new Oracles({ fine: () => 42 }))
  const { address } = await client.deploy({ host: host.id, source: ASKING })
  await t.exception(client.call(address, 'askAndFail', ['fine']), { code: 'SECOND_THOUGHTS' })
  t.is(await client.call(address, 'ask', ['fine']), 42)
  const state = client.state(address)
  t.absent(await state.exists('/answer'))
  t.is(await state.readFile('/.mivm/exports/asked.json'), '1')
  const answers = (await readLog(address)).filter(({ type }) => type === 'oracle-answer')
  t.is(answers.length, 2)
})

test('oracles - calls around one that asks keep their order', async (t) => {
  const { host, client } = await open(t, new Oracles({ fine: async () => 'an answer' }))
  const source = `exports.order = []
    exports.plain = (name) => exports.order.push(name)
    exports.ask = async (name) => { await oracle.fine(); return exports.order.push(name) }
    exports.get = () => exports.order`
  const { address } = await client.deploy({ host: host.id, source })
  const calls = [
    ['plain', 'a'],
    ['ask', 'b'],
    ['plain', 'c'],
    ['ask', 'd'],
    ['ask', 'e'],
    ['plain', 'f']
  ] as const
  const counts = await Promise.all(
    calls.map(([method, name]) => client.call(address, method, [name]))
  )
  t.alike(counts, [1, 2, 3, 4, 5, 6])
  t.alike(await client.call(address, 'get', []), ['a', 'b', 'c', 'd', 'e', 'f'])
})

test('oracles - what was called before one that asks has its result, however long the answer takes', async (t) => {
  const { oracles, asked, answer } = heldOracle()
  const { host, client } = await open(t, oracles)
  const source = `exports.count = 0
    exports.add = () => ++exports.count
    exports.ask = async () => { await oracle.wait(); return ++exports.count }`
  const { address } = await client.deploy({ host: host.id, source })
  // all but the first go out in one request
  const [first, before, ...others] = ['add', 'add', 'ask', 'add'].map((method) =>
    client.call(address, method, [])
  )
  await asked
  t.alike(await Promise.all([first, before]), [1, 2])
  answer()
  t.alike(await Promise.all(others), [3, 4])
})

test('oracles - a host that closes waits for one answer, and for none that is still to be asked', async (t) => {
  let asked = 0
  const closing = Promise.withResolvers<void>()
  const count = async () => {
    if (++asked === 3) closing.resolve()
    // the host is closing by then
    if (asked >= 3) await sleep(200)
    return asked
  }
  const { host, client, reopen } = await open(t, new Oracles({ count }))
  const source = `exports.ask = async () => {
    const answers = []
    for (let i = 0; i < 20; i++) answers.push(await oracle.count())
    return answers
  }`
  const { link } = await client.deploy({ host: host.id, source })
  const call = client.call(link, 'ask', [])
  await closing.promise
  await host.close()
  t.is(asked, 3)
  await reopen()
  t.alike(
    await call,
    Array.from({ length: 20 }, (_, i) => i + 1),
    'it goes on from there'
  )
  t.is(asked, 20)
})

test('oracles - the bet on a stock price, from proposal to winner', async (t) => {
  const { host, client: alice, openClient } = await open(t, await Oracles.load(PRICES))
  const bob = await openClient('bob')
  const { link } = await alice.deploy({ host: host.id, source: readContract('price-bet') })
  const time = Date.now() + DAY_MS
  t.is(await alice.call(link, 'propose', ['ACME', 150, time]), 1)
  t.is(await alice.call(link, 'propose', ['GLOBEX', 100, time]), 2)
  t.is(await alice.call(link, 'propose', ['NOSUCH', 1, time]), 3)
  for (const id of [1, 2, 3]) await bob.call(link, 'take', [id])
  await t.exception(bob.call(link, 'settle', [1]), { code: 'TOO_EARLY' })
  pass(t, DAY_MS)
  t.alike(winnerOf(await bob.call(link, 'settle', [1])), { price: 151.25, winner: alice.id })
  t.alike(winnerOf(await bob.call(link, 'settle', [2])), { price: 99.99, winner: bob.id })
  await t.exception(bob.call(link, 'settle', [3]), /SYMBOL_UNKNOWN.*try again later/)
  pass(t, 7 * DAY_MS)
  t.alike(winnerOf(await alice.call(link, 'settle', [3])), { price: null, winner: null })
})

test('oracles - a module that is never loaded is refused', async (t) => {
  const dir = await tempDir(t)
  await mkdir(dir, { recursive: true })
  for (const [name, source] of [
    ['waits.mjs', 'await new Promise(() => {})\nexport const price = () => 1\n'],
    ['then.mjs', 'export const then = () => {}\n']
  ] as const) {
    const file = path.join(dir, name)
    await writeFile(file, source)
    const error = await Oracles.load(file, 50).catch((error) => error)
    t.is(error.code, 'ORACLE_INVALID', name)
    t.ok(error.message.includes('not loaded after 0.05 s'), error.message)
  }
})

test('oracles - a file that is none is refused', async (t) => {
  const here = fileURLToPath(import.meta.url)
  await t.exception(Oracles.load(`${here}.missing`), { code: 'ORACLE_INVALID' })
  await t.exception(Oracles.load(path.join(here, '../../package.json')), {
    code: 'ORACLE_INVALID'
  })
  const dir = await tempDir(t)
  await mkdir(dir, { recursive: true })
  const sources = ['export const price = ;\n', 'null.x\n', "import './nowhere.mjs'\n"]
  for (const [i, source] of sources.entries()) {
    const wrong = path.join(dir, `${i}.mjs`)
    await writeFile(wrong, source)
    const { code, message } = await Oracles.load(wrong).catch((error) => error)
    t.is(code, 'ORACLE_INVALID')
    t.ok(message.endsWith(`): mend it, "node ${wrong}" shows where, or give another`), message)
  }
  t.alike((await Oracles.load(PRICES)).names, ['price'])
})

interface Opened {
  readonly host: Host
  readonly client: Client
  openClient(identity: string): Promise<Client>
  /** Starts a host again in the same directory. */
  reopen(): Promise<void>
  /** Closes everything and reads a call log as it is on disk. */
  readLog(address: string): Promise<CallLogEntry[]>
}

/** A host with oracles, and a client of it, in this process. */
async function open(t: Test, oracles: Oracles): Promise<Opened> {
  const dir = await tempDir(t)
  const bootstrap = await localNetwork(t)
  const hostDir = path.join(dir, 'host')
  shareVm(t)
  const start = async () => {
    const host = await Host.open({ dir: hostDir, bootstrap, engines: 1, oracles })
    t.teardown(() => host.close(), { order: 2 })
    return host
  }
  const host = await start()
  const reopen = async () => void (await start())
  const openClient = async (identity: string) => {
    const client = await Client.open({ dir: path.join(dir, 'users'), bootstrap, identity })
    t.teardown(() => client.close(), { order: 1 })
    return client
  }
  const client = await openClient('alice')
  const readLog = async (address: string) => {
    await host.close()
    const store = await openStore(path.join(hostDir, 'store'))
    try {
      const core = store.get({ key: decodeId(address) })
      await core.ready()
      const entries: CallLogEntry[] = []
      for (let i = 0; i < core.length; i++) {
        const block = await core.get(i)
        if (block !== null) entries.push(decodeEntry(block))
      }
      return entries
    } finally {
      await store.close()
    }
  }
  return { host, client, openClient, reopen, readLog }
}

/** Lets time pass for everything in this process, until the end of the test. */
function pass(t: Test, ms: number): void {
  const { now } = Date
  const later = now() + ms
  const started = performance.now()
  Date.now = () => later + Math.floor(performance.now() - started)
  t.teardown(() => {
    Date.now = now
  })
}

function winnerOf(bet: unknown): { price: unknown; winner: unknown } {
  if (typeof bet !== 'object' || bet === null || !('price' in bet) || !('winner' in bet)) {
    throw new Error('no bet')
  }
  return { price: bet.price, winner: bet.winner }
}
