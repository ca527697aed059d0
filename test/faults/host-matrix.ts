import path from 'node:path'
import b4a from 'b4a'
import type { Test } from 'brittle'
import { openIdentity } from '../../src/state/identity.ts'
import { closeStore, openStore } from '../../src/state/store.ts'
import { closeVm, found, openShared, run } from '../audit-writer.ts'
import { deployment } from '../bare-user.ts'
import { tempDir } from '../helpers.ts'
import type { Random } from '../random.ts'
import { CALLERS, linesOf, sourceOf, type Told, writtenBy } from './host.ts'
import { type End, Matrix } from './matrix.ts'

/** What a host does from a deployment to a reply, as far as it has to do with the disk, engines or callers. */
export const HOST_STEPS: readonly string[] = [
  // a deployment
  'inspection',
  'run',
  'deployment: write',
  'deployment: append',
  'deployment: sync',
  'first commit: gate shut',
  'first commit: archive',
  'first commit: append',
  'first commit: write',
  'first commit: sync',
  'first commit: position',
  'first commit: gate open',
  // what a user sends
  'user log',
  'submission: write',
  'submission: append',
  // an ack that comes alone
  'acks: gate shut',
  'acks: write',
  'acks: sync',
  'acks: gate open',
  // a question, and its answer
  'question',
  'oracle has answered',
  'oracle: gate shut',
  'oracle: append',
  'oracle: write',
  'oracle: sync',
  'oracle: gate open',
  // a batch
  'commit: gate shut',
  'commit: archive',
  'commit: append',
  'commit: write',
  'commit: sync',
  'commit: position',
  'commit: gate open',
  'answer',
  // what callers learn
  'reply',
  'reply sent'
]

/** Steps of a host that opens a directory for the first time, or does something beside calls. */
export const FIRST_STEPS: readonly string[] = ['write']

/** Ends a host at each step, `times` times; with an engine of its own, or one that it gets from here and that outlives it. */
export async function endHost(
  t: Test,
  random: Random,
  times: number,
  hows: readonly [End, ...End[]],
  engine: 'own' | 'borrowed' = 'own'
) {
  const matrix = new Matrix(
    new URL('./host.ts', import.meta.url),
    path.join(await tempDir(t), 'matrix'),
    random,
    [],
    engine === 'own' ? null : openShared
  )
  t.comment(`seed ${random.seed}`)
  for (const step of FIRST_STEPS) {
    for (const nth of [1, 2])
      t.ok(await matrix.end({ step, nth }, random.pick(hows), true), `the ${nth}. ${step}`)
  }
  for (let time = 0; time < times; time++) {
    for (const step of HOST_STEPS) {
      const how = random.pick(hows)
      const isKilled = await matrix.end(
        { step, nth: time === 0 ? 1 : 1 + random.below(8) },
        how,
        random.chance(0.2) && time > 0
      )
      if (time === 0) t.ok(isKilled, `${how} before ${step}`)
    }
  }
  await matrix.finish()
  // the database is written beside these, too
  const steps = [...matrix.steps.keys()].filter((step) => !FIRST_STEPS.includes(step))
  t.alike(steps.sort(), [...HOST_STEPS].sort(), 'all steps are known')
  await checkHost(t, matrix)
}

async function checkHost(t: Test, { dir, rounds }: Matrix): Promise<void> {
  const { id } = await openIdentity(path.join(dir, 'host'), 'host')
  const told: Told[] = linesOf(path.join(dir, 'told')).map((line) => JSON.parse(line))
  const store = await openStore(path.join(dir, 'host', 'store'))
  t.teardown(() => closeStore(store))
  t.teardown(closeVm)
  let calls = 0
  const problems: string[] = []
  for (let round = 0; round < rounds; round++) {
    const { address } = deployment(id, sourceOf(round))
    const log = store.get({ key: address })
    await log.ready()
    for (const { length, treeHash, index, result } of told.filter((it) => it.round === round)) {
      if (length > log.length) {
        problems.push(
          `round ${round}: a head of ${length} blocks was told, and there are ${log.length}`
        )
        continue
      }
      const hash = b4a.toString(await log.treeHash(length), 'hex')
      const block = b4a.toString((await log.get(index, { wait: false })) ?? b4a.alloc(0), 'hex')
      if (hash !== treeHash)
        problems.push(`round ${round}: another head of ${length} blocks was told`)
      if (block !== result) problems.push(`round ${round}: another result was told at ${index}`)
    }
    await log.close()
    const audited = await run(t, { store, address })
    const { verdict, counts, suspicions, missing } = audited.verdict
    problems.push(...found(audited), ...suspicions.map(({ message }) => message))
    problems.push(...missing.map(({ message }) => message))
    if (verdict !== 'clean') problems.push(`round ${round}: ${verdict}`)
    const written = CALLERS.flatMap((caller) => linesOf(writtenBy(dir, round, caller)))
    if (counts.unanswered > 0)
      problems.push(`round ${round}: ${counts.unanswered} calls unanswered`)
    if (written.length > 0 && counts.calls < 1) problems.push(`round ${round}: no call`)
    calls += counts.calls
  }
  t.alike(
    problems,
    [],
    `${calls} calls, and ${told.length} results that were told, in ${rounds} instances`
  )
}
