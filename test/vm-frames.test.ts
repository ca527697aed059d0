import test from 'brittle'
import { checkReport, encodeFrame, FrameReader } from '../src/vm/frames.ts'
import { FRAME_MAX } from '../src/vm/js-1/channel.js'
import { compareBytes } from '../src/vm/js-1/order.js'
import { Overlay } from '../src/vm/overlay.ts'
import { baseOf } from './vm-helpers.ts'

test('frames - are read however the stream is cut', (t) => {
  const frames = [{ a: 'é' }, {}, { list: Array.from({ length: 100 }, (_, i) => i) }]
  const stream = Buffer.concat(frames.map(encodeFrame))
  for (const size of [1, 3, 7, 100, stream.length]) {
    const reader = new FrameReader()
    const read: unknown[] = []
    for (let at = 0; at < stream.length; at += size) {
      read.push(...reader.read(stream.subarray(at, at + size)))
    }
    t.alike(read, frames, `in pieces of ${size}`)
  }
})

test('frames - one that is too long or no JSON is refused', async (t) => {
  const head = Buffer.alloc(4)
  head.writeUInt32LE(FRAME_MAX + 1)
  await t.exception(() => new FrameReader().read(head), /a frame of 67108865 bytes/)
  await t.exception.all(() => new FrameReader().read(Buffer.from([1, 0, 0, 0, 0x7b])), /JSON/)
})

test('frames - nothing is believed of what an engine says', async (t) => {
  const outcome = { status: 'ok', value: '1' }
  const error = { name: 'Error', message: 'm', code: null }
  const step = (writes: unknown, other: unknown = outcome) => ({
    type: 'steps',
    steps: [{ outcome: other, writes, fuel: 1, logs: [] }]
  })
  t.alike(
    checkReport(
      step([
        ['/a', 'text', 'é'],
        ['/b', 'binary', '/w=='],
        ['/c', null, null]
      ])
    ),
    {
      type: 'steps',
      steps: [
        {
          outcome,
          writes: [
            { path: '/a', data: Buffer.from('é') },
            { path: '/b', data: Buffer.from([255]) },
            { path: '/c', data: null }
          ],
          fuel: 1,
          logs: []
        }
      ]
    }
  )
  const bad: [string, unknown][] = [
    ['no frame', null],
    ['an unknown type', { type: 'exec' }],
    ['no steps', { type: 'steps' }],
    ['a path without a slash', step([['a', 'text', '']])],
    ['the code of the contract', step([['/.mivm/contract.js', 'text', '']])],
    ['a second path of a variable', step([['/.mivm/exports/%61.json', 'text', '1']])],
    [
      'the same path twice',
      step([
        ['/a', 'text', '1'],
        ['/a', 'text', '2']
      ])
    ],
    [
      'paths out of order',
      step([
        ['/b', 'text', '1'],
        ['/a', 'text', '2']
      ])
    ],
    ['data that is no text', step([['/a', 'text', 1]])],
    ['an unknown encoding', step([['/a', 'hex', '00']])],
    ['writes of a failed call', step([['/a', 'text', '']], { status: 'error', error })],
    ['an unknown status', step([], { status: 'fine', error })],
    ['an error without a message', step([], { status: 'error', error: { name: 'E', code: null } })],
    ['a value that is no text', step([], { status: 'ok', value: 1 })],
    ['a value that no log takes', step([], { status: 'ok', value: '"\ud800"' })],
    [
      'an error that no log takes',
      step([], { status: 'error', error: { ...error, name: '\udfff' } })
    ],
    ['a path that no log takes', step([['/\ud800', 'text', '']])],
    [
      'a count that is no number',
      { type: 'done', steps: [], count: '1', work: 0, outOfTime: false }
    ],
    ['a range without bounds', { type: 'list', range: { gt: '/' } }]
  ]
  for (const [name, frame] of bad) await t.exception.all(() => checkReport(frame), name)
})

test('overlay - lists what a base with the writes in it would list', async (t) => {
  let state = 7
  const random = (n: number) => {
    state = (state * 1103515245 + 12345) % 2147483648
    return Math.floor((state / 2147483648) * n)
  }
  const path = () => `/${String.fromCodePoint(97 + random(6))}${random(9)}`
  for (let round = 0; round < 60; round++) {
    const files = new Map<string, string>()
    for (let i = random(25); i > 0; i--) files.set(path(), 'base')
    const overlay = new Overlay(baseOf(new Map(files)))
    for (let i = random(25); i > 0; i--) {
      const one = path()
      const data = random(2) === 0 ? null : Buffer.from('new')
      overlay.add([{ path: one, data }])
      if (data === null) files.delete(one)
      else files.set(one, 'new')
    }
    const [gt = '', lt = ''] = [path(), path()].sort(compareBytes)
    const range = { gt, lt, limit: 1 + random(6), reverse: random(2) === 0 }
    t.alike(await overlay.list(range), await baseOf(files).list(range), JSON.stringify(range))
    const one = path()
    t.is((await overlay.get(one))?.toString(), files.get(one), one)
    overlay.add([{ path: one, data: Buffer.from('later') }])
    files.set(one, 'later')
    t.alike(await overlay.list(range), await baseOf(files).list(range), 'also what comes later')
    t.is((await overlay.get(one))?.toString(), 'later')
  }
})
