// What strangers send, in random forms, into everything that reads it: nothing but a MivmError may come out, and
// whatever is read has to be what was written.
import { readdirSync, readFileSync } from 'node:fs'
import b4a from 'b4a'
import type { Random } from '../random.ts'
import type { Target } from './targets.ts'

/** How often one of the latest inputs is changed, and how many those are. */
const LATEST = 0.3
const LATEST_MAX = 16

export interface FuzzOptions {
  readonly random: Random
  readonly executions: number
  /** Told of each execution: whether the input is one that is worth being changed, too. */
  readonly learn?: () => boolean
}

/**
 * Has a target read changed inputs. `taken` of them it took; `corpus` is what they were made of in the end. What goes
 * wrong names the input.
 */
export async function fuzz(
  name: string,
  { change, read, seeds }: Target,
  { random, executions, learn = () => false }: FuzzOptions
): Promise<{ taken: number; corpus: Uint8Array[] }> {
  const corpus = [...seeds, ...readCorpus(name)]
  let taken = 0
  for (let i = 0; i < executions; i++) {
    // first all of them as they are
    const given = corpus[i]
    const latest = random.chance(LATEST) ? corpus.slice(-LATEST_MAX) : corpus
    const input = i < corpus.length && given !== undefined ? given : change(random, latest)
    try {
      if (await read(input)) taken++
    } catch (error) {
      const hex = b4a.toString(input, 'hex')
      throw new Error(`${name}, MIVM_SEED=${random.seed}, execution ${i}: ${hex}`, { cause: error })
    }
    if (learn() && input !== given) corpus.push(input)
  }
  return { taken, corpus }
}

/** Inputs of a target that reach what others do not, as `npm run fuzz` has found them. */
export function readCorpus(name: string): Uint8Array[] {
  const file = fileOf(name)
  const isThere = readdirSync(CORPUS).includes(file)
  const texts: string[] = isThere ? JSON.parse(readFileSync(new URL(file, CORPUS), 'utf8')) : []
  return texts.map((text) => b4a.from(text, 'base64'))
}

export function fileOf(name: string): string {
  return `${name.replaceAll(' ', '-')}.json`
}

export const CORPUS: URL = new URL('./corpus/', import.meta.url)
