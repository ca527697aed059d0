// Where the code of a deployed contract threw what a call ended with: in the author's own file.
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import test, { type Test } from 'brittle'
import { Client, Host, Oracles } from 'mivm'
import { type Bundle, bundle, verbatim } from '../src/bundle/bundle.ts'
import type { InstanceReplica } from '../src/client/instance-replica.ts'
import { readLogged } from '../src/client/logged-call.ts'
import { Replica } from '../src/client/replica.ts'
import { encodeEntry } from '../src/protocol/entries.ts'
import { callBy, contractOf, userKey } from '../src/testing/contract.ts'
import { locate } from '../src/testing/locate.ts'
import { MemoryFiles } from '../src/testing/memory-files.ts'
import { traceCall } from '../src/testing/trace.ts'
import { encodeResult, MALFORMED } from '../src/vm/record.ts'
import { openVm } from '../src/vm/registry.ts'
import type { Step } from '../src/vm/vm.ts'
import { Cli } from './cli.ts'
import { openNetwork } from './cli-network.ts'
import { tempDir } from './helpers.ts'
import { shareVm } from './lent-vm.ts'
import { localNetwork } from './local-network.ts'

const APP = `import { check, type Vote } from './rules.ts'

declare const oracle: { price(name: string): Promise<number> }
declare const state: { readFile(path: string): Promise<string>; writeFile(path: string, text: string): Promise<void> }

export let votes = 0

export async function vote(choice: string): Promise<number> {
  const vote: Vote = { choice, seen: await seen() }
  check(vote)
  await state.writeFile('/seen', vote.seen + choice)
  return ++votes
}

export async function buy(name: string, most: number) {
  const price = await oracle.price(name)
  if (price > most) throw Object.assign(new Error(\`it is \${price}\`), { code: 'TOO_DEAR' })
  return price
}

export function today() {
  return new Date()
}

async function seen(): Promise<string> {
  return state.readFile('/seen').catch(() => '')
}
`

const RULES = `export interface Vote {
  readonly choice: string
  readonly seen: string
}

/** Each may be voted for once. */
export function check({ choice, seen }: Vote): void {
  if (seen.includes(choice)) {
    throw new Error(\`\${choice} has its vote, of \${seen.length}\`)
  }
}
`

test('trace - of calls in one batch, behind what others wrote, and with the answers of oracles', async (t) => {
  const root = await tempDir(t)
  const file = await writeApp(root)
  let price = 10
  const oracles = new Oracles({ price: async () => price++ })
  const { host, client, follow } = await openScene(t, root, oracles)
  const contract = await bundle(file)
  const { link } = await client.deploy({ host: host.id, source: contract.source })
  const calls = ['vote a', 'vote b', 'vote a', 'buy x 10', 'buy x 10', 'vote c', 'vote c'].map(
    (line) => {
      const [method = '', name = '', most = '0'] = line.split(' ')
      return client.call(link, method, [name, Number(most)])
    }
  )
  await Promise.allSettled(calls)
  const trace = await follow(link)
  const told: string[] = []
  for (let seq = 2; seq <= 8; seq++) {
    const thrown = await trace(seq, contract).catch(({ code }) => code)
    const isThrown = typeof thrown === 'object'
    told.push(
      isThrown ? `${path.basename(thrown.place)} ${thrown.error.message}` : `${seq} ${thrown}`
    )
  }
  t.alike(told, [
    '2 USAGE',
    '3 USAGE',
    'rules.ts:9:5 a has its vote, of 2',
    '5 USAGE',
    'app.ts:17:21 it is 11',
    '7 USAGE',
    'rules.ts:9:5 c has its vote, of 3'
  ])
  t.is(price, 12, 'nobody is asked once more')
})

test('trace - of contracts that look at their address, say much or use much fuel', async (t) => {
  const { host, client, follow } = await openScene(t, await tempDir(t))
  // little enough for a busy machine to execute in time
  const limits = { fuel: 1_250_000 }
  const { link } = await client.deploy({ host: host.id, source: SPECIAL, limits })
  const methods = ['where', 'talk', 'again', 'work']
  for (const method of methods) await t.exception(client.call(link, method, []), /(at|no|it is)/)
  const trace = await follow(link)
  const told: string[] = []
  for (const [i, method] of methods.entries()) {
    const { place } = await trace(i + 2, null).catch(({ message }) => ({ place: String(message) }))
    const [, line] = /^contract\.js:(\d+):\d+$/.exec(place) ?? []
    told.push(SPECIAL.split('\n')[Number(line) - 1]?.split('// ')[1] ?? `${method}: ${place}`)
  }
  t.alike(told, ['WHERE', 'TALK', 'AGAIN', 'WORK'])
})

test('trace - names the callers that an error went through', async (t) => {
  shareVm(t)
  const vm = await openVm('js-1', { engines: 1 })
  t.teardown(() => vm.close())
  const source = `exports.plain = () => {
  outer(1) // plain 2
}
const outer = (x) => {
  if (x) inner() // plain 1
}
const inner = () => {
  throw new Error('no') // plain 0 looped 0 awaited 0 busy 0
}
exports.looped = () => {
  for (let i = 0; i < 20; i++) try { outer(1) } catch {}
  return [1].map(() => inner()) // looped 1 looped 2
}
exports.awaited = async () => {
  await middle() // awaited 3
}
const middle = async () => {
  await null
  return late() // awaited 2
}
const late = async () => {
  await null
  inner() // awaited 1
}
exports.busy = () => {
  for (let i = 0; i < 2000; i++) try { outer(1) } catch {}
  inner()
}
exports.endless = () => {
  ;[1].map(spin) // endless 1
}
const spin = () => {
  for (let i = 1; ; i++) if (i === 0) i = 2 // endless 0
}
exports.deep = (n = 100) => {
  if (n === 0) null.x
  exports.deep(n - 1)
}
`
  const placesOf = async (method: string) => {
    const located = await locate(vm, verbatim(source), {
      contract: contractOf(vm.id, source, userKey('deployer'), { fuel: 1_000_000 }),
      variables: [],
      calls: [callBy('bob', method, '[]', 2, Date.now())],
      base: new MemoryFiles(),
      onOracle: async () => ({ ok: true, value: null }) as const
    })
    return [located?.place, ...(located?.through ?? [])].map((place) => place?.split(':')[1])
  }
  for (const method of ['plain', 'looped', 'awaited', 'busy', 'endless']) {
    const expected: string[] = []
    for (const [i, line] of source.split('\n').entries()) {
      for (const [, n] of line.matchAll(new RegExp(`\\b${method} (\\d)`, 'g'))) {
        expected[Number(n)] = String(i + 1)
      }
    }
    t.alike(await placesOf(method), expected, method)
  }
  const deep = await placesOf('deep')
  t.is(deep.length, 21, 'the nearest of many')
  t.is(new Set(deep.slice(1)).size, 1)
})

test('trace - where no room is left for what notes the place', async (t) => {
  shareVm(t)
  const vm = await openVm('js-1', { engines: 1 })
  t.teardown(() => vm.close())
  const thrower = `exports.f = () => {
  let sum = 0
  for (let i = 0; i < 100; i++) if (i > 1) sum += i
  throw new Error('it is ' + sum) // HERE
}
`
  const long = `${thrower}exports.g = () => {\n${'  if (0) 1\n'.repeat(25_000)}}\n`
  for (const [what, source, limits] of [
    ['fuel', thrower, { fuel: 520 }],
    ['code', thrower, { code: thrower.length }],
    ['much code', long, {}]
  ] as const) {
    const batch = {
      contract: contractOf(vm.id, source, userKey('deployer'), limits),
      variables: [],
      calls: [callBy('bob', 'f', '[]', 2, Date.now())],
      base: new MemoryFiles(),
      onOracle: async () => ({ ok: true, value: null }) as const
    }
    const steps: Step[] = []
    await vm.run({ ...batch, onStep: (step) => steps.push(step) })
    const [step] = steps
    const outcome = step?.outcome
    t.is(
      outcome?.status === 'error' && outcome.error.message,
      'it is 4949',
      `${what}: ${step?.fuel}`
    )
    const located = await locate(vm, verbatim(source), batch)
    const place = 'contract.js:4:3'
    t.alike(located, { text: 'Error: it is 4949', place, through: [] }, what)
  }
})

test('trace - a batch that is made up to take all memory is not held in it', async (t) => {
  const key = Buffer.alloc(32, 1)
  const request = encodeEntry({ type: 'oracle-request', ack: 2, index: 0, name: 'x', args: '[]' })
  const value = JSON.stringify('x'.repeat(4 * 1024 * 1024))
  const answer = encodeEntry({ type: 'oracle-answer', ack: 2, index: 0, value, error: null })
  const blocks = [
    Buffer.alloc(0),
    encodeEntry({ type: 'code', source: 'exports.f = () => {}' }),
    encodeEntry({ type: 'ack', seq: 1, user: key, entry: 1, call: key, time: 1, previous: 0 })
  ]
  for (let i = 0; i < 200; i++) blocks.push(request, answer)
  blocks.push(encodeResult(2, MALFORMED))
  const log = {
    length: blocks.length,
    treeHash: async () => key,
    get: async (i: number) => blocks[i]
  }
  const instance: unknown = { callLog: async () => log }
  await t.exception(readLogged(instance as InstanceReplica, 1), /larger than/)
})

const SPECIAL = `exports.where = () => {
  throw new Error('at ' + env.address) // WHERE
}
exports.talk = () => {
  for (let i = 0; i < 1100; i++) console.log('line')
  throw new Error('at last') // TALK
}
exports.again = () => {
  const first = () => { throw new Error('no') } // CAUGHT
  try { first() } catch {}
  for (let i = 0; i < 1100; i++) console.log('line')
  throw new Error('no') // AGAIN
}
exports.work = () => {
  let sum = 0
  const add = (x) => { if (x) sum += x }
  for (let i = 0; i < 200_000; i++) add(i)
  throw new Error('it is ' + sum) // WORK
}
`

test('trace - on the command line', async (t) => {
  const root = await tempDir(t)
  const file = await writeApp(root)
  const { host, cli } = await openNetwork(t, root)
  const link = (await cli.run(['deploy', file, '--host', host.id, '--name', 'app'])).stdout.trim()
  await cli.run(['call', 'app', 'vote', 'a'])
  const failed = await cli.run(['call', 'app', 'vote', 'a'])
  t.is(failed.status, 1)
  await cli.run(['call', 'app', 'today'])
  const author = new Cli(path.join(root, 'author'), cli.bootstrap)
  const cwd = path.dirname(file)
  const { status, stdout, stderr } = await author.run(['trace', link, '3', 'app.ts'], {
    cwd,
    alone: true
  })
  t.is(status, 0, stderr)
  t.is(stdout, 'rules.ts:9:5: Error: a has its vote, of 1\n  from app.ts:10:3\n')
  const { objects } = await author.json(['trace', link, 'host+3'])
  const [summary] = objects
  t.is(objects.length, 1)
  t.ok(/^contract\.js:\d+:\d+$/.test(String(summary?.['place'])), JSON.stringify(summary))
  t.alike([summary?.['seq'], summary?.['method']], [3, 'vote'])
  const through = summary?.['through']
  t.ok(Array.isArray(through) && /^contract\.js:\d+:\d+$/.test(String(through)), String(through))
  await writeFile(file, `${APP}\nexport const more = () => 1\n`)
  for (const [words, expected, code] of [
    [['2'], 'mivm: USAGE: call 2 has not ended with an error', 64],
    [['4'], 'mivm: NOT_REPRODUCED: call 4 ended with ', 2],
    [['3', 'app.ts'], 'mivm: USAGE: what that file makes is not the contract', 64]
  ] as const) {
    const refused = await author.run(['trace', link, ...words], { cwd })
    t.is(refused.status, code, refused.stderr)
    t.ok(refused.stderr.startsWith(expected), refused.stderr)
    t.is(refused.stdout, '')
  }
})

/** A host and a client of it; `follow` gives what traces calls of an instance, as its author does. */
async function openScene(t: Test, root: string, oracles = new Oracles()) {
  const bootstrap = await localNetwork(t)
  shareVm(t)
  const host = await Host.open({ dir: path.join(root, 'host'), bootstrap, oracles })
  t.teardown(() => host.close(), { order: 2 })
  const client = await Client.open({ dir: path.join(root, 'client'), bootstrap })
  t.teardown(() => client.close(), { order: 1 })
  const follow = async (link: string) => {
    const vm = await openVm('js-1', { engines: 1 })
    t.teardown(() => vm.close(), { order: 0 })
    const replica = await Replica.open({ dir: path.join(root, 'author'), bootstrap })
    t.teardown(() => replica.close(), { order: 0 })
    const instance = await replica.follow(link)
    return (seq: number, contract: Bundle | null) =>
      traceCall(async () => vm, instance, seq, contract)
  }
  return { host, client, follow }
}

async function writeApp(root: string): Promise<string> {
  const dir = path.join(root, 'app')
  await mkdir(dir)
  await writeFile(path.join(dir, 'rules.ts'), RULES)
  await writeFile(path.join(dir, 'app.ts'), APP)
  return path.join(dir, 'app.ts')
}
