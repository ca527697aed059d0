// Just below and just above each limit, in a real engine, with the exact code. What only the machine's clock and
// memory end is in vm-hostile.test.ts.
import test from 'brittle'
import { LIMITS, VALUE_DEPTH_MAX } from '../src/protocol/limits.ts'
import { briefOf, contractOf, Instance, type Line, openOne } from './vm-helpers.ts'

const SOURCE = `
exports.init = () => {}
exports.take = (text) => text.length
exports.text = (size) => 'x'.repeat(size)
exports.keep = (size) => { exports.v = 'x'.repeat(size) }
exports.file = (size) => state.writeFile('/file', 'x'.repeat(size))
exports.files = async (count) => { for (let i = 0; i < count; i++) await state.writeFile('/' + i, '') }
exports.fill = async (size, rest) => {
  for (let i = 0; i < 4; i++) await state.writeFile('/' + i, new Uint8Array(size))
  await state.writeFile('/rest', new Uint8Array(rest))
}
exports.path = (size) => state.writeFile('/' + 'x'.repeat(size - 1), '')
exports.nested = (levels) => { let list = []; for (let i = 1; i < levels; i++) list = [list]; return list }
exports.down = (levels) => { const f = (n) => n > 1 ? f(n - 1) : 0; return f(levels) }
`

/** The largest that each method takes, the method's name and what comes of one more. */
const EDGES: readonly (readonly [limit: string, last: Line, first: Line, code: string])[] = [
  // quotes and brackets are four bytes, or two
  edge('args', (n) => ['take', 'x'.repeat(n)], LIMITS.args - 4, 'ARGS_TOO_LARGE'),
  edge('result', (n) => ['text', n], LIMITS.result - 2, 'RESULT_TOO_LARGE'),
  // and the name
  edge('exports', (n) => ['keep', n], LIMITS.exports - 3, 'EXPORTS_TOO_LARGE'),
  edge('file', (n) => ['file', n], LIMITS.file, 'FILE_TOO_LARGE'),
  edge('writes', (n) => ['files', n], LIMITS.writes, 'WRITES_TOO_MANY'),
  edge(
    'written',
    (n) => ['fill', LIMITS.file - 1, n],
    LIMITS.written - 4 * (LIMITS.file - 1),
    'WRITTEN_TOO_MUCH'
  ),
  edge('path', (n) => ['path', n], LIMITS.path, 'PATH_TOO_LONG'),
  edge('depth of values', (n) => ['nested', n], VALUE_DEPTH_MAX, 'VALUE_TOO_DEEP'),
  // the method is a level itself
  edge('depth', (n) => ['down', n], LIMITS.depth - 1, 'CALL_DEPTH')
]

test('vm limits - what a call may do, and one more', async (t) => {
  const vm = await openOne(t)
  for (const [name, last, first, code] of EDGES) {
    const [, below, above] = await new Instance(contractOf(SOURCE)).run(vm, [['init'], last, first])
    t.is(below?.status, 'ok', `${name}: ${briefOf(below).slice(0, 40)}`)
    t.is(briefOf(above), `error ${code}`, name)
  }
})

test('vm limits - the size of the code', async (t) => {
  const vm = await openOne(t)
  const filled = (size: number) => `${SOURCE}//${'x'.repeat(size - SOURCE.length - 2)}`
  const inspect = (size: number) => vm.inspect(contractOf(filled(size)))
  t.ok((await inspect(LIMITS.code)).includes('take'))
  await t.exception(inspect(LIMITS.code + 1), /CODE_TOO_LARGE|may have/)
})

test('vm limits - fuel, to the unit', async (t) => {
  const vm = await openOne(t)
  let used = 0
  const onStep = ({ fuel }: { fuel: number }) => {
    used = fuel
  }
  const lines: Line[] = [['init'], ['down', 9]]
  await new Instance(contractOf(SOURCE)).run(vm, lines, { overrides: { onStep } })
  t.ok(used > 0 && used < LIMITS.fuel)
  for (const [fuel, outcome] of [
    [used, 'ok 0'],
    [used - 1, 'error OUT_OF_FUEL']
  ] as const) {
    const limits = { ...LIMITS, fuel }
    const contract = contractOf(SOURCE, { address: outcome, limits })
    const [, result] = await new Instance(contract).run(vm, lines)
    t.is(briefOf(result), outcome, `${fuel} units`)
  }
})

function edge(
  limit: string,
  line: (size: number) => Line,
  size: number,
  code: string
): readonly [string, Line, Line, string] {
  return [limit, line(size), line(size + 1), code]
}
