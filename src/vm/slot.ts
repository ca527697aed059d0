import { setTimeout as sleep } from 'node:timers/promises'
import { MivmError } from '../protocol/errors.ts'
import { Engine, type JobHandlers } from './engine.ts'
import type { DoneReport, InspectedReport } from './frames.ts'
import { findNode, NODE_VERSION } from './node.ts'
import type { Contract } from './vm.ts'

const START_TRIES = 3
const RETRY_MS = 200

/** A place for one engine: starts it when there is work, again when it died, and knows what it holds. */
export class Slot {
  readonly #node: string | undefined
  readonly #instancesMax: number
  /** Instances in the engine, the least recently used one first. */
  readonly #held = new Map<string, Contract>()
  #engine: Engine | null = null
  #tail: Promise<unknown> = Promise.resolve()
  #load = 0
  #closed = false

  constructor(node: string | undefined, instancesMax: number) {
    this.#node = node
    this.#instancesMax = instancesMax
  }

  /** Tasks that run or wait. */
  get load(): number {
    return this.#load
  }

  /** Instances that the engine has in memory. */
  get size(): number {
    return this.#held.size
  }

  /** Runs a task when those before it are done. Only within a task the engine may be used. */
  queue<T>(task: () => Promise<T>): Promise<T> {
    this.#load++
    const result = this.#tail.then(task).finally(() => this.#load--)
    this.#tail = result.catch(() => {})
    return result
  }

  /** Has calls of an instance executed; `job` is what js-1/job.js takes, but for the contract. */
  async run(
    contract: Contract,
    job: { readonly time: number },
    handlers: JobHandlers
  ): Promise<DoneReport> {
    const engine = await this.start()
    const source = this.#hold(engine, contract) ? null : contract.source
    const frame = { type: 'run' as const, ...contract, source, ...job }
    const report = await engine.run(frame, handlers)
    if (report.type !== 'done') throw new MivmError('INTERNAL', 'the engine did another job')
    return report
  }

  /** Has a contract loaded and asked for its methods, in an isolate for this alone. */
  async inspect(
    contract: Contract,
    job: { readonly time: number },
    handlers: JobHandlers
  ): Promise<InspectedReport> {
    const engine = await this.start()
    const report = await engine.run({ type: 'inspect', ...contract, ...job }, handlers)
    if (report.type !== 'inspected') throw new MivmError('INTERNAL', 'the engine did another job')
    return report
  }

  evict(address: string): void {
    if (this.#held.delete(address)) this.#engine?.send({ type: 'evict', address })
  }

  /** The engine, started if it is not running. */
  async start(): Promise<Engine> {
    if (this.#closed) throw closed()
    if (this.#engine?.isAlive) return this.#engine
    await this.#engine?.kill()
    this.#held.clear()
    this.#engine = null
    const engine = await startEngine(this.#node)
    this.#engine = engine
    if (this.#closed) {
      await engine.kill()
      throw closed()
    }
    return engine
  }

  /** Ends the engine, a task that is running with it, and waits for the end of both. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#engine?.kill()
    await this.#tail
  }

  /** Notes that the engine holds the contract from now on; returns whether it did already. */
  #hold(engine: Engine, contract: Contract): boolean {
    const { address } = contract
    const held = this.#held.get(address)
    this.#held.delete(address)
    this.#held.set(address, contract)
    for (const oldest of this.#held.keys()) {
      if (this.#held.size <= this.#instancesMax) break
      this.#held.delete(oldest)
      engine.send({ type: 'evict', address: oldest })
    }
    return held !== undefined && isSame(held, contract)
  }
}

async function startEngine(path: string | undefined): Promise<Engine> {
  const node = path ?? findNode()
  if (node === null) {
    throw new MivmError(
      'ENGINE_FAILED',
      `the engine cannot be started: it needs Node ${NODE_VERSION}: run "npm ci" without --omit=optional`
    )
  }
  for (let tries = 1; ; tries++) {
    try {
      return await Engine.start(node)
    } catch (error) {
      if (tries === START_TRIES) throw error
      await sleep(RETRY_MS * tries)
    }
  }
}

/** One address has one source and one set of limits for ever, but not every caller has looked that up. */
function isSame(a: Contract, b: Contract): boolean {
  if (a === b) return true
  return a.source === b.source && JSON.stringify(a.limits) === JSON.stringify(b.limits)
}

function closed(): MivmError {
  return new MivmError('ENGINE_FAILED', 'the VM is closed: open it again')
}
