// UTF-8 and base64 in the realm of js-1, beside what Node makes of the same input.
import test, { type Test } from 'brittle'
import { deploy } from 'mivm/testing'
import { Random } from './random.ts'

const SOURCE = `
  exports.encode = (text) => new TextEncoder().encode(text)
  exports.encodeInto = (text, size) => {
    const bytes = new Uint8Array(size)
    return [new TextEncoder().encodeInto(text, bytes), bytes]
  }
  exports.decode = (bytes, options) => units(new TextDecoder('utf-8', options).decode(bytes))
  exports.stream = (parts) => {
    const decoder = new TextDecoder()
    return units(parts.map((part) => decoder.decode(part, { stream: true })).join('') + decoder.decode())
  }
  exports.views = (bytes) => [bytes.buffer, new DataView(bytes.buffer, 1), new Uint16Array(bytes.buffer)]
    .map((view) => new TextDecoder().decode(view))
  exports.atob = (text) => atob(text)
  exports.btoa = (text) => btoa(text)
  exports.shape = () => [
    new TextEncoder().encoding, new TextDecoder('UTF8 ').encoding, new TextDecoder().fatal,
    Object.isFrozen(TextEncoder.prototype), Object.keys(globalThis).includes('atob')]
  exports.label = () => new TextDecoder('latin1')
  // a string that UTF-8 cannot hold is no value
  const units = (text) => [...text].every((c) => c.isWellFormed()) ? text : 'ill-formed'
`

async function open(t: Test) {
  const instance = await deploy(SOURCE)
  t.teardown(() => instance.close())
  return (method: string, ...args: unknown[]) => instance.call('alice', method, args)
}

test('vm encodings - text becomes the bytes that Node makes of it, and back', async (t) => {
  const call = await open(t)
  const random = new Random(7)
  const texts = [
    '',
    'plain',
    'ä€😀',
    '\u0000\u007f\u0080\u07ff\u0800\uffff\u{10000}\u{10ffff}',
    '\ufeffmark'
  ]
  for (let i = 0; i < 40; i++) {
    texts.push(random.text(50))
  }
  for (const text of texts) {
    const bytes = new TextEncoder().encode(text)
    t.alike(await call('encode', text), bytes)
    t.is(await call('decode', bytes, {}), new TextDecoder().decode(bytes))
    t.is(await call('decode', bytes, { ignoreBOM: true }), text)
    for (const size of [0, 1, 2, 3, 7, 100]) {
      // as many whole characters as there is room for; Node 26 writes fewer
      let start = ''
      for (const character of text.toWellFormed()) {
        if (Buffer.byteLength(start + character) > size) break
        start += character
      }
      const room = new Uint8Array(size)
      room.set(new TextEncoder().encode(start))
      const result = { read: start.length, written: Buffer.byteLength(start) }
      t.alike(await call('encodeInto', text, size), [result, room])
    }
  }
})

test('vm encodings - bytes that are no UTF-8 are replaced where Node replaces them', async (t) => {
  const call = await open(t)
  const random = new Random(11)
  const ends = [
    0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef,
    0xf0, 0xf1, 0xf4, 0xf5, 0xff
  ] as const
  for (let i = 0; i < 300; i++) {
    const bytes = Uint8Array.from({ length: 1 + random.below(12) }, () => random.pick(ends))
    const text = new TextDecoder().decode(bytes)
    t.is(await call('decode', bytes, {}), text, bytes.toHex())
    const cut = random.below(bytes.length + 1)
    t.is(await call('stream', [bytes.subarray(0, cut), bytes.subarray(cut)]), text, `cut at ${cut}`)
    const isBroken = !Buffer.from(text).equals(bytes)
    const fatal = call('decode', bytes, { fatal: true, ignoreBOM: true })
    if (isBroken) await t.exception(fatal, /not UTF-8/)
    else t.is(await fatal, text)
  }
})

test('vm encodings - what holds bytes can be decoded, and knows utf-8 alone', async (t) => {
  const call = await open(t)
  t.alike(await call('views', new TextEncoder().encode('abcd')), ['abcd', 'bcd', 'abcd'])
  t.alike(await call('shape'), ['utf-8', 'utf-8', false, true, false])
  await t.exception(call('label'), /latin1 is not available in this VM; it has utf-8/)
  await t.exception(call('decode', 'text', {}), /give an ArrayBuffer or a view of one/)
})

test('vm encodings - base64 by the forgiving rules of the web', async (t) => {
  const call = await open(t)
  for (const text of ['', 'YQ==', 'YQ', ' Y Q\n=\t=', 'YWI=', 'YWJj', '/+8=', 'YR==', 'YWJjZA']) {
    t.is(await call('atob', text), atob(text), JSON.stringify(text))
  }
  for (const text of ['Y', 'YQ=', '=', '====', 'YWI==', 'Y-', 'YQ==YQ==', 'ä']) {
    t.absent(safely(text), text)
    await t.exception(call('atob', text), { name: 'InvalidCharacterError' })
  }
  for (const text of ['', 'a', 'ab', 'abc', '\u0000\u00ff'])
    t.is(await call('btoa', text), btoa(text))
  await t.exception(call('btoa', '\u0100'), { name: 'InvalidCharacterError' })
})

test('vm encodings - are paid for by their size', async (t) => {
  const instance = await deploy(SOURCE)
  t.teardown(() => instance.close())
  const used = async (length: number) => {
    await instance.call('alice', 'encode', ['x'.repeat(length)])
    return instance.fuel
  }
  const [small, large] = [await used(1000), await used(100_000)]
  t.ok(large - small > 99_000, `${small}, ${large}`)
})

function safely(text: string): boolean {
  try {
    atob(text)
    return true
  } catch {
    return false
  }
}
