import path from 'node:path'
import type { Test } from 'brittle'
import { Client } from '../../src/client/client.ts'
import { Host } from '../../src/host/host.ts'
import { decodeId } from '../../src/protocol/ids.ts'
import { closeStore, openStore } from '../../src/state/store.ts'
import { closeVm, found, run } from '../audit-writer.ts'
import { tempDir } from '../helpers.ts'
import { localNetwork } from '../local-network.ts'
import type { Random } from '../random.ts'
import { type Answer, SOURCE } from './client.ts'
import { linesOf } from './host.ts'
import { type End, Matrix } from './matrix.ts'

/** What a client does from a call to its answer, and to a deployment. */
export const CLIENT_STEPS: readonly string[] = [
  // the call
  'log',
  'append',
  'write',
  'sync',
  'logged',
  'request call',
  // the head that it has seen before
  'request known',
  'reply known',
  // its result
  'reply call',
  'verification',
  'answer',
  'answer noted',
  // a deployment
  'deployment: log',
  'deployment: append',
  'deployment: write',
  'deployment: sync',
  'deployment: logged',
  'request deploy',
  'reply deploy',
  'request info',
  'reply info',
  'note of the instance'
]

/** Ends a client at each step, `times` times, while its host goes on. */
export async function endClient(
  t: Test,
  random: Random,
  times: number,
  hows: readonly [End, ...End[]]
): Promise<void> {
  t.comment(`seed ${random.seed}`)
  const dir = await tempDir(t)
  const hostDir = path.join(dir, 'host')
  const bootstrap = await localNetwork(t)
  const host = await Host.open({ dir: hostDir, bootstrap, engines: 1, sandbox: 'none' })
  t.teardown(() => host.close(), { order: 2 })
  const deployer = await Client.open({ dir: path.join(dir, 'deployer'), bootstrap })
  t.teardown(() => deployer.close(), { order: 1 })
  const { link } = await deployer.deploy({ host: host.id, source: SOURCE })
  const script = new URL('./client.ts', import.meta.url)
  const args = [bootstrap.join(), host.id, link]
  const matrix = new Matrix(script, path.join(dir, 'matrix'), random, args)
  for (let time = 0; time < times; time++) {
    for (const step of CLIENT_STEPS) {
      const how = random.pick(hows)
      const nth = time === 0 ? 1 : 1 + random.below(3)
      const isKilled = await matrix.end({ step, nth }, how, time > 0 && random.chance(0.5))
      if (time === 0) t.ok(isKilled, `${how} before ${step}`)
    }
  }
  await matrix.finish()
  t.alike([...matrix.steps.keys()].sort(), [...CLIENT_STEPS].sort(), 'all steps are known')
  await checkState(t, matrix, deployer, link)
  await deployer.close()
  const addresses = host.instances
  await host.close()
  await checkLogs(t, path.join(hostDir, 'store'), addresses)
}

async function checkState(t: Test, { dir }: Matrix, reader: Client, link: string): Promise<void> {
  const told: Answer[] = linesOf(path.join(dir, 'told')).map((line) => JSON.parse(line))
  const state = reader.state(link)
  const wrong: string[] = []
  for (const { name, value } of told) {
    const stored = await state.readFile(`/calls/${name}`)
    if (stored !== String(value)) wrong.push(`${name} is ${stored}, and was told to be ${value}`)
  }
  t.alike(wrong, [], `${told.length} answers are what is in the state`)
  t.alike(await state.readdir('/twice'), [], 'no call was executed twice')
}

async function checkLogs(t: Test, dir: string, addresses: readonly string[]): Promise<void> {
  const store = await openStore(dir)
  t.teardown(() => closeStore(store))
  t.teardown(closeVm)
  const problems: string[] = []
  for (const id of addresses) {
    const audited = await run(t, { store, address: decodeId(id) })
    const { verdict, counts, suspicions, missing } = audited.verdict
    problems.push(...found(audited), ...[...suspicions, ...missing].map(({ message }) => message))
    if (verdict !== 'clean') problems.push(`${id}: ${verdict}`)
    if (counts.unanswered > 0) problems.push(`${id}: ${counts.unanswered} calls unanswered`)
  }
  t.alike(problems, [], `${addresses.length} instances are clean`)
}
