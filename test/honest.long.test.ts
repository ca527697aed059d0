import test from 'brittle'
import { closeVm } from './audit-writer.ts'
import { testStories } from './honest/stories.ts'

const CALLS = Number(process.env['MIVM_HONEST_CALLS'] ?? 100_000)

testStories({ calls: CALLS, perStory: 5_000, kills: 6 })

test.hook('honest - the VM of these tests closes', async (t) => {
  await t.execution(closeVm())
})
