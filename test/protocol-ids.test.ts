import b4a from 'b4a'
import test from 'brittle'
import { decode } from 'hypercore-id-encoding'
import { decodeId, encodeId, formatLink, parseLink } from '../src/protocol/ids.ts'
import { Random } from './random.ts'

test('protocol ids - a key has one id, which the rest of the stack reads as well', (t) => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  for (let i = 0; i < 200; i++) {
    const key = random.bytes(32)
    const id = encodeId(key)
    t.is(id.length, 52)
    t.alike(decodeId(id), key)
    t.alike(decodeId(b4a.toString(key, 'hex')), key)
    t.alike(Uint8Array.from(decode(id)), key)
  }
})

test('protocol ids - an id with one character changed is refused or names another key', (t) => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  const key = random.bytes(32)
  const id = encodeId(key)
  let refused = 0
  for (let at = 0; at < id.length; at++) {
    for (const letter of 'ybndrfg8ejkmcpqxot1uwisza345h769lv2 ') {
      if (letter === id[at]) continue
      const changed = id.slice(0, at) + letter + id.slice(at + 1)
      try {
        const other = decodeId(changed)
        if (b4a.equals(other, key) || encodeId(other) !== changed) t.fail(changed)
      } catch {
        refused++
      }
    }
  }
  // four characters that are no letters, in every place, and the last letter, of which one bit counts
  t.is(refused, 4 * 52 + 30)
})

test('protocol ids - a link is read as it is written', (t) => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  for (let i = 0; i < 50; i++) {
    const [host, address] = [random.bytes(32), random.bytes(32)]
    t.alike(parseLink(formatLink({ host, address })), { host, address })
    t.alike(parseLink(formatLink({ host: null, address })), { host: null, address })
  }
})

test('protocol ids - random text is refused with what was expected', async (t) => {
  const random = new Random()
  t.comment(`seed ${random.seed}`)
  for (let i = 0; i < 100; i++) {
    const text = random.text(60)
    await t.exception(() => decodeId(text), /expected 52 characters/)
    await t.exception(() => parseLink(`mivm://${text}`), { name: 'MivmError' })
  }
})
