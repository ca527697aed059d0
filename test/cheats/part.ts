import test from 'brittle'
import { closeVm } from '../audit-writer.ts'
import { closeOwnVm } from '../follower.ts'
import { openStage } from './host.ts'
import { type Line, strike, table } from './matrix.ts'
import { PARTS } from './rows.ts'

/** The tests of a part of the matrix, and its table at the end of their output. */
export function testPart(name: keyof typeof PARTS): void {
  const lines: Line[] = []
  for (const cheat of PARTS[name]) {
    test(`cheats - ${cheat.row}: ${cheat.what}`, async (t) => {
      lines.push(await strike(t, await openStage(t), cheat))
    })
  }
  test(`cheats - the matrix of the ${name} has no gap`, (t) => {
    for (const text of table(lines)) t.comment(text)
    t.is(lines.length, PARTS[name].length)
    for (const { cheat, cells, live } of lines) {
      t.ok(live.struck, `${cheat.row}: ${cheat.what}: live`)
      t.is(cells.length, 9, `${cheat.row}: ${cheat.what}`)
      t.ok(
        cells.some(({ struck }) => struck),
        'it strikes somewhere'
      )
    }
  })
  test.hook('cheats - the VM of these tests closes', async (t) => {
    await t.execution(Promise.all([closeVm(), closeOwnVm()]))
  })
}
