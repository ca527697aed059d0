import test from 'brittle'
import { testPart } from './cheats/part.ts'
import { PARTS, ROWS } from './cheats/rows.ts'

test('cheats - there is at least one of each row', (t) => {
  const struck = new Set(Object.values(PARTS).flatMap((part) => part.map(({ row }) => row)))
  t.alike(
    ROWS.filter((row) => !struck.has(row)),
    []
  )
  t.is(struck.size, ROWS.length)
})

testPart('results')
