// Popular libraries in contracts, in the real VM: each does what it does in Node.
import { createHash, createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { copyFile, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv } from 'ajv'
import standalone from 'ajv/dist/standalone/index.js'
import test, { type Test } from 'brittle'
import { type Bundle, bundle, deploy, type TestInstance } from 'mivm/testing'
import { LIMITS } from '../src/protocol/limits.ts'
import { acquireVm } from '../src/testing/shared-vm.ts'
import { Supervisor } from '../src/vm/supervisor.ts'
import { tempDir } from './helpers.ts'

// what a call may take is a time of the clock: it is for calls that never end, and none of these shall on a busy machine
const PATIENCE = 10
const { open: openVm } = Supervisor
Supervisor.open = (id, options) => openVm.call(Supervisor, id, { ...options, patience: PATIENCE })

// from one test to the next: to bundle what is deployed takes longer than it is kept
const held = acquireVm()

const LIBRARIES = fileURLToPath(new URL('./bundles/libraries/', import.meta.url))

interface Deployed {
  readonly contract: Bundle
  readonly instance: TestInstance
  readonly call: (method: string, ...args: unknown[]) => Promise<unknown>
}

async function open(t: Test, file: string, dir = LIBRARIES): Promise<Deployed> {
  const contract = await bundle(path.join(dir, file))
  const instance = await deploy(contract)
  t.teardown(() => instance.close())
  t.comment(`${file}: ${contract.source.length} bytes, ${instance.fuel} fuel to load`)
  t.ok(instance.fuel < LIMITS.fuel / 10, 'most of the fuel is left to the call')
  return { contract, instance, call: (method, ...args) => instance.call('alice', method, args) }
}

test('libraries - lodash-es', async (t) => {
  const { instance, call, contract } = await open(t, 'lodash.mjs')
  const ann = { name: 'ann', age: 30, address: { city: 'Ulm' } }
  const bob = { name: 'bob', age: 40, address: { city: 'Ulm' } }
  t.is(await call('add', ann), true)
  t.is(await call('add', bob), true)
  t.is(await call('add', { name: 'cem', age: 30, address: { city: 'Rom' } }), true)
  t.alike(await call('byCity'), { Ulm: ['bob', 'ann'], Rom: ['cem'] })
  await call('change', 'ann', { address: { city: 'Rom', street: 'Via' } })
  t.alike(instance.variables['people'], [
    bob,
    { ...ann, address: { city: 'Rom', street: 'Via' } },
    { name: 'cem', age: 30, address: { city: 'Rom' } }
  ])
  await t.exception(call('late'), /setTimeout/)
  await t.exception(call('text'), /code from strings/)
  t.ok(contract.warnings.some((line) => /setTimeout is not there.*debounce/.test(line)))
  t.ok(contract.warnings.some((line) => /template\.js:\d+:\d+: code from strings/.test(line)))
})

test('libraries - zod', async (t) => {
  const { instance, call } = await open(t, 'zod.ts')
  const order = {
    id: 1,
    mail: 'ann@example.org',
    items: [{ name: 'tea', price: 250n }],
    kind: { type: 'post', code: '12345' }
  }
  t.is(await call('order', order), 1)
  t.alike(instance.variables['orders'], [{ ...order, note: 'none' }], 'in the order of the schema')
  t.alike(
    await call('problems', { ...order, id: -1, mail: 'ann', kind: { type: 'post', code: 'x' } }),
    [
      'id: Too small: expected number to be >0',
      'mail: Invalid email address',
      'kind.code: Invalid string: must match pattern /^\\d{5}$/'
    ]
  )
  await t.exception(call('order', { id: 'one' }), { name: 'ZodError' })
  t.is(instance.variables['orders']?.['length' as never], 1)
  const { properties } = (await call('schema')) as { properties: object }
  t.alike(Object.keys(properties), ['id', 'mail', 'items', 'note', 'kind'])
})

test('libraries - zod/mini', async (t) => {
  const { call } = await open(t, 'zod-mini.ts')
  t.alike(await call('parse', { x: 1 }), { x: 1 })
  await t.exception(call('parse', { x: '1' }), { name: '$ZodError' })
})

test('libraries - ajv, as code that is made before deployment', async (t) => {
  const dir = await tempDir(t)
  await symlink(
    fileURLToPath(new URL('../node_modules', import.meta.url)),
    path.join(dir, 'node_modules')
  )
  const ajv = new Ajv({ code: { source: true, esm: true }, allErrors: true })
  ajv.addSchema(
    {
      type: 'object',
      properties: {
        name: { type: 'string', minLength: 2 },
        count: { type: 'integer', minimum: 1 }
      },
      required: ['name', 'count'],
      additionalProperties: false
    },
    'order'
  )
  const code = standalone.default(ajv, { validateOrder: 'order' })
  await writeFile(path.join(dir, 'order-validator.mjs'), code)
  const source = path.join(LIBRARIES, 'ajv.mjs')
  await copyFile(source, path.join(dir, 'app.mjs'))
  const { call, contract } = await open(t, 'app.mjs', dir)
  t.is(await call('order', { name: 'tea', count: 2 }), 1)
  await t.exception(
    call('order', { name: '😀', count: 0 }),
    /\/name must NOT have fewer than 2 characters, \/count must be >= 1/
  )
  await t.exception(call('order', { name: 'tea' }), /must have required property 'count'/)
  t.is(await call('order', { name: 'tea', count: 1 }), 2)
  t.alike(contract.warnings, [])
})

test('libraries - ajv that compiles in the contract says so before it is deployed', async (t) => {
  const { call, contract } = await open(t, 'ajv-compiling.mjs')
  t.ok(contract.warnings.some((line) => /code from strings is not there/.test(line)))
  await t.exception(call('check', 'x'), { name: 'EvalError' })
})

test('libraries - big.js', async (t) => {
  const { instance, call } = await open(t, 'big.mjs')
  t.is(await call('deposit', '0.1'), '0.1')
  t.is(await call('deposit', '0.2'), '0.3')
  t.is(await call('deposit', '12345678901234567890.000000001'), '12345678901234567890.300000001')
  t.alike(instance.variables, { balance: '12345678901234567890.300000001' })
  const cents = (12345678901234567890300000001n * 1025n ** 10n * 100n) / 10n ** 39n
  t.is(await call('interest', '2.5', 10), `${cents / 100n}.${cents % 100n}`)
  t.is(await call('root', 50), '1.41421356237309504880168872420969807856967187537695')
})

test('libraries - nanoid, with random numbers that an auditor gets too', async (t) => {
  const { instance, call } = await open(t, 'nanoid.ts')
  const [first, second] = [await call('draw'), await call('draw')]
  const all = instance.variables['ids']
  t.alike(all, [first, second].flat())
  t.ok(Array.isArray(all) && all.every((id) => /^[\w-]{21}$/.test(String(id))))
  t.is(new Set(Array.isArray(all) ? all : []).size, 4)
  const again = await open(t, 'nanoid.ts')
  t.alike([await again.call('draw'), await again.call('draw')], [first, second])
})

test('libraries - marked', async (t) => {
  const { marked } = await import('marked')
  const { instance, call } = await open(t, 'marked.ts')
  const text = [
    '# Title *with* `code`',
    '',
    '1. one\n2. two\n   - [x] done\n   - [link](https://example.org "title")',
    '',
    '| a | b |\n|---|--:|\n| 1 | **2** |',
    '',
    '```js\nconst x = "<&>"\n```',
    '',
    '> quoted <b>html</b>, https://example.org and ~~struck~~\n\n[ref]: /url\n\n![alt][ref]'
  ].join('\n')
  const html = await marked.parse(text, { gfm: true })
  t.is(await call('publish', 'page', text), html)
  t.alike(await instance.files(), { '/page.html': html })
  t.alike(
    await call('tokens', text),
    marked.lexer(text).map(({ type }) => type)
  )
})

test('libraries - acorn', async (t) => {
  const { call } = await open(t, 'acorn.ts')
  const source =
    'function a() { return /x/u }\nclass Ä extends a { #p = 1n }\nimport { b } from "c"; `t`'
  t.alike(await call('names', source), ['a', 'Ä', 'ImportDeclaration', 'ExpressionStatement'])
  t.is(await call('count', 'let x = y ?? 1'), 6)
  t.is(await call('failure', 'let 1'), 'Unexpected token (1:4)')
})

test('libraries - immer', async (t) => {
  const { instance, call } = await open(t, 'immer.ts')
  t.is(await call('add', 'write'), 1)
  t.is(await call('add', 'test'), 2)
  t.is(await call('finish', 'test'), true)
  const done = (flags: boolean[]) => ({
    cards: ['write', 'test'].map((title, i) => ({ title, done: flags[i] }))
  })
  t.alike(instance.variables['board'], done([false, true]))
  await call('revert')
  t.alike(instance.variables, { board: done([false, false]), undo: [] })
  t.alike(await call('tally', ['a', 'b', 'a']), [
    ['a', 2],
    ['b', 1]
  ])
  t.alike(await call('drafts'), [true, true, false], 'instances of classes are values')
})

test('libraries - fast-json-patch', async (t) => {
  const { instance, call } = await open(t, 'json-patch.ts')
  await call('patch', [
    { op: 'add', path: '/title', value: 'one' },
    { op: 'add', path: '/tags/-', value: 'x' },
    { op: 'copy', from: '/title', path: '/tags/0' }
  ])
  t.alike(instance.variables, { document: { tags: ['one', 'x'], title: 'one' } })
  await t.exception(call('patch', [{ op: 'remove', path: '/nothing' }]), {
    code: 'OPERATION_PATH_UNRESOLVABLE'
  })
  t.alike(await call('difference', { tags: ['one'] }), [
    { op: 'remove', path: '/title' },
    { op: 'remove', path: '/tags/1' }
  ])
})

test('libraries - @noble/hashes', async (t) => {
  const { instance, call } = await open(t, 'hashes.ts')
  const text = 'Grüße 😀 '.repeat(20)
  const digest = (name: string) => createHash(name).update(text).digest('hex')
  const found = (await call('digest', text)) as { [name: string]: string }
  t.is(found['sha256'], digest('sha256'))
  t.is(found['sha512'], digest('sha512'))
  t.is(found['blake2b'], digest('blake2b512'))
  t.is(found['hmac'], createHmac('sha256', 'key').update(text).digest('hex'))
  t.is(((await call('digest', '')) as { [name: string]: string })['keccak256'], KECCAK_OF_NOTHING)
  const zeros = createHash('sha256').update(Buffer.alloc(20_000)).digest()
  t.alike(await call('root', 20_000), new Uint8Array(zeros))
  t.comment(`sha256 of 20,000 bytes: ${instance.fuel} fuel`)
})

/** Of the Keccak submission, https://keccak.team: what Ethereum names the hash of empty code. */
const KECCAK_OF_NOTHING = 'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'

test('libraries - @noble/curves', async (t) => {
  const { instance, call } = await open(t, 'curves.ts')
  const secret = randomBytes(32)
  const key = await call('publicKey', new Uint8Array(secret))
  t.comment(`an Ed25519 key: ${instance.fuel} fuel`)
  const signature = await call('sign', 'Hello world', new Uint8Array(secret))
  t.comment(`an Ed25519 signature: ${instance.fuel} fuel`)
  t.is(await call('verify', signature, 'Hello world', key), true)
  t.comment(`its verification: ${instance.fuel} fuel`)
  t.is(await call('verify', signature, 'Hello World', key), false)
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
  const point = Buffer.concat([
    Buffer.of(4),
    Buffer.from(x, 'base64url'),
    Buffer.from(y, 'base64url')
  ])
  const bytes = new TextEncoder().encode('Hello world')
  const theirs = sign('sha256', bytes, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  const args = [new Uint8Array(theirs), bytes, new Uint8Array(point)]
  t.is(await call('verifySecp256k1', ...args), true)
  t.comment(`a verification on secp256k1: ${instance.fuel} fuel`)
})

test.hook('libraries - the VM of these tests closes', async (t) => {
  await t.execution((await held).release())
})
