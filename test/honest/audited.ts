import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import path from 'node:path'
import { encodeId } from '../../src/protocol/ids.ts'
import { closeStore, openStore } from '../../src/state/store.ts'
import { found, run } from '../audit-writer.ts'
import { deployment } from '../bare-user.ts'
import { type Teardown, tempDir } from '../helpers.ts'
import { programOf } from '../programs.js'
import type { Story } from './history.ts'
import { HOST } from './host.ts'

const SCRIPT = programOf(new URL('./host.ts', import.meta.url).pathname)

/** Places far from where these tests run, and from each other. */
const PLACES: readonly { readonly TZ: string; readonly LANG: string }[] = [
  { TZ: 'Pacific/Chatham', LANG: 'tr_TR.UTF-8' },
  { TZ: 'America/St_Johns', LANG: 'ar_EG.UTF-8' },
  { TZ: 'Asia/Kathmandu', LANG: 'de_DE.UTF-8' }
]

/** What an audit says of a story. */
export interface Told {
  readonly problems: readonly string[]
  readonly calls: number
  /** How often the host was killed. */
  readonly kills: number
}

/** Has a host in another process, time zone and language play a story, as often as it is killed, and audits it here. */
export async function tell(t: Teardown, story: Story): Promise<Told> {
  const dir = await mkdtemp(path.join(await tempDir(t), 'story-'))
  writeFileSync(path.join(dir, 'story.json'), JSON.stringify(story))
  let kills = 0
  while (await isKilled(dir, story.seed + kills)) kills++
  const { address } = deployment(encodeId(HOST.publicKey), story.source)
  const store = await openStore(path.join(dir, 'store'))
  const audited = await run(t, { store, address })
  await closeStore(store)
  await rm(dir, { recursive: true })
  const { verdict, counts, missing, suspicions, pending } = audited.verdict
  const asked = story.acts.filter(({ type }) => type === 'call' || type === 'garbage').length
  const problems = [
    ...found(audited),
    ...missing.map(({ message }) => message),
    ...suspicions.map(({ message }) => message)
  ]
  if (verdict !== 'clean') problems.push(verdict)
  if (counts.unanswered + pending > 0) problems.push(`${counts.unanswered} unanswered`)
  // what is garbage by chance may be an ack
  if (counts.calls > asked + 1) problems.push(`${counts.calls} calls, and ${asked} asked for`)
  return { problems, calls: counts.calls, kills }
}

/** Throws where the host ends in another way than it should. */
async function isKilled(dir: string, n: number): Promise<boolean> {
  const child = spawn(process.execPath, ['--conditions=mivm-source', SCRIPT, dir], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...PLACES[n % PLACES.length] }
  })
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  const [code, signal] = await once(child, 'close')
  if (code === 0) return false
  if (signal === 'SIGKILL') return true
  throw new Error(`the host ended with ${code ?? signal}: ${errors.slice(-2000)}`)
}
