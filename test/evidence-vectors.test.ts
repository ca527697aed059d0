// Golden evidence. EVIDENCE_WRITE=1 writes it anew, where the format is meant to change.
import { readFile, writeFile } from 'node:fs/promises'
import b4a from 'b4a'
import test from 'brittle'
import type { Evidence } from '../src/protocol/evidence.ts'
import { closeVm } from './audit-writer.ts'
import { CASES, evidenceOf } from './evidence-cases.ts'
import { proven } from './evidence-parts.ts'
import type { Teardown } from './helpers.ts'

interface Vector {
  readonly bytes: string
  readonly says: object
}

const FILE = new URL('vectors/evidence.json', import.meta.url)

if (process.env['EVIDENCE_WRITE'] === '1') {
  test('evidence vectors - are written', async (t) => {
    const text = JSON.stringify(await vectors(t), null, 2)
    await writeFile(FILE, `${text}\n`)
    t.pass()
  })
}

test('evidence vectors - hold, and say what they said', async (t) => {
  const golden: { [code: string]: Vector } = JSON.parse(await readFile(FILE, 'utf8'))
  t.alike(
    Object.keys(golden),
    CASES.map(([code]) => code)
  )
  for (const [code, { bytes, says }] of Object.entries(golden)) {
    const evidence = await proven(b4a.from(bytes, 'base64'))
    if (evidence === null) t.fail(`${code} does not hold`)
    else t.alike(sayingsOf(evidence), says, code)
  }
})

test.hook('evidence - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})

async function vectors(t: Teardown) {
  const golden: { [code: string]: Vector } = {}
  for (const [code] of CASES) {
    const bytes = await evidenceOf(t, code)
    const evidence = await proven(bytes)
    if (evidence === null) throw new Error(`${code} does not hold`)
    golden[code] = { bytes: b4a.toString(bytes, 'base64'), says: sayingsOf(evidence) }
  }
  return golden
}

/** Without the words, and without what calls cost: prices may still change. */
function sayingsOf({ why, bytes, differences, ...says }: Evidence): object {
  const values = differences?.filter(({ what }) => what === 'value')
  return values === undefined ? says : { ...says, differences: values }
}
