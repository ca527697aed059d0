import type { Cheat } from './cheat.ts'
import { CHEATS as H1 } from './h1-value.ts'
import { CHEATS as H2 } from './h2-writes.ts'
import { CHEATS as H3 } from './h3-archive.ts'
import { CHEATS as H4 } from './h4-success.ts'
import { CHEATS as H5 } from './h5-failure.ts'
import { CHEATS as H6 } from './h6-fuel.ts'
import { CHEATS as H7 } from './h7-abort.ts'
import { CHEATS as H8 } from './h8-histories.ts'
import { CHEATS as H10 } from './h10-silence.ts'
import { CHEATS as H12 } from './h12-order.ts'
import { CHEATS as H15 } from './h15-forged.ts'
import { CHEATS as H16 } from './h16-twice.ts'
import { CHEATS as H22 } from './h22-code.ts'
import { CHEATS as H25 } from './h25-time.ts'
import { CHEATS as H27 } from './h27-oracles.ts'
import { CHEATS as H30 } from './h30-random.ts'
import { CHEATS as H35 } from './h35-withheld.ts'
import { CHEATS as H40 } from './h40-hostile.ts'
import { CHEATS as U } from './u-users.ts'

/** All cheats, in three parts that take about as long. */
export const PARTS = {
  results: [H1, H2, H4, H5, H6, H22, H30].flat(),
  histories: [H3, H7, H8, H10, H25, H27, H35].flat(),
  users: [H12, H15, H16, H40, U].flat()
} as const satisfies Record<string, readonly Cheat[]>

/**
 * The rows there are: what a host may do (H), and a user (U). Forged evidence (X) is the affair of whoever verifies
 * it. H11, H20, H23, H24, H31 to H34, H36 to H38 and U3 are numbers that nothing has.
 */
export const ROWS: readonly string[] = [
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 25, 26, 27, 28],
  ...[29, 30, 35, 39, 40]
]
  .map((n) => `H${n}`)
  .concat([1, 2, 4, 5, 6, 7, 8].map((n) => `U${n}`))
