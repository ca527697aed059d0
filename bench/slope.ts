import { median } from './harness.ts'

/**
 * Theil and Sen's slope: the median of the slopes between all pairs of points, which a few that are far out do not
 * change. `y` a unit of `x`.
 */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const slopes = points.flatMap(([x, y], i) =>
    points.slice(i + 1).map(([later, value]) => (value - y) / (later - x))
  )
  return slopes.length === 0 ? 0 : median(slopes)
}
