import { encodeArgs } from '../../src/protocol/values.ts'
import { Random } from '../random.ts'
import { randomContract } from './contract.ts'

/** One thing that happens. Whatever is left out of a history, the rest of it can still happen. */
export type Act =
  | { readonly type: 'call'; readonly user: number; readonly method: string; readonly args: string }
  /** Something that is no call, in hex. */
  | { readonly type: 'garbage'; readonly user: number; readonly bytes: string }
  /** The user writes down the newest head. */
  | { readonly type: 'ack'; readonly user: number }
  /** Users send what they have not sent, or all that they have, at once; nobody waits. */
  | { readonly type: 'send'; readonly users: readonly number[]; readonly again: boolean }
  /** All wait for what they have sent. */
  | { readonly type: 'settle' }
  | { readonly type: 'restart' }
  | { readonly type: 'evict' }
  /** An engine is killed. */
  | { readonly type: 'engine' }
  /** The host is killed, so many steps of commits later. */
  | { readonly type: 'kill'; readonly steps: number }

export interface Story {
  readonly seed: number
  readonly source: string
  readonly users: number
  readonly acts: readonly Act[]
}

/** The story of a seed: about so many calls, so many kills. */
export function randomStory(seed: number, calls: number, kills: number): Story {
  const random = new Random(seed)
  const contract = randomContract(random)
  const users = random.pick([1, 2, 5, 40, 300])
  const acts: Act[] = []
  let made = 0
  while (made < calls) {
    const round = Math.min(calls - made, random.chance(0.1) ? 400 : 1 + random.below(40))
    for (let i = 0; i < round; i++, made++) {
      const user = random.below(users)
      if (random.chance(0.02)) {
        const bytes = Buffer.from(random.bytes(random.below(40))).toString('hex')
        acts.push({ type: 'garbage', user, bytes })
        continue
      }
      const [method, args] = contract.call(random)
      acts.push({ type: 'call', user, method, args: encodeArgs(args) })
    }
    acts.push(...between(random, users))
    if (random.chance((kills * round) / calls)) acts.push({ type: 'kill', steps: random.below(12) })
    const all = Array.from({ length: users }, (_, user) => user)
    acts.push({
      type: 'send',
      users: all.filter(() => random.chance(0.8)),
      again: random.chance(0.2)
    })
    if (random.chance(0.2)) acts.push({ type: 'engine' })
    if (random.chance(0.6)) acts.push({ type: 'settle' })
  }
  return { seed, source: contract.source, users, acts }
}

function between(random: Random, users: number): Act[] {
  const acts: Act[] = []
  if (random.chance(0.5)) acts.push({ type: 'ack', user: random.below(users) })
  if (random.chance(0.05)) acts.push({ type: 'restart' })
  if (random.chance(0.1)) acts.push({ type: 'evict' })
  return acts
}

/** The smallest part of a story that still fails, as far as `tries` go: ever smaller pieces are left out of it. */
export async function shrink(
  story: Story,
  fails: (story: Story) => Promise<boolean>,
  tries: number
): Promise<Story> {
  let { acts } = story
  let left = tries
  for (let size = Math.ceil(acts.length / 2); size > 0 && left > 0; size = size >> 1) {
    for (let at = 0; at < acts.length && left > 0; left--) {
      const fewer = acts.toSpliced(at, size)
      if (await fails({ ...story, acts: fewer })) acts = fewer
      else at += size
    }
  }
  return { ...story, acts }
}
