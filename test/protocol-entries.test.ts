import b4a from 'b4a'
import test from 'brittle'
import {
  type CallLogEntry,
  decodeEntry,
  decodeUserEntry,
  encodeEntry,
  encodeUserEntry,
  type Genesis,
  isTooMuch,
  limitsOf,
  type ThrownEntry,
  type UserLogEntry
} from '../src/protocol/entries.ts'
import { MivmError } from '../src/protocol/errors.ts'
import type { Head } from '../src/protocol/head.ts'
import { ERROR_TEXT_MAX, LIMITS, ORACLE_ANSWER_MAX } from '../src/protocol/limits.ts'
import { Random } from './random.ts'
import { inHex } from './same.ts'

test('protocol entries - every entry is read as it was written', (t) => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  for (let i = 0; i < 2000; i++) {
    const entry = randomEntry(random)
    const block = encodeEntry(entry)
    t.alike(inHex(decodeEntry(block)), inHex(entry))
    t.alike(encodeEntry(decodeEntry(block)), block)
    const userEntry = randomUserEntry(random)
    const userBlock = encodeUserEntry(userEntry)
    t.alike(inHex(decodeUserEntry(userBlock)), inHex(userEntry))
    t.alike(encodeUserEntry(decodeUserEntry(userBlock)), userBlock)
  }
})

test('protocol entries - a block with one byte changed is refused or is another entry', (t) => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  const counts = { refused: 0, other: 0 }
  for (let i = 0; i < 60; i++) {
    tamper(t, random, encodeEntry(randomEntry(random)), counts, (block) =>
      encodeEntry(decodeEntry(block))
    )
    const userBlock = encodeUserEntry(randomUserEntry(random))
    tamper(t, random, userBlock, counts, (block) => encodeUserEntry(decodeUserEntry(block)))
  }
  t.ok(counts.refused > 0 && counts.other > 0, `${counts.refused} refused, ${counts.other} others`)
})

test('protocol entries - an oracle has a largest answer, in bytes, and code units of an error, and a call so many questions', (t) => {
  const answer = { type: 'oracle-answer', ack: 2, index: 0, value: null, error: null } as const
  t.absent(isTooMuch(answer))
  const request = { type: 'oracle-request', ack: 2, index: 249, name: '', args: '[]' } as const
  t.absent(isTooMuch(request))
  t.ok(isTooMuch({ ...request, index: 250 }))
  t.absent(isTooMuch({ ...answer, value: 'x'.repeat(ORACLE_ANSWER_MAX) }))
  t.ok(isTooMuch({ ...answer, value: `é${'x'.repeat(ORACLE_ANSWER_MAX - 1)}` }))
  const error = { name: '', message: 'é'.repeat(ERROR_TEXT_MAX), code: null }
  t.absent(isTooMuch({ ...answer, error }))
  for (const field of ['name', 'message', 'code']) {
    t.ok(isTooMuch({ ...answer, error: { ...error, [field]: 'x'.repeat(ERROR_TEXT_MAX + 1) } }))
  }
})

test('protocol entries - random bytes are refused as malformed', (t) => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  let refused = 0
  for (let i = 0; i < 20_000; i++) {
    const block = random.bytes(random.below(60))
    if (block.byteLength > 0 && random.chance(0.9)) block[0] = 1
    if (block.byteLength > 1 && random.chance(0.9)) block[1] = random.below(8)
    for (const again of [
      () => encodeEntry(decodeEntry(block)),
      () => encodeUserEntry(decodeUserEntry(block))
    ]) {
      try {
        if (!b4a.equals(again(), block)) return t.fail(b4a.toString(block, 'hex'))
      } catch (error) {
        if (!isRefusal(error)) return t.fail(`${b4a.toString(block, 'hex')}: ${error}`)
        refused++
      }
    }
  }
  t.ok(refused > 10_000, `${refused} refused`)
})

test('protocol entries - what cannot be written as it is, is not written', async (t) => {
  const refused = { code: 'VALUE_UNSUPPORTED' }
  const call = { type: 'call', method: 'a', args: '[]', head: null } as const
  await t.exception(() => encodeUserEntry({ ...call, method: '\ud800' }), refused)
  const request = { type: 'oracle-request', ack: 5, index: 0, name: 'a', args: '[]' } as const
  for (const ack of [-1, 0.5, Number.NaN, 2 ** 53]) {
    await t.exception(() => encodeEntry({ ...request, ack }), refused)
  }
  const error = { name: 'Error', message: 'cut in \ud83c', code: null }
  const answer = { type: 'oracle-answer', ack: 5, index: 0, value: null, error } as const
  await t.exception(() => encodeEntry(answer), refused)
})

test('protocol entries - a genesis lowers limits and raises none', async (t) => {
  const genesis = randomGenesis(new Random(1))
  t.alike(limitsOf({ ...genesis, limits: {} }), LIMITS)
  t.alike(limitsOf({ ...genesis, limits: { fuel: 0, args: 10 } }), { ...LIMITS, args: 10 })
  t.alike(limitsOf({ ...genesis, limits: { path: LIMITS.path } }), LIMITS)
  await t.exception(() => limitsOf({ ...genesis, limits: { path: LIMITS.path + 1 } }), {
    code: 'LIMIT_INVALID'
  })
})

function tamper(
  t: { fail(message: string): void },
  random: Random,
  block: Uint8Array,
  counts: { refused: number; other: number },
  again: (block: Uint8Array) => Uint8Array
): void {
  for (let at = 0; at < block.byteLength; at++) {
    for (const mask of [1, 0x80, 1 + random.below(255)]) {
      const changed = b4a.from(block)
      changed[at] = (changed[at] ?? 0) ^ mask
      try {
        if (b4a.equals(again(changed), changed)) counts.other++
        else t.fail(`has a second form: ${b4a.toString(changed, 'hex')}`)
      } catch (error) {
        if (!isRefusal(error)) t.fail(`${error}: ${b4a.toString(changed, 'hex')}`)
        counts.refused++
      }
    }
  }
}

function isRefusal(error: unknown): boolean {
  return (
    error instanceof MivmError &&
    (error.code === 'ENTRY_MALFORMED' || error.code === 'ENTRY_VERSION')
  )
}

function randomEntry(random: Random): CallLogEntry {
  const types = [
    'genesis',
    'code',
    'ack',
    'result',
    'oracle-request',
    'oracle-answer',
    'commit'
  ] as const
  const type = random.pick(types)
  switch (type) {
    case 'genesis':
      return randomGenesis(random)
    case 'code':
      return { type, source: random.text(300) }
    case 'ack':
      return {
        type,
        seq: random.uint(),
        user: random.bytes(32),
        entry: random.uint(),
        call: random.bytes(random.below(300)),
        time: random.uint(),
        previous: random.chance(0.5) ? 0 : random.uint()
      }
    case 'result':
      return randomResult(random)
    case 'oracle-request': {
      const [ack, index, name, args] = [
        random.uint(),
        random.uint(),
        random.text(9),
        random.text(9)
      ]
      return { type, ack, index, name, args }
    }
    case 'oracle-answer': {
      const failed = random.chance(0.5)
      const value = failed || random.chance(0.2) ? null : `v${random.text(9)}`
      const error = failed ? randomThrown(random) : null
      return { type, ack: random.uint(), index: random.uint(), value, error }
    }
    case 'commit': {
      const version = () => ({ length: random.uint(), treeHash: random.bytes(32) })
      const heads = Array.from({ length: random.below(4) }, () => ({
        ...version(),
        signature: b4a.concat([b4a.from([1, 0]), random.bytes(64), b4a.alloc(2)])
      }))
      return { type, archive: version(), blobs: version(), heads }
    }
  }
}

function randomGenesis(random: Random): Genesis {
  const limits: { [name: string]: number } = {}
  for (const name of Object.keys(LIMITS)) limits[name] = random.chance(0.3) ? random.uint() : 0
  return {
    type: 'genesis',
    vm: random.text(8),
    host: random.bytes(32),
    deployer: random.bytes(32),
    salt: random.bytes(32),
    codeHash: random.bytes(32),
    limits
  }
}

function randomResult(random: Random): CallLogEntry {
  const outcome = random.pick(['ok', 'error', 'abort'])
  const ok = outcome === 'ok'
  return {
    type: 'result',
    ack: random.uint(),
    outcome,
    value: ok && random.chance(0.8) ? `v${random.text(40)}` : null,
    error: ok ? null : randomThrown(random),
    fuel: random.uint(),
    writes: random.bytes(32)
  }
}

function randomThrown(random: Random): ThrownEntry {
  const code = random.chance(0.5) ? null : `E${random.text(5)}`
  return { name: random.text(9), message: random.text(70), code }
}

function randomUserEntry(random: Random): UserLogEntry {
  if (random.chance(0.5)) {
    const head = random.chance(0.5) ? null : randomHead(random)
    return { type: 'call', method: random.text(9), args: random.text(300), head }
  }
  const answers = Array.from({ length: random.below(4) }, () => ({
    entry: random.uint(),
    index: random.uint(),
    result: random.bytes(random.below(80))
  }))
  return { type: 'ack', answers, head: randomHead(random) }
}

function randomHead(random: Random): Head {
  return {
    length: random.uint(),
    fork: random.uint(),
    treeHash: random.bytes(32),
    signature: random.bytes(random.below(70))
  }
}
