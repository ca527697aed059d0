import { floods } from './async.ts'
import type { Attack } from './attack.ts'
import { iterators } from './iterators.ts'
import { memory } from './memory.ts'
import { meter } from './meter.ts'
import { objects } from './objects.ts'
import { paths } from './paths.ts'
import { patterns } from './patterns.ts'
import { realm } from './realm.ts'
import { stack } from './stack.ts'
import { strings } from './strings.ts'
import { values } from './values.ts'
import { variables } from './variables.ts'

export type { Attack } from './attack.ts'

/** All attacks, by theme. */
export const THEMES: Readonly<Record<string, readonly Attack[]>> = {
  meter,
  realm,
  strings,
  values,
  objects,
  floods,
  iterators,
  stack,
  memory,
  variables,
  paths,
  patterns
}

/** What an innocent call answers, but for its number. */
export const INNOCENT = {
  text: 'kept',
  files: ['kept'],
  variables: ['n', 'text'],
  realm: '1,4,9|{"a":[1]}|a-b|3|undefined'
}

/**
 * One contract with the attacks of a theme: its methods `attack0`, `attack1`, … run the contract of an attack in their
 * place. Its method `innocent` counts, and answers what is there of all that an attack could have changed.
 */
export function contractOf(attacks: readonly Attack[]): string {
  const methods = attacks.map(({ source }, index) => {
    return `exports.attack${index} = async () => {\n${source}\nconst { attack } = exports\ndelete exports.attack\nreturn attack()\n}`
  })
  return `
exports.n = 0
exports.text = 'kept'
exports.init = () => state.writeFile('/kept', 'kept')
exports.innocent = async () => {
  exports.n++
  const realm = [
    [1, 2, 3].map((x) => x * x),
    JSON.stringify({ a: [1] }),
    'a b'.replace(/ /g, '-'),
    new Map([[1, 2]]).get(1) + Math.max(...[0, 1]),
    typeof leak + Object.keys(globalThis).join() + ({}.leak ?? '')
  ]
  return {
    n: exports.n,
    text: await state.readFile('/kept'),
    files: await state.readdir('/'),
    variables: Object.keys(exports).filter((name) => typeof exports[name] !== 'function').sort(),
    realm: realm.join('|')
  }
}
${methods.join('\n')}
`
}
