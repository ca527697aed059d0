import { type Bundle, bundleOf } from '../bundle/bundle.ts'
import type { MethodName } from '../client/contract.ts'
import { initFailed } from '../host/deployment.ts'
import { type Oracle, Oracles } from '../host/oracles.ts'
import { Mutex } from '../net/mutex.ts'
import { checkLimits } from '../protocol/entries.ts'
import { ContractError, MivmError } from '../protocol/errors.ts'
import { checkGiven, given, number, record } from '../protocol/fields.ts'
import { RESERVED } from '../protocol/files.ts'
import type { LimitName } from '../protocol/limits.ts'
import { decodeValue, encodeArgs, type Value } from '../protocol/values.ts'
import { sortVariables, updateVariables } from '../vm/variables.ts'
import type {
  Batch,
  Contract,
  OracleAnswer,
  OracleRequest,
  Outcome,
  Step,
  VirtualMachine
} from '../vm/vm.ts'
import { callBy, contractOf, userKey } from './contract.ts'
import { isSameError, locate, locateDeployment } from './locate.ts'
import { MemoryFiles } from './memory-files.ts'
import { acquireVm } from './shared-vm.ts'

export interface DeployOptions {
  /** Arguments of `init`. */
  readonly args?: readonly unknown[]
  /** Name of the deployer; default `deployer`. */
  readonly caller?: string
  /** What the contract finds as `oracle.<name>`, once it is deployed. */
  readonly oracles?: { readonly [name: string]: Oracle }
  /** Host time of the deployment, ms since 1970; default: the beginning of 2026. */
  readonly time?: number
  /** Limits lower than those of the VM. */
  readonly limits?: { readonly [name in LimitName]?: number }
}

const OPTIONS = {
  args: given(),
  // what is no name is said where one is used
  caller: given(),
  oracles: given(),
  time: number({ min: 0 }),
  limits: record
}

/** A method as its caller sees it: resolves to the value, rejects with ContractError. */
export type Method = (...args: readonly unknown[]) => Promise<Value | undefined>

/** The methods of a contract, for one caller: by their names, or with the types of what it exports. Frozen, and safe to await. */
export type Methods<T extends string | object = string> = [T] extends [string]
  ? { readonly [name in T]: Method }
  : {
      readonly [Name in MethodName<T>]: T[Name] extends (...args: infer Args) => infer Result
        ? (...args: Args) => Promise<Awaited<Result>>
        : never
    }

/**
 * Deploys a contract from its source, or as `bundle` reads it from a file, without host, network or disk, but in the real VM: with its limits, its realm
 * and its rollback. Throws what a deployment throws: DEPLOY_FAILED with what `init` threw, CODE_*, LIMIT_INVALID.
 *
 * In TypeScript the methods may be named, to be called with a dot: `deploy<'addTopic' | 'addPost'>(source)`; or have the types of
 * the contract, `deploy<typeof import('./shop.ts')>(await bundle('shop.ts'))`, or of an interface.
 */
export async function deploy<T extends string | object = string>(
  contract: string | Bundle,
  options: DeployOptions = {}
): Promise<TestInstance<T>> {
  const bundle = bundleOf(contract)
  checkGiven(options, OPTIONS, 'the options of the deployment')
  const { vm, leave } = await acquireVm()
  try {
    return await TestInstance.deploy<T>(vm, leave, bundle, options)
  } catch (error) {
    const located = await locateDeployment(bundle, options.args ?? [], bundle.explain(error))
    leave()
    throw located
  }
}

/** A deployed contract. Everything in it is the same in every run: addresses, ids, time and random numbers. */
export class TestInstance<T extends string | object = string> {
  readonly #vm: VirtualMachine
  readonly #leave: () => void
  readonly #bundle: Bundle
  readonly #contract: Contract
  readonly #oracles: Oracles
  readonly #files = new MemoryFiles()
  readonly #variables = new Map<string, string>()
  readonly #logs: string[] = []
  #methods: readonly string[] = []
  #seq = 0
  #time: number
  #fuel = 0
  readonly #calls = new Mutex()
  #closing: Promise<void> | null = null

  /** Use the function {@link deploy}. */
  static async deploy<T extends string | object>(
    vm: VirtualMachine,
    leave: () => void,
    bundle: Bundle,
    options: DeployOptions
  ): Promise<TestInstance<T>> {
    const { args = [], caller = 'deployer', time = TIME, limits = {} } = options
    checkLimits(limits)
    const contract = contractOf(vm.id, bundle.source, userKey(caller), limits)
    const oracles = new Oracles(options.oracles)
    const instance = new TestInstance<T>(vm, leave, bundle, contract, oracles, time)
    instance.#methods = await vm.inspect(contract)
    const { outcome } = await instance.#execute(caller, 'init', encodeArgs(args))
    if (outcome.status === 'ok') return instance
    throw initFailed(outcome.error, { cause: thrownBy(outcome, null) })
  }

  private constructor(
    vm: VirtualMachine,
    leave: () => void,
    bundle: Bundle,
    contract: Contract,
    oracles: Oracles,
    time: number
  ) {
    this.#vm = vm
    this.#leave = leave
    this.#bundle = bundle
    this.#contract = contract
    this.#oracles = oracles
    this.#time = time
  }

  /** What the contract sees as `env.address`; it depends on source, deployer and limits. */
  get address(): string {
    return this.#contract.address
  }

  /** Names of the callable methods. */
  get methods(): readonly string[] {
    return this.#methods
  }

  /** Host time of the next call, ms since 1970. It stands still until `advance`. */
  get time(): number {
    return this.#time
  }

  /** Number of the last call. */
  get seq(): number {
    return this.#seq
  }

  /** Fuel that the last call used. */
  get fuel(): number {
    return this.#fuel
  }

  /** Exported variables as the last call left them. */
  get variables(): { readonly [name: string]: Value } {
    const entries = sortVariables(this.#variables).map(([name, text]) => [name, decodeValue(text)])
    return Object.fromEntries(entries)
  }

  /** Lines of `console`, also of calls that failed. */
  get logs(): readonly string[] {
    return this.#logs
  }

  /** Files of the contract by path, as text, or as bytes with `encoding: 'binary'`. */
  files(options: { readonly encoding: 'binary' }): Promise<{ [path: string]: Uint8Array }>
  files(): Promise<{ [path: string]: string }>
  async files(options?: {
    readonly encoding: 'binary'
  }): Promise<{ [path: string]: string | Uint8Array }> {
    const files: { [path: string]: string | Uint8Array } = {}
    for (const path of this.#files.paths) {
      const data = await this.#files.get(path)
      if (data === null || path.startsWith(RESERVED)) continue
      files[path] = options?.encoding === 'binary' ? Uint8Array.from(data) : decoder.decode(data)
    }
    return files
  }

  /** The methods, called by `name`: any text, which stands for one identity. */
  as(name: string): Methods<T> {
    const methods = Object.create(null)
    for (const method of this.#methods) {
      methods[method] = (...args: readonly unknown[]) => this.call(name, method, args)
    }
    return Object.freeze(methods)
  }

  /** Calls a method by name, also one that there is not. */
  async call(name: string, method: string, args: readonly unknown[]): Promise<Value | undefined> {
    const { outcome, place } = await this.#execute(name, method, encodeArgs(args))
    if (outcome.status !== 'ok') throw thrownBy(outcome, place)
    return outcome.value === null ? undefined : decodeValue(outcome.value, 'result')
  }

  /** Lets time pass before the next call; `ms` is at least 0, since host time never goes backwards. */
  advance(ms: number): void {
    if (!Number.isSafeInteger(ms) || ms < 0) {
      throw new MivmError('USAGE', `time cannot advance by ${ms}: give milliseconds, 0 or more`)
    }
    this.#time += ms
  }

  /** Lets go of the engine: without it, the process would not end. */
  close(): Promise<void> {
    this.#closing ??= this.#calls.run(() => {
      this.#vm.evict(this.#contract.address)
      this.#leave()
    })
    return this.#closing
  }

  /** For `await using`: a test that fails ends, too. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Calls are executed one at a time, in the order in which they were made. */
  #execute(name: string, method: string, args: string): Promise<Executed> {
    if (this.#closing !== null) {
      throw new MivmError('USAGE', 'this instance is closed: deploy the contract again')
    }
    return this.#calls.run(() => this.#step(name, method, args))
  }

  async #step(name: string, method: string, args: string): Promise<Executed> {
    const seq = this.#seq + 1
    const steps: Step[] = []
    const answers: OracleAnswer[] = []
    const batch = {
      contract: this.#contract,
      variables: sortVariables(this.#variables),
      calls: [callBy(name, method, args, seq, this.#time)],
      base: this.#files
    }
    await this.#vm.run({
      ...batch,
      onStep: (step) => steps.push(step),
      onOracle: async ({ name, args, index }) => {
        const answer = await this.#oracles.ask(name, args)
        answers[index] = answer
        return answer
      },
      onLog: (line) => this.#logs.push(line)
    })
    const [step] = steps
    if (step === undefined) throw new MivmError('ENGINE_FAILED', 'the call was not executed')
    const place = await this.#place(step.outcome, batch, answers)
    this.#seq = seq
    this.#fuel = step.fuel
    this.#files.write(step.writes)
    updateVariables(this.#variables, step.writes)
    return { outcome: step.outcome, place }
  }

  /** Where in the author's code it was thrown; nobody is asked anything for that. */
  async #place(
    outcome: Outcome,
    batch: Pick<Batch, 'contract' | 'variables' | 'calls' | 'base'>,
    answers: readonly OracleAnswer[]
  ): Promise<string | null> {
    // of a deployment `deploy` says it
    if (outcome.status !== 'error' || this.#seq === 0) return null
    const onOracle = async ({ index }: OracleRequest) => answers[index] ?? NO_ANSWER
    const located = await locate(this.#vm, this.#bundle, { ...batch, onOracle })
    return located !== null && isSameError(located.text, outcome.error) ? located.place : null
  }
}

/** 2026-01-01T00:00:00Z */
const TIME = 1_767_225_600_000
const decoder = new TextDecoder()

const NO_ANSWER: OracleAnswer = { ok: true, value: null }

interface Executed {
  readonly outcome: Outcome
  /** Where an error was thrown, if that is known. */
  readonly place: string | null
}

/** The stack begins where the author's code threw it, where tests and editors look. */
function thrownBy({ status, error }: Failure, place: string | null): ContractError {
  const { name, message, code } = error
  const thrown = new ContractError(name, message, code, status === 'abort')
  if (place === null) return thrown
  const frames = (thrown.stack ?? '').split('\n').filter((line) => line.startsWith('    at '))
  Object.defineProperty(thrown, 'stack', {
    value: [`${name}: ${message}`, `    at ${place}`, ...frames].join('\n'),
    configurable: true,
    writable: true
  })
  return thrown
}

type Failure = Exclude<Outcome, { readonly status: 'ok' }>
