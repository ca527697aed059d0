import type { Test } from 'brittle'
import { LIMITS } from '../src/protocol/limits.ts'
import { acquireVm } from '../src/testing/shared-vm.ts'
import { compareBytes } from '../src/vm/js-1/order.js'
import { openVm, type VmOptions } from '../src/vm/registry.ts'
import { sortVariables, updateVariables } from '../src/vm/variables.ts'
import type {
  BaseState,
  Batch,
  Call,
  Contract,
  OracleAnswer,
  OracleRequest,
  Outcome,
  RunOptions,
  Step,
  VirtualMachine,
  Write
} from '../src/vm/vm.ts'

/**
 * A VM with one engine. One with options is closed at the end of the test; one without them is the same for all tests of a
 * file, since to start an engine, and to compile with a process that has compiled nothing yet, takes longer than most.
 */
export async function openOne(t: Test, options?: VmOptions): Promise<VirtualMachine> {
  if (options !== undefined) {
    const vm = await openVm('js-1', { engines: 1, ...options })
    t.teardown(() => vm.close())
    return vm
  }
  const { vm, leave } = await acquireVm()
  t.teardown(leave)
  return vm
}

export function contractOf(source: string, overrides: Partial<Contract> = {}): Contract {
  return {
    vm: 'js-1',
    address: 'address',
    host: 'host',
    deployer: 'deployer',
    source,
    limits: LIMITS,
    ...overrides
  }
}

/** A call as `[method, …arguments]`; its number is given by its place in the instance. */
export type Line = readonly [method: string, ...args: unknown[]]

/** An instance in memory: each run goes on where the one before it ended. */
export class Instance {
  readonly contract: Contract
  readonly files = new Map<string, string>()
  readonly variables = new Map<string, string>()
  readonly logs: string[] = []
  seq = 1

  constructor(contract: Contract) {
    this.contract = contract
  }

  /** Executes the lines as one batch; the steps that came of it, in a form to compare. */
  async run(
    vm: VirtualMachine,
    lines: readonly Line[],
    { overrides = {}, options = {} }: { overrides?: Partial<Batch>; options?: RunOptions } = {}
  ): Promise<Result[]> {
    const steps: Step[] = []
    const first = this.seq
    const { onStep, ...others } = overrides
    const count = await vm.run(
      {
        contract: this.contract,
        variables: sortVariables(this.variables),
        calls: lines.map((line, index) => callOf(line, first + index)),
        base: baseOf(new Map(this.files)),
        onStep(step, index) {
          if (index !== steps.length)
            throw new Error(`step ${index} came as number ${steps.length}`)
          steps.push(step)
          onStep?.(step, index)
        },
        onOracle,
        onLog: (line) => this.logs.push(line),
        ...others
      },
      options
    )
    if (count !== steps.length) throw new Error(`${count} calls, ${steps.length} steps`)
    for (const { writes } of steps) this.#take(writes)
    this.seq += count
    return steps.map(resultOf)
  }

  #take(writes: readonly Write[]): void {
    updateVariables(this.variables, writes)
    for (const { path, data } of writes) {
      if (data === null) this.files.delete(path)
      else this.files.set(path, Buffer.from(data).toString())
    }
  }
}

/** A step to compare: what happened, and the writes as texts by path. */
export type Result = Outcome & { readonly writes: Record<string, string | null> }

/** Files from a map of texts, as a base. */
export function baseOf(files: ReadonlyMap<string, string>): BaseState {
  return {
    async get(path) {
      const text = files.get(path)
      return text === undefined ? null : Buffer.from(text)
    },
    async list({ gt, lt, limit, reverse }) {
      const inside = [...files.keys()]
        .filter((path) => compareBytes(path, gt) > 0 && compareBytes(path, lt) < 0)
        .sort(compareBytes)
      return (reverse ? inside.reverse() : inside).slice(0, limit)
    }
  }
}

/** `init` is what a first call has to be. */
export function callOf([method, ...args]: Line, seq: number): Call {
  const seed = new Uint8Array(32).fill(seq % 256)
  const time = Date.UTC(2018, 10, 21) + seq
  return { method, args: JSON.stringify(args), caller: 'caller', seq, time, seed }
}

/** Outcome, and code of its error where there is one. */
export function briefOf(result: Result | undefined): string {
  if (result === undefined) return 'no step'
  return result.status === 'ok' ? `ok ${result.value}` : `${result.status} ${result.error.code}`
}

function resultOf({ outcome, writes }: Step): Result {
  const texts = writes.map(({ path, data }): [string, string | null] => [
    path,
    data === null ? null : Buffer.from(data).toString()
  ])
  return { ...outcome, writes: Object.fromEntries(texts) }
}

async function onOracle({ name }: OracleRequest): Promise<OracleAnswer> {
  throw new Error(`nobody expected the oracle ${name}`)
}
