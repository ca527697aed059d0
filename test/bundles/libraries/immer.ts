import {
  applyPatches,
  enableMapSet,
  enablePatches,
  isDraftable,
  type Patch,
  produce,
  produceWithPatches
} from 'immer'

enablePatches()
enableMapSet()

interface Board {
  cards: { title: string; done: boolean }[]
}

export let board: Board = { cards: [] }
export let undo: Patch[] = []

export function add(title: string) {
  board = produce(board, (draft) => {
    draft.cards.push({ title, done: false })
  })
  return board.cards.length
}

export function finish(title: string) {
  const [next, , inverse] = produceWithPatches(board, (draft) => {
    for (const card of draft.cards) if (card.title === title) card.done = true
  })
  board = next
  undo = inverse
  return Object.isFrozen(board)
}

export function revert() {
  board = applyPatches(board, undo)
  undo = []
}

export const tally = (words: string[]) => {
  const counts = produce(new Map<string, number>(), (draft) => {
    for (const word of words) draft.set(word, (draft.get(word) ?? 0) + 1)
  })
  return [...counts]
}

class Money {
  amount = 1
}

export const drafts = () => [isDraftable({}), isDraftable([]), isDraftable(new Money())]
