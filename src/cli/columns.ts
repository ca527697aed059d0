/** Lays two columns side by side, or one below the other where they do not fit. */
export function sideBySide(
  left: readonly string[],
  right: readonly string[],
  width: number
): string[] {
  const gap = 1
  const leftWidth = widest(left)
  if (left.length === 0) return [...right]
  if (leftWidth + gap + widest(right) > width) return [...left, '', ...right]
  const lines: string[] = []
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    lines.push(`${(left[i] ?? '').padEnd(leftWidth + gap)}${right[i] ?? ''}`.trimEnd())
  }
  return lines
}

function widest(lines: readonly string[]): number {
  return lines.reduce((max, line) => Math.max(max, line.length), 0)
}
