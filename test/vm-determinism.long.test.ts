// The corpus under every setting of engine and machine that we can think of; the short test has a few of them.
import test from 'brittle'
import { CONTRACTS } from './vm-determinism-corpus.ts'
import { alongEngines, JITLESS, lookAround, type Setting } from './vm-determinism-run.ts'

const ZONES = [
  'Asia/Kolkata',
  'America/St_Johns',
  'Pacific/Apia',
  'Africa/Monrovia',
  'Europe/Dublin'
]
const LOCALES = ['de_DE.UTF-8', 'tr_TR.UTF-8', 'ar_EG.UTF-8', 'th_TH.UTF-8', 'C']

const FLAGS: Readonly<Record<string, readonly string[]>> = {
  'the interpreter and the compilers': [],
  'the baseline compiler at once': ['--always-sparkplug', '--no-opt', '--no-maglev'],
  'the optimizing compilers at once': [
    '--invocation-count-for-maglev=4',
    '--invocation-count-for-turbofan=10',
    '--always-osr'
  ],
  'the interpreter alone, with its optimizer off': ['--no-opt', '--no-maglev', '--no-sparkplug'],
  'an older processor, compiled': ['--no-enable-avx', '--no-enable-avx2', '--no-enable-fma3'],
  'no inline caches': [...JITLESS, '--no-use-ic'],
  'functions compiled at once': [...JITLESS, '--no-lazy'],
  'a compacting collector': [...JITLESS, '--stress-compaction'],
  'a collector at random': [...JITLESS, '--random-gc-interval=2000'],
  'a collector in one thread': [...JITLESS, '--single-threaded-gc'],
  'a small nursery': [...JITLESS, '--max-semi-space-size=1'],
  'a large nursery': [...JITLESS, '--min-semi-space-size=32'],
  'another hash seed': [...JITLESS, '--hash-seed=12345'],
  'yet another hash seed': [...JITLESS, '--hash-seed=1'],
  'another random seed': [...JITLESS, '--random-seed=4711'],
  'one thread': [...JITLESS, '--single-threaded'],
  'less stack': [...JITLESS, '--stack-size=2500'],
  'no code from strings': [...JITLESS, '--disallow-code-generation-from-strings']
}

const SETTINGS: readonly Setting[] = [
  ...ZONES.map((TZ, i) => {
    const LC_ALL = LOCALES[i] ?? 'C'
    return { name: `${TZ}, ${LC_ALL}`, env: { TZ, LC_ALL, LANG: LC_ALL, LANGUAGE: LC_ALL } }
  }),
  ...Object.entries(FLAGS).map(([name, flags]) => ({ name, flags })),
  ...[16, 24, 32, 128, 256].map((memory) => ({ name: `${memory} MiB`, memory }))
]

test('vm determinism - the corpus, under every setting', async (t) => {
  const reference = await lookAround({ name: 'the reference' })
  for (const setting of SETTINGS) {
    const seen = await lookAround(setting)
    for (const [subject, rows] of Object.entries(reference)) {
      t.alike(seen[subject], rows, `${setting.name}: ${subject}`)
    }
  }
})

test('vm determinism - the corpus, in real engines', (t) => {
  return alongEngines(t, Object.keys(CONTRACTS))
})
