// Golden evidence. EVIDENCE_WRITE=1 writes it anew, where the format is meant to change.
import { readFile, writeFile } from 'node:fs/promises'
import b4a from 'b4a'
import test from 'brittle'
import type { Evidence } from '../src/protocol/evidence.ts'
import { RULES } from '../src/protocol/evidence-rules.ts'
import { closeVm } from './audit-writer.ts'
import { CASES, evidenceOf } from './evidence-cases.ts'
import { proven } from './evidence-parts.ts'
import type { Teardown } from './helpers.ts'

interface Vector {
  readonly bytes: string
  readonly says: object
}

interface Form {
  readonly code: string
  readonly name: string
  readonly outcome: string
  readonly bytes: string
}

const FORMS = new URL('vectors/evidence-forms.json', import.meta.url)
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

test('evidence vectors - of what signatures and hashes show, and of what is nearly that', async (t) => {
  const { forms }: { forms: readonly Form[] } = JSON.parse(await readFile(FORMS, 'utf8'))
  t.alike(
    [...new Set(forms.map(({ code }) => code))].sort(),
    // the one that is missing takes 8 MiB
    Object.keys(RULES)
      .filter((code) => code !== 'ENTRY_TOO_LARGE')
      .sort()
  )
  for (const { code, name, outcome, bytes } of forms) {
    const codes: string[] = []
    const evidence = await proven(b4a.from(bytes, 'base64'), codes)
    t.is(evidence === null ? codes[0] : 'holds', outcome, `${code}: ${name}`)
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
