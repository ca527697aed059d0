import { createHash } from 'node:crypto'
import { Compiler } from './compiler.ts'
import { type Engine, vmClosed } from './engine.ts'
import type { Compiled, Refusal } from './frames.ts'
import type { Contract } from './vm.ts'

/** The largest code takes about a second. */
const COMPILE_MS = 20_000

/** After this long, ms, it is no usual source that is compiled. */
const SLOW_MS = 1_000

/** Processes at most: there is more than one only while others are slow. */
const PROCESSES_MAX = 4

/** How long one beside the first waits for its use, ms. */
const SPARE_MS = 30_000

/** Compiled texts that are kept, bytes, those that were used last. */
const CACHE_BYTES = 64 * 1024 * 1024

/**
 * Has contracts compiled, each source once for as long as it is remembered. That is done in processes in which nothing
 * else is done, so that a source over which one dies, or does not come to an end, holds up nobody else's.
 */
export class Compilers {
  readonly #start: () => Promise<Engine>
  readonly #times: { readonly time: number; readonly slow: number }
  readonly #keepsOne: boolean
  /** By the hash of the source, those that were not used for the longest time first. */
  readonly #known = new Map<string, Entry>()
  readonly #waiting: Waiting[] = []
  readonly #compilers = new Set<Compiler>()
  #bytes = 0
  #count = 0
  #closed = false

  /**
   * `start` starts a process that compiles; `time` is what one source may take, ms, `slow` for how long the others wait for
   * it. `keepsOne`: whether a process is there at all times, also when nothing is to be compiled for long.
   */
  constructor(
    start: () => Promise<Engine>,
    { time = COMPILE_MS, slow = SLOW_MS, keepsOne = true } = {}
  ) {
    this.#start = start
    this.#times = { time, slow }
    this.#keepsOne = keepsOne
  }

  /** How many sources were compiled so far. */
  get count(): number {
    return this.#count
  }

  /** Starts a process ahead of its use. */
  prepare(): void {
    this.#add().prepare()
  }

  /** What the code of a contract comes to. Rejects with EngineDeath where processes die of it. */
  async compile({ source, limits }: Contract): Promise<Compiled> {
    const size = Buffer.byteLength(source)
    if (size > limits.code) return { text: null, refusal: tooLarge(size, limits.code) }
    const key = createHash('sha256').update(source).digest('base64')
    const entry = this.#known.get(key) ?? this.#begin(key, source)
    this.#known.delete(key)
    this.#known.set(key, entry)
    return entry.code
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const { reject } of this.#waiting.splice(0)) reject(vmClosed())
    await Promise.all([...this.#compilers].map((compiler) => compiler.close()))
  }

  #begin(key: string, source: string): Entry {
    const entry: Entry = { code: this.#queue(source), bytes: 0 }
    entry.code.then(
      (code) => {
        entry.bytes = key.length + sizeOf(code)
        this.#bytes += entry.bytes
        this.#forget()
      },
      () => this.#known.delete(key)
    )
    return entry
  }

  #forget(): void {
    for (const [key, { bytes }] of this.#known) {
      if (this.#bytes <= CACHE_BYTES) return
      // what is still being compiled
      if (bytes === 0) continue
      this.#known.delete(key)
      this.#bytes -= bytes
    }
  }

  #queue(source: string): Promise<Compiled> {
    if (this.#closed) return Promise.reject(vmClosed())
    return new Promise((resolve, reject) => {
      this.#waiting.push({ source, resolve, reject })
      this.#assign()
    })
  }

  /** Gives what waits to whoever is free, or, where all have been busy for long, to one more. */
  #assign(): void {
    while (this.#waiting.length > 0) {
      const compiler = this.#free()
      const next = compiler === null ? undefined : this.#waiting.shift()
      if (compiler === null || next === undefined) return
      this.#count++
      compiler.compile(next.source).then(next.resolve, next.reject)
    }
  }

  #free(): Compiler | null {
    const all = [...this.#compilers]
    const free = all.find(({ isFree }) => isFree)
    if (free !== undefined) return free
    const isCrowded = all.length >= PROCESSES_MAX || all.some(({ isSlow }) => !isSlow)
    return isCrowded ? null : this.#add()
  }

  #add(): Compiler {
    const assign = () => this.#assign()
    const release = () => this.#release(compiler)
    const compiler: Compiler = new Compiler(this.#start, this.#times, release, assign)
    this.#compilers.add(compiler)
    return compiler
  }

  #release(compiler: Compiler): void {
    this.#assign()
    if (this.#isKept) return
    if (this.#keepsOne) setTimeout(() => this.#drop(compiler), SPARE_MS).unref()
    else this.#drop(compiler)
  }

  /** Whether the one that there is stays. */
  get #isKept(): boolean {
    return this.#keepsOne && this.#compilers.size === 1
  }

  #drop(compiler: Compiler): void {
    if (!compiler.isFree || this.#isKept || this.#closed) return
    this.#compilers.delete(compiler)
    void compiler.close()
  }
}

interface Entry {
  readonly code: Promise<Compiled>
  /** 0 until it is compiled. */
  bytes: number
}

interface Waiting {
  readonly source: string
  readonly resolve: (code: Compiled) => void
  readonly reject: (error: unknown) => void
}

function tooLarge(size: number, sizeMax: number): Refusal {
  return {
    code: 'CODE_TOO_LARGE',
    message: `the code has ${size} bytes and may have ${sizeMax}: make it smaller, for example by minifying it`
  }
}

/** Of a text in memory: one or two bytes a character. */
function sizeOf({ text, refusal }: Compiled): number {
  return 2 * (refusal === null ? text : refusal.message).length
}
