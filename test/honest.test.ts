import test from 'brittle'
import { closeVm } from './audit-writer.ts'
import { randomStory, shrink } from './honest/history.ts'
import { testStories } from './honest/stories.ts'

testStories({ calls: 2_000, perStory: 700, kills: 3 })

test('honest - a story that fails is made as small as it can be', async (t) => {
  const story = randomStory(1, 300, 3)
  const [call] = story.acts.filter(({ type }) => type === 'call').slice(100)
  const fails = async ({ acts }: typeof story) =>
    acts.some((act) => act === call) && acts.some(({ type }) => type === 'evict')
  const { acts } = await shrink(story, fails, 1000)
  t.is(acts.length, 2)
  t.alike(randomStory(1, 300, 3), story, 'and a seed is a story')
})

test.hook('honest - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})
