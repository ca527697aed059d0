// node --jitless bench/regexp.js
//
// What ordinary RegExps cost in the realm, beside V8's own without JIT: CPU time and fuel of one evaluation. The
// last column shows how even the prices are: nanoseconds for a unit, which is meant to be 100 at most.
import vm from 'node:vm'
import { composeRegExp } from '../src/vm/js-1/realm.js'

const TEXT = 'The quick brown fox, 12 jumps; over the dog at 2024-05-06 with foo@example.com.\n'
const GIVEN = `const text = ${JSON.stringify(TEXT)}.repeat(20)
const html = '<p>Hello <b>you</b> and <i class=x>me</i></p>'.repeat(20)
const list = 'a,b;c,d,e'.repeat(20)
const word = /^[a-z]+$/`

const KERNELS = [
  ['literal, tested', 2000, `/^[a-z]+$/.test('hellothere')`],
  ['constant, tested', 2000, `word.test('hellothere')`],
  ['date with groups', 2000, `/^(\\d{4})-(\\d\\d)-(\\d\\d)$/.exec('2024-05-06')`],
  ['e-mail', 2000, `/^[\\w.+-]+@[\\w-]+\\.[\\w.-]+$/.test('joe.doe@example.com')`],
  [
    'uuid',
    2000,
    `/^[\\da-f]{8}(?:-[\\da-f]{4}){3}-[\\da-f]{12}$/i.test('123e4567-e89b-12d3-a456-426614174000')`
  ],
  ['number', 2000, `/^-?\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?$/i.test('-12.5e10')`],
  ['letters', 2000, `/^\\p{L}+$/u.test('hellothere')`],
  ['split by a character', 100, `list.split(/,/)`],
  ['split by a class', 100, `list.split(/[,;]/)`],
  ['split by spaces', 20, `text.split(/\\s+/)`],
  ['replace a character', 100, `list.replace(/,/g, '-')`],
  ['replace by a function', 50, `list.replace(/[a-c]/g, (x) => x + x)`],
  ['all words', 20, `text.match(/\\w+/g)`],
  ['trim', 1000, `'  hello  '.replace(/^\\s+|\\s+$/g, '')`],
  ['escape', 1000, `'a.b*c'.replace(/[.*+?^\${}()|[\\]\\\\]/g, '\\\\$&')`],
  ['metered: host name', 1000, `/^(?:[a-z\\d-]+\\.)+[a-z]{2,}$/.test('some.host.example.com')`],
  ['metered: quoted', 1000, `/"(?:[^"\\\\]|\\\\.)*"/.exec('x = "hello \\\\"you\\\\" there"')`],
  ['metered: back-reference', 1000, `/(["']).*?\\1/.exec("say 'hello' to them now")`],
  ['metered: tags', 20, `html.replace(/<[^>]+>/g, '')`],
  ['metered: dates in a text', 20, `[...text.matchAll(/(\\d+)-(\\d+)/g)]`]
]

let used = 0
const native = vm.createContext()
const realm = vm.createContext()
vm.runInContext(
  composeRegExp(),
  realm
)((units) => {
  used += units
})
for (const context of [native, realm]) {
  vm.runInContext('for (const o of [RegExp.prototype, String.prototype]) Object.freeze(o)', context)
}

console.log('| | V8, µs | realm, µs | times | fuel | ns a unit |\n|---|--:|--:|--:|--:|--:|')
for (const [name, rounds, source] of KERNELS) {
  const [theirs, ours] = [native, realm].map((context) => {
    return vm.runInContext(
      `(() => { ${GIVEN}; return (n) => { for (let i = 0; i < n; i++) ${source} } })()`,
      context
    )
  })
  ours(1)
  theirs(1)
  const best = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  let fuel = 0
  for (let i = 0; i < 7; i++) {
    best[0] = Math.min(best[0], cpuOf(theirs, rounds))
    used = 0
    best[1] = Math.min(best[1], cpuOf(ours, rounds))
    fuel = used / rounds
  }
  const [fast, slow] = best
  const columns = [fast.toFixed(2), slow.toFixed(2), (slow / fast).toFixed(1), fuel.toFixed(0)]
  console.log(`| ${name} | ${columns.join(' | ')} | ${((slow / fuel) * 1000).toFixed(0)} |`)
}

/** µs of one round. */
function cpuOf(run, rounds) {
  const before = process.cpuUsage().user
  run(rounds)
  return (process.cpuUsage().user - before) / rounds
}
