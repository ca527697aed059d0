// Elo ratings: how many points go from who loses to who wins.

/** The more surprising the result, the more points, up to 32. */
export function transfer(winner: number, loser: number): number {
  const expected = 1 / (1 + 10 ** ((loser - winner) / 400))
  return Math.round(32 * (1 - expected))
}
