import type { Cheat } from './cheat.ts'

export const CHEATS: readonly Cheat[] = [1, -1].map((by) => ({
  row: 'H6',
  what: `fuel ${by > 0 ? 'more' : 'less'} by one`,
  class: 'R',
  seams: () => ({ step: (step) => ({ ...step, fuel: step.fuel + by }) }),
  expect: ({ seq, result }) => ({ caught: [`RESULT_WRONG call ${seq} block ${result}`] })
}))
