import test from 'brittle'
import { Random } from '../random.ts'
import { tell } from './audited.ts'
import { randomStory, shrink } from './history.ts'

/** Runs of a story that fails, to make it smaller. */
const SHRINKS = 60

export interface Extent {
  readonly calls: number
  readonly perStory: number
  /** Kills of the host in each, about. */
  readonly kills: number
}

/** Random honest stories until there are so many calls; MIVM_SEED repeats the first of them. */
export function testStories({ calls, perStory, kills }: Extent): void {
  test(`honest - ${calls} calls of random stories are clean`, async (t) => {
    const { seed } = new Random()
    let audited = 0
    let killed = 0
    for (let i = 0; audited < calls; i++) {
      const story = randomStory(seed + i, perStory, kills)
      const told = await tell(t, story)
      t.alike(
        told.problems,
        [],
        `MIVM_SEED=${story.seed}: ${told.calls} calls, ${story.users} users`
      )
      if (told.problems.length > 0) {
        const fails = async (part: typeof story) => (await tell(t, part)).problems.length > 0
        t.comment(JSON.stringify(await shrink(story, fails, SHRINKS)))
        return
      }
      audited += told.calls
      killed += told.kills
    }
    t.comment(`${audited} calls, ${killed} kills of the host`)
  })
}
