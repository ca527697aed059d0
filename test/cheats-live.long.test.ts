import test from 'brittle'
import { closeVm } from './audit-writer.ts'
import { openStage } from './cheats/host.ts'
import { strikeAllLive } from './cheats/matrix.ts'
import { PARTS } from './cheats/rows.ts'
import { closeOwnVm } from './follower.ts'

for (const [part, cheats] of Object.entries(PARTS)) {
  for (const cheat of cheats) {
    const name = `cheats - ${part}, ${cheat.row}: ${cheat.what}, at every call, while somebody follows`
    test(name, async (t) => {
      await strikeAllLive(t, await openStage(t), cheat)
    })
  }
}

test.hook('cheats - the VMs of these tests close', async (t) => {
  await t.execution(Promise.all([closeVm(), closeOwnVm()]))
})
