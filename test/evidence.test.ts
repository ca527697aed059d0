import b4a from 'b4a'
import test from 'brittle'
import c from 'compact-encoding'
import { armor } from '../src/protocol/envelope.ts'
import type { EvidenceParts } from '../src/protocol/evidence.ts'
import { RULES } from '../src/protocol/evidence-rules.ts'
import { BLOCK_MAX } from '../src/protocol/limits.ts'
import { getEncoding } from '../src/protocol/schema/index.js'
import { closeVm, run, Writer } from './audit-writer.ts'
import { CASES, evidenceOf } from './evidence-cases.ts'
import { headAt, proofOf, proven } from './evidence-parts.ts'
import { Random } from './random.ts'

const MAGIC = b4a.from('mivm/evidence/1\n')

for (const [code] of CASES) {
  test(`evidence - of ${code} holds, as text as well, and with no byte changed`, async (t) => {
    const random = new Random()
    t.comment(`seed ${random.seed}`)
    const bytes = await evidenceOf(t, code)
    t.is((await proven(bytes))?.code, code)
    t.is((await proven(armor(bytes).replace(/^/gm, '> ')))?.code, code)
    for (let at = 0; at < bytes.byteLength; at++) {
      const changed = b4a.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8))
      if ((await proven(changed)) !== null) t.fail(`byte ${at} of ${bytes.byteLength} changed`)
    }
    for (let length = 0; length < bytes.byteLength; length += 1 + random.below(20)) {
      if ((await proven(bytes.subarray(0, length))) !== null) t.fail(`${length} bytes hold`)
    }
    t.is(await proven(b4a.concat([bytes, b4a.alloc(1)])), null)
    t.pass(`${bytes.byteLength} bytes`)
  })
}

test('evidence - says who has signed what, and why no honest host can have', async (t) => {
  const says = await proven(await evidenceOf(t, 'RESULT_WRONG'))
  t.is(says?.class, 'R')
  t.is(says?.seq, 3)
  t.alike(says?.differences, [{ what: 'value', logged: '99', replayed: '2' }])
  t.ok(says?.why.endsWith('the state that the host has committed in block 7'), says?.why)
  t.ok(says?.signed[0]?.startsWith('the host has signed a head of the call log: '))
  const altered = await proven(await evidenceOf(t, 'CALL_ALTERED'))
  t.is(altered?.class, 'P')
  t.is(altered?.signed.length, 2, 'by the host and by the user')
})

test('evidence - of what is long it shows the part in which the two sides differ', async (t) => {
  const writer = await Writer.deploy(t)
  const text = 'x'.repeat(1000)
  await writer.commit([await writer.call(1, 'add', [text])])
  const other = JSON.stringify(`${text.slice(0, 500)}y${text.slice(501)}`)
  await writer.commit([await writer.call(0, 'read', [1])], {
    entries: (all) => all.map((it) => (it.type === 'result' ? { ...it, value: other } : it))
  })
  const { findings, evidence } = await run(t, writer)
  const says = await proven(evidence[0] ?? b4a.alloc(0))
  for (const differences of [findings[0]?.differences, says?.differences]) {
    const [{ what = '', logged = '', replayed = '' } = {}] = differences ?? []
    t.is(what, 'value')
    t.ok(/^…x+yx+…$/.test(logged), logged)
    t.ok(/^…x+…$/.test(replayed), replayed)
    t.ok(logged.length < 300)
  }
})

test('evidence - with another code, or with a part of another evidence, fails', async (t) => {
  const pieces: [string, Fields][] = []
  for (const [code] of CASES) pieces.push([code, decode(await evidenceOf(t, code))])
  let held = 0
  for (const [code, fields] of pieces) {
    for (const other of [...Object.keys(RULES), 'RESULT_WRONG', 'COMMIT_WRONG', 'NONE']) {
      if (other === code) continue
      if ((await proven(encode({ ...fields, code: other }))) === null) continue
      t.fail(`${code} holds as ${other}`)
    }
    for (const [name, others] of pieces) {
      for (const field of ['genesis', 'heads', 'callLog', 'userLog', 'state'] as const) {
        const mixed = { ...fields, [field]: others[field] }
        if (b4a.equals(encode(mixed), encode(fields))) continue
        // both are of one host and one genesis: what is mixed may well be true, but then it is another's own
        const evidence = await proven(encode(mixed))
        if (evidence === null) continue
        held++
        if (evidence.code !== code) t.fail(`${code} with ${field} of ${name}`)
      }
    }
  }
  t.pass(`${held} of them hold, of the same cheat in another history`)
})

test('evidence - with a block or a part that its code does not name is refused', async (t) => {
  const writer = await Writer.deploy(t, { code: 'exports.init = () => {}' })
  const { log, keyPair } = writer
  const head = await headAt(log, keyPair)
  const genesis = (await log.get(0)) ?? b4a.alloc(0)
  const none = { genesis, heads: [], userLog: null, state: null, otherLog: null }
  const other = async (shown: readonly number[]) => {
    return encode({ ...none, code: 'CODE_WRONG', callLog: await proofOf(log, head, shown) })
  }
  t.is((await proven(await other([1])))?.code, 'CODE_WRONG')
  t.is((await proven(await other([1, 2])))?.code, undefined)
  const replayed = decode(await evidenceOf(t, 'RESULT_WRONG'))
  t.is((await proven(encode({ ...replayed, otherLog: replayed.callLog })))?.code, undefined)
})

test('evidence - a block of another version than genesis is no entry, however large it is', async (t) => {
  for (const size of [3, BLOCK_MAX + 1]) {
    const { log, keyPair } = await Writer.deploy(t)
    await log.append(b4a.alloc(size, 2))
    const genesis = (await log.get(0)) ?? b4a.alloc(0)
    const callLog = await proofOf(log, await headAt(log, keyPair), [log.length - 1])
    const right = size === 3 ? 'ENTRY_MALFORMED' : 'ENTRY_TOO_LARGE'
    const parts = { genesis, heads: [], userLog: null, state: null, otherLog: null }
    for (const code of ['ENTRY_TOO_LARGE', 'ENTRY_MALFORMED', 'ENTRY_UNEXPECTED']) {
      const evidence = await proven(encode({ ...parts, code, callLog }))
      t.is(evidence?.code, code === right ? code : undefined, `${code}, ${size} bytes`)
    }
    const codes: string[] = []
    const newer = b4a.from(genesis)
    newer[0] = 2
    await proven(encode({ ...parts, genesis: newer, code: right, callLog }), codes)
    t.alike(codes, ['ENTRY_VERSION'], 'whose genesis is of a newer version')
  }
})

test('evidence - of an unknown violation, a newer version or a receipt is refused', async (t) => {
  const bytes = await evidenceOf(t, 'CALL_REPEATED')
  const codes: string[] = []
  await proven(b4a.concat([b4a.from('mivm/evidence/2\n'), bytes.subarray(MAGIC.byteLength)]), codes)
  await proven(encode({ ...decode(bytes), code: 'CALL_UNHEARD_OF' }), codes)
  await proven(b4a.concat([b4a.from('mivm/receipt/1\n'), bytes.subarray(MAGIC.byteLength)]), codes)
  await proven(bytes.subarray(0, 300), codes)
  await proven(b4a.alloc(10), codes)
  t.alike(codes, [
    'PROOF_VERSION',
    'PROOF_INVALID',
    'PROOF_INVALID',
    'PROOF_DAMAGED',
    'PROOF_UNKNOWN'
  ])
})

test('evidence - random bytes fail', async (t) => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  for (let i = 0; i < 2000; i++) {
    if ((await proven(b4a.concat([MAGIC, random.bytes(random.below(300))]))) !== null) t.fail()
  }
  t.pass()
})

test.hook('evidence - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})

type Fields = Omit<EvidenceParts, 'code' | 'heads'> & { code: string; heads: readonly object[] }

function decode(bytes: Uint8Array): Fields {
  return c.decode(ENCODING, bytes.subarray(MAGIC.byteLength))
}

function encode(fields: Fields): Uint8Array {
  return b4a.concat([MAGIC, c.encode(ENCODING, fields)])
}

const ENCODING = getEncoding<Fields>('@mivm/evidence')
