import type { AnyNode, Class, Identifier } from 'acorn'
import type { Edits } from './edits.ts'
import type { Places } from './places.ts'
import type { Scan } from './scan.ts'

/**
 * Gives classes the names that they have in the files of their authors: callers see those of errors. esbuild makes variables
 * of their declarations, with a number where two modules use one name, and has a class that uses its own name use
 * another one.
 */
export function keepClassNames(
  scan: Scan,
  places: Pick<Places, 'at' | 'nameAt'>,
  edits: Edits
): void {
  for (const { name, id, value } of classesOf(scan)) {
    const own = places.nameAt(id.start) ?? name
    if (!value.id) {
      if (own === name || isAssigned(scan, name)) continue
      edits.insert(value.start, `{ ${own}: `)
      edits.insert(value.end, ` }.${own}`)
    } else if (value.id.name !== own && isSamePlace(places, id, value.id)) {
      renameInside(scan, value, value.id.name, own, edits)
    }
  }
}

/** `var Name = class …`, which may be in the function that is around a CommonJS module. */
function* classesOf({ variables }: Scan) {
  for (const { node } of variables) {
    for (const { id, init } of node.declarations) {
      if (id.type !== 'Identifier' || init?.type !== 'ClassExpression') continue
      yield { name: id.name, id, value: init }
    }
  }
}

function isAssigned({ bindings, references }: Scan, name: string): boolean {
  return (
    references.some((each) => each.name === name && each.write) ||
    bindings.filter((each) => each.name === name).length > 1
  )
}

/** Both names are of one declaration; in `const A = class B {}` the author has given two. */
function isSamePlace(places: Pick<Places, 'at'>, id: Identifier, inner: Identifier): boolean {
  const [one, other] = [places.at(id.start), places.at(inner.start)]
  return (
    one !== null &&
    one.file === other?.file &&
    one.line === other.line &&
    one.column === other.column
  )
}

/** Nothing of the name that a class has for itself is seen outside of it. */
function renameInside(scan: Scan, value: Class, from: string, to: string, edits: Edits): void {
  const isInside = ({ node }: { node: AnyNode }) =>
    node.start >= value.start && node.end <= value.end
  const bindings = scan.bindings.filter(isInside)
  const references = scan.references.filter(isInside)
  const isTaken =
    bindings.some(({ name, node }) => name === to || (name === from && node !== value.id)) ||
    references.some(
      ({ name, node }) => name === to || (name === from && scan.shorthands.has(node.start))
    )
  if (isTaken) return
  for (const { name, node } of [...bindings, ...references]) {
    if (name === from) edits.replace(node.start, node.end, to)
  }
}
