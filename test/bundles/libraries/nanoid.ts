import { customRandom, urlAlphabet } from 'nanoid'

const id = customRandom(urlAlphabet, 21, (size) =>
  Uint8Array.from({ length: size }, () => Math.floor(Math.random() * 256))
)

export const ids: string[] = []

export function draw() {
  ids.push(id(), id())
  return ids.slice(-2)
}
