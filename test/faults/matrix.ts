import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { VirtualMachine } from '../../src/vm/vm.ts'
import { lendTo } from '../borrowed-vm.ts'
import { programOf } from '../programs.js'
import type { Random } from '../random.ts'
import { cutPower } from './power-cut.ts'
import type { Doom } from './steps.ts'

/** Loaded before everything else: others take functions out of node:fs. */
const SYNCED = new URL('./synced.ts', import.meta.url).href

/** How a round ends for the process that is under test. */
export type End = 'kill' | 'power cut'

/** A process that is killed again and again, at steps of its own, over the same directory. */
export class Matrix {
  readonly dir: string
  readonly #script: string
  readonly #args: readonly string[]
  readonly #random: Random
  readonly #vm: (() => Promise<VirtualMachine>) | null
  /** Of processes that have come to their end: which steps they took, and how often. */
  #steps = new Map<string, number>()
  #round = 0
  /** Whether something may have been done in that round already. */
  #isBegun = false
  #attempts = 0
  /** Bytes that power cuts have taken. */
  lost = 0

  /** With a VM that the process gets from this one, in the place of one of its own. */
  constructor(
    script: URL,
    dir: string,
    random: Random,
    args: readonly string[] = [],
    vm: (() => Promise<VirtualMachine>) | null = null
  ) {
    this.#vm = vm
    this.dir = dir
    this.#script = programOf(script.pathname)
    this.#args = args
    this.#random = random
    mkdirSync(dir)
  }

  get rounds(): number {
    return this.#round + 1
  }

  get steps(): ReadonlyMap<string, number> {
    return this.#steps
  }

  /** Runs it to its end, in a round that nothing was done in yet, so that it takes up all that is left of the one before. */
  async finish(): Promise<void> {
    if (this.#isBegun) this.#round++
    if (await this.#run(null, false)) throw new Error('it was killed')
    this.#steps = new Map(JSON.parse(readFileSync(path.join(this.dir, 'steps'), 'utf8')))
  }

  /** The next round, which ends at a step; with `early` maybe already where it takes up the one before. */
  async end(doom: Doom, how: End, early = false): Promise<boolean> {
    const isKilled = await this.#run(doom, early)
    if (isKilled && how === 'power cut') {
      this.lost += cutPower(this.dir, path.join(this.dir, 'synced'), this.#random)
    }
    // what it was to take up has to be there for the next one
    this.#isBegun = early
    if (!early) this.#round++
    return isKilled
  }

  /** Throws where it ends in another way than it should. */
  async #run(doom: Doom | null, early: boolean): Promise<boolean> {
    const when = early ? 'early' : 'late'
    const attempt = String(this.#attempts++)
    const args = [this.dir, String(this.#round), JSON.stringify(doom), when, ...this.#args, attempt]
    const flags = ['--conditions=mivm-source', '--import', SYNCED]
    const child = spawn(process.execPath, [...flags, this.#script, ...args], {
      stdio: ['ignore', 'ignore', 'pipe', ...(this.#vm === null ? [] : ['ipc' as const])],
      serialization: 'advanced'
    })
    if (this.#vm !== null) lendTo(child, this.#vm)
    let errors = ''
    child.stderr?.on('data', (chunk) => {
      errors += chunk
    })
    const [code, signal] = await once(child, 'close')
    if (signal === 'SIGKILL') return true
    if (code === 0) return false
    throw new Error(
      `round ${this.#round}, ${JSON.stringify(doom)}: ended with ${code ?? signal}: ${errors.slice(-2000)}`
    )
  }
}
