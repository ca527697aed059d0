// A ladder of players, in TypeScript and two files. Who lost says so, so that nobody has to be believed.
import type {} from 'mivm/contract'
import { transfer } from './elo.ts'

interface Player {
  readonly name: string
  rating: number
  games: number
}

/** By the id of the caller. */
export let players: { [id: string]: Player } = {}
export let games = 0

/** Enters the ladder, or takes another name. */
export function join(name: string): number {
  if (typeof name !== 'string' || !/^[\p{L}\p{N} _-]{1,30}$/u.test(name)) {
    throw fail('NAME_INVALID', 'a name has 1 to 30 letters, digits, spaces, _ or -')
  }
  const taken = Object.entries(players).some(([id, player]) => player.name === name && id !== caller.id)
  if (taken) throw fail('NAME_TAKEN', `there is a ${name} already: choose another name`)
  const { rating, games: played } = players[caller.id] ?? { rating: 1000, games: 0 }
  players = { ...players, [caller.id]: { name, rating, games: played } }
  return rating
}

/** The caller has lost against `name`; returns the new rating of the caller. */
export function lose(name: string): number {
  const loser = players[caller.id]
  if (loser === undefined) throw fail('NOT_A_PLAYER', 'join the ladder first')
  const winner = Object.values(players).find((player) => player.name === name)
  if (winner === undefined) throw fail('NOT_A_PLAYER', `there is no ${name}`)
  if (winner === loser) throw fail('OWN_GAME', 'nobody loses against himself')
  const points = transfer(winner.rating, loser.rating)
  winner.rating += points
  loser.rating -= points
  winner.games++
  loser.games++
  games++
  return loser.rating
}

/** Everybody, the best first. */
export function table(): Player[] {
  return Object.values(players).sort((a, b) => b.rating - a.rating || (a.name < b.name ? -1 : 1))
}

function fail(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
