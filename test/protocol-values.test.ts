import test from 'brittle'
import { decodeValue, encodeArgs, encodeValue, type Value } from '../src/protocol/values.ts'
import { Random } from './random.ts'
import { sameValue } from './same.ts'

test('protocol values - what is encoded is decoded to the same, and to nothing else', (t) => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  for (let i = 0; i < 3000; i++) {
    const value = randomValue(random, 5)
    const text = encodeValue(value)
    const again = decodeValue(text)
    if (!sameValue(again, value)) return t.fail(`not the same: ${text}`)
    if (encodeValue(again) !== text) return t.fail(`not the same text: ${text}`)
  }
  t.pass()
})

test('protocol values - plain JSON is its own text form', (t) => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  for (let i = 0; i < 500; i++) {
    const value = randomValue(random, 4, true)
    t.is(encodeValue(value), JSON.stringify(value))
  }
})

test('protocol values - a text that was changed is refused or is another value', (t) => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  let refused = 0
  for (let i = 0; i < 3000; i++) {
    const text = encodeValue(randomValue(random, 3))
    const at = random.below(text.length)
    const changed = text.slice(0, at) + random.text(1) + text.slice(at + 1)
    try {
      const value = decodeValue(changed)
      if (!sameValue(decodeValue(encodeValue(value)), value)) return t.fail(changed)
    } catch (error) {
      if (!isRefusal(error)) return t.fail(`${changed}: ${error}`)
      refused++
    }
  }
  t.ok(refused > 100, `${refused} refused`)
})

test('protocol values - random text is refused or is a value', (t) => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  const tokens = [
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '"',
    '"a"',
    '"$bytes"',
    '"$',
    '1',
    '-',
    'e',
    'null'
  ] as const
  let refused = 0
  for (let i = 0; i < 3000; i++) {
    let text = ''
    for (let n = random.below(8); n >= 0; n--) text += random.pick(tokens)
    try {
      encodeValue(decodeValue(text))
    } catch (error) {
      if (!isRefusal(error)) return t.fail(`${text}: ${error}`)
      refused++
    }
  }
  t.ok(refused > 100, `${refused} refused`)
})

test('protocol values - a Buffer comes back as a Uint8Array', (t) => {
  const bytes = decodeValue(encodeValue(Buffer.from('abc')))
  t.ok(bytes instanceof Uint8Array && bytes.constructor === Uint8Array)
  t.alike(bytes, Uint8Array.of(97, 98, 99))
})

test('protocol values - a key may be __proto__ and sets no prototype', (t) => {
  const value = decodeValue('{"__proto__":{"admin":true}}')
  t.ok(value !== null && typeof value === 'object')
  if (value === null || typeof value !== 'object') return
  t.is(Object.getPrototypeOf(value), Object.prototype)
  t.ok(Object.hasOwn(value, '__proto__'))
  t.absent('admin' in value)
  t.is(encodeValue(value), '{"__proto__":{"admin":true}}')
})

test('protocol values - arguments are named by their index', async (t) => {
  t.is(encodeArgs([]), '[]')
  t.is(encodeArgs([1, 'a']), '[1,"a"]')
  await t.exception(() => encodeArgs([1, () => 1]), /arguments\[1\]: a function is not a value/)
})

test('protocol values - no code of the value is run', async (t) => {
  let ran = false
  const trap = () => {
    ran = true
    return 1
  }
  await t.exception(() =>
    encodeValue(Object.defineProperty({}, 'a', { get: trap, enumerable: true }))
  )
  await t.exception(() => encodeValue({ toJSON: trap }))
  t.is(encodeValue(Object.defineProperty({ b: 1 }, 'a', { get: trap })), '{"b":1}')
  t.absent(ran)
})

test('protocol values - what cannot even be looked at is refused by its path', async (t) => {
  const gone = new Uint8Array([1])
  structuredClone(gone, { transfer: [gone.buffer] })
  const revoked = Proxy.revocable({}, {})
  revoked.revoke()
  const throwing = new Proxy([], {
    ownKeys: () => {
      throw new TypeError('not for you')
    }
  })
  for (const value of [gone, revoked.proxy, throwing]) {
    const refusal = /value\.a\[1\]: what cannot be read is not a value/
    await t.exception(() => encodeValue({ a: [0, value] }), refusal)
  }
})

function randomValue(random: Random, depth: number, plain = false): Value {
  const kinds = ['null', 'boolean', 'number', 'text', 'array', 'object'] as const
  const more = [...kinds, 'bytes', 'bigint', 'zero'] as const
  const kind = plain ? random.pick(kinds) : random.pick(more)
  switch (kind) {
    case 'null':
      return null
    case 'boolean':
      return random.chance(0.5)
    case 'number':
      return randomNumber(random)
    case 'zero':
      return -0
    case 'text':
      return random.text(10)
    case 'bytes':
      return random.bytes(random.below(20))
    case 'bigint':
      return (
        BigInt(`0x${Buffer.from(random.bytes(9)).toString('hex')}`) *
        (random.chance(0.5) ? 1n : -1n)
      )
    case 'array':
      return Array.from({ length: depth === 0 ? 0 : random.below(4) }, () =>
        randomValue(random, depth - 1, plain)
      )
    case 'object':
      return randomRecord(random, depth, plain)
  }
}

function randomRecord(random: Random, depth: number, plain: boolean): Value {
  const names = ['a', 'b', '1', '10', '__proto__', ''] as const
  const dollars = ['$', '$bytes', '$bigint', '$$', '$$bytes'] as const
  const record: { [key: string]: Value } = {}
  for (let i = depth === 0 ? 0 : random.below(4); i > 0; i--) {
    const key =
      plain || random.chance(0.7) ? random.pick([...names, random.text(4)]) : random.pick(dollars)
    Object.defineProperty(record, plain ? key.replace(/^\$+/, '') : key, {
      value: randomValue(random, depth - 1, plain),
      enumerable: true,
      writable: true,
      configurable: true
    })
  }
  return record
}

function randomNumber(random: Random): number {
  if (random.chance(0.5)) return random.uint()
  const number = new DataView(random.bytes(8).buffer).getFloat64(0)
  return Number.isFinite(number) && number !== 0 ? number : 0
}

function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  return error.code === 'VALUE_MALFORMED' || error.code === 'VALUE_TOO_DEEP'
}
