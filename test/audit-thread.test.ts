// What is replayed in a thread of its own comes to what it comes to without: the same findings, evidence and counts.
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import b4a from 'b4a'
import test, { type Test } from 'brittle'
import type { AuditOptions } from '../src/audit/audit.ts'
import type { AuditEvent } from '../src/audit/events.ts'
import { Shadow } from '../src/audit/shadow.ts'
import { encodeId } from '../src/protocol/ids.ts'
import type { OracleAnswer } from '../src/vm/vm.ts'
import { type Audited, type Cheat, closeVm, run, Writer } from './audit-writer.ts'
import { tempDir } from './helpers.ts'

const IN_THREAD: Partial<AuditOptions> = { threadFrom: 0 }

const CHEATS: readonly [what: string, finding: string | null, Cheat][] = [
  ['nothing', null, {}],
  ['a result', 'RESULT_WRONG', { steps: (steps) => change(steps, { fuel: 1 }) }],
  [
    'a file',
    'COMMIT_WRONG',
    { writes: (all) => [...all, { path: '/items/9', data: b4a.from('extra') }] }
  ],
  [
    'a question',
    'ORACLE_RECORD_WRONG',
    {
      entries: (all) =>
        all.map((entry) => (entry.type === 'oracle-request' ? { ...entry, name: 'rate' } : entry))
    }
  ],
  ['a place', 'SEQ_WRONG', { entries: (all) => all.map(later) }],
  ['an abort', null, { aborts: [1] }]
]

test('thread - it comes to what this one comes to', async (t) => {
  for (const [what, code, cheat] of CHEATS) {
    const writer = await Writer.deploy(t, { oracle })
    await story(writer, cheat)
    await story(writer)
    const there = await run(t, writer, IN_THREAD)
    t.is(there.findings[0]?.code ?? null, code, what)
    alike(t, there, await run(t, writer))
  }
})

test('thread - an audit goes on where another was, in a thread or not', async (t) => {
  const writer = await Writer.deploy(t, { oracle })
  const dir = await tempDir(t)
  const began: string[] = []
  const note = (event: AuditEvent) => {
    if (event.type === 'checkpoint') began.push(event.state)
  }
  for (const options of [IN_THREAD, {}, IN_THREAD]) {
    await story(writer)
    const { verdict } = await run(t, writer, { ...options, dir }, note)
    t.is(verdict.verdict, 'clean')
  }
  t.alike(began, ['resumed', 'resumed'])
  await story(writer, { steps: (steps) => change(steps, { fuel: 1 }) })
  const there = await run(t, writer, { ...IN_THREAD, dir }, note)
  t.alike(there.findings, (await run(t, writer)).findings)
  t.ok(there.evidence[0])
})

test('thread - a copy of the state that is not what it was accuses nobody', async (t) => {
  const writer = await Writer.deploy(t, { oracle })
  const dir = await tempDir(t)
  await story(writer)
  await run(t, writer, { ...IN_THREAD, dir })
  const blobs = path.join(dir, `${encodeId(writer.address)}.shadow`, 'blobs.blocks')
  await writeFile(blobs, b4a.alloc((await readFile(blobs)).byteLength, 'bad'))
  await story(writer)
  const again = await run(t, writer, { ...IN_THREAD, dir })
  t.is(again.verdict.verdict, 'clean')
  t.is(again.verdict.counts.replayed, 9)
})

test('thread - what it cannot execute is a gap', async (t) => {
  const writer = await Writer.deploy(t, { genesis: { vm: 'js-99' } })
  const { findings, verdict } = await run(t, writer, IN_THREAD)
  t.alike(findings, [])
  t.alike(
    verdict.missing.map(({ reason }) => reason),
    ['unsupported']
  )
})

test('thread - a copy that another audit has open is not touched', async (t) => {
  const writer = await Writer.deploy(t, { oracle })
  const dir = await tempDir(t)
  const shadow = await Shadow.create(dir, encodeId(writer.address), b4a.alloc(32))
  const error = await run(t, writer, { ...IN_THREAD, dir }).catch((thrown) => thrown)
  await shadow.close()
  t.is(error.code, 'DIRECTORY_LOCKED')
})

test('thread - what the file system says is what it says without', async (t) => {
  const writer = await Writer.deploy(t, { oracle })
  const dir = await tempDir(t)
  await writeFile(path.join(dir, `${encodeId(writer.address)}.shadow`), 'in the way')
  const codeIn = (options: Partial<AuditOptions>) =>
    run(t, writer, { ...options, dir }).then(
      () => 'none',
      (error) => error.code
    )
  const code = await codeIn({})
  t.ok(['EEXIST', 'ENOTDIR'].includes(code), code)
  t.is(await codeIn(IN_THREAD), code)
})

test.hook('thread - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})

function alike(t: Test, a: Audited, b: Audited): void {
  t.alike(a.findings, b.findings)
  t.alike(a.evidence, b.evidence)
  t.alike(a.verdict, b.verdict)
  t.alike(a.checks, b.checks)
}

async function story(writer: Writer, cheat: Cheat = {}): Promise<void> {
  const first = await writer.commit([
    await writer.call(0, 'add', ['one']),
    await writer.call(1, 'fail'),
    await writer.call(1, 'roll')
  ])
  await writer.ack(0, writer.users[0]?.core.length ?? 0, first + 1)
  await writer.commit([await writer.call(1, 'ask', ['price'])], cheat)
}

function change<T extends object>(all: T[], to: Partial<T>): void {
  for (const one of all) Object.assign(one, to)
}

function later<T extends { readonly type: string }>(entry: T): T {
  return entry.type === 'ack' && 'seq' in entry ? { ...entry, seq: Number(entry.seq) + 1 } : entry
}

function oracle(): OracleAnswer {
  return { ok: true, value: '7' }
}
