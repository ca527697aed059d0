/** `: did you mean "x"?`, where one of the names is close to what was written; else nothing. */
export function suggest(written: string, names: Iterable<string>): string {
  let best: string | null = null
  let least = Math.max(1, Math.floor(written.length / 3)) + 1
  for (const name of names) {
    const edits = distance(written.toLowerCase(), name.toLowerCase())
    if (edits >= least) continue
    best = name
    least = edits
  }
  return best === null ? '' : `: did you mean "${best}"?`
}

/** Insertions, deletions, replacements and swaps of neighbours from one text to the other (optimal string alignment). */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > MAX || a.length > LENGTH_MAX) return MAX + LENGTH_MAX
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let edits = Math.min(at(row, j - 1) + 1, at(last, j) + 1, at(last, j - 1) + (same ? 0 : 1))
      if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        edits = Math.min(edits, at(before, j - 2) + 1)
      row.push(edits)
    }
    before = last
    last = row
  }
  return at(last, b.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY
}

const MAX = 8
const LENGTH_MAX = 256
