import type { Bundle } from '../bundle/bundle.ts'
import { formatPlace } from '../bundle/places.ts'
import { lastStep, type ThrownAt, thrownAt, traced } from '../bundle/traced.ts'
import { MivmError } from '../protocol/errors.ts'
import { hash } from '../protocol/hash.ts'
import { encodeId } from '../protocol/ids.ts'
import type { Limits } from '../protocol/limits.ts'
import { encodeArgs } from '../protocol/values.ts'
import type { Batch, Outcome, Step, VirtualMachine } from '../vm/vm.ts'
import { callBy, contractOf, userKey } from './contract.ts'
import { MemoryFiles } from './memory-files.ts'
import { acquireVm } from './shared-vm.ts'

/** The error that has ended a call, and where the author's code threw it, as `app.ts:3:5`; null where that is not known. */
interface Located {
  readonly text: string
  readonly place: string | null
  /** The statements of the author's functions that it went through on its way, the nearest first. */
  readonly through: readonly string[]
}

type Traced = Pick<Batch, 'contract' | 'variables' | 'calls' | 'base' | 'onOracle'>

/**
 * Where the author's code threw what ends the first call of a batch, or was when a limit ended it; null where it does not end
 * with an error. Errors have no `stack` in the VM: the call is executed with code that notes where it is.
 */
export async function locate(
  vm: VirtualMachine,
  bundle: Bundle,
  batch: Traced
): Promise<Located | null> {
  const text = tracedOf(bundle)
  if (text === null) return null
  const { outcome, lines } = await execute(vm, batch, text)
  if (outcome?.status === 'error' && !isLimit(outcome.error)) {
    return located(bundle, outcome.error, thrownAt(lines))
  }
  // here it has more than there
  if (outcome?.status === 'abort') return null
  // on a busy machine its code may be too much for the compiler, which is no answer to what the call ended with
  return locateLimit(vm, bundle, batch).catch(() => null)
}

/** Where a call is that has no fuel left, or nests too deeply: nothing is thrown then that its code could see. */
async function locateLimit(
  vm: VirtualMachine,
  bundle: Bundle,
  batch: Traced
): Promise<Located | null> {
  const run = async (from: number, stop: number) =>
    execute(vm, batch, traced(bundle.source, { from, stop }) ?? '')
  for (let from = 0, tries = 1; ; tries++) {
    const { outcome, lines } = await run(from, Number.MAX_SAFE_INTEGER)
    const last = lastStep(lines, from)
    if (outcome?.status !== 'error' || !isLimit(outcome.error) || last === null) return null
    from = last.count
    // beyond that it is a loop of many statements
    if (!last.isExact && tries < 3) continue
    const stopped = thrownAt((await run(from, from)).lines)
    const at = stopped?.offset === last.offset ? stopped : { offset: last.offset, through: [] }
    return located(bundle, limitOf(outcome.error, batch.contract), at)
  }
}

/** Executes a call with code that notes where it is. */
async function execute(
  vm: VirtualMachine,
  batch: Traced,
  text: string
): Promise<{ readonly outcome: Outcome | undefined; readonly lines: readonly string[] }> {
  const lines: string[] = []
  const outcomes: Outcome[] = []
  // what an engine keeps for the contract is kept for an address; the contract sees its own
  const seen = `env = globalThis.Object.freeze({ ...env, address: ${JSON.stringify(batch.contract.address)} })\n`
  const address = encodeId(hash('testing/traced', Buffer.from(batch.contract.address + text)))
  const { limits } = batch.contract
  const contract = { ...batch.contract, source: seen + text, address, limits: roomier(limits) }
  const run = {
    ...batch,
    contract,
    onStep: ({ outcome }: Step) => outcomes.push(outcome),
    onLog: (line: string) => lines.push(line)
  }
  await vm.run(run, { patience: PATIENCE })
  return { outcome: outcomes[0], lines }
}

function located(bundle: Bundle, { name, message }: Thrown, at: ThrownAt | null): Located {
  const placeOf = (offset: number) => {
    const place = bundle.placeOf(offset)
    return place === null ? [] : [formatPlace(place)]
  }
  // what is of no file is called by what is
  const offsets = at === null ? [] : [at.offset, ...at.through]
  const [place = null, ...through] = offsets.flatMap(placeOf)
  return { text: `${name}: ${message}`, place, through }
}

/** The code is nobody else's to throw. */
function isLimit({ name, code }: { readonly name: string; readonly code: string | null }): boolean {
  return name === 'MivmError' && (code === 'OUT_OF_FUEL' || code === 'CALL_DEPTH')
}

/** What a limit says of itself where it is not the roomier one. */
function limitOf({ name, message }: Thrown, { limits }: Traced['contract']): Thrown {
  const { fuel, depth } = roomier(limits)
  const own = message.replace(`fuel, ${fuel}:`, `fuel, ${limits.fuel}:`)
  return { name, message: own.replace(`than ${depth} levels`, `than ${limits.depth} levels`) }
}

/** Whether what a call with traced code ended with is what the call itself ended with: `name: message`. */
export function isSameError(text: string, { name, message }: Thrown): boolean {
  return withoutBodies(text) === withoutBodies(`${name}: ${message}`)
}

interface Thrown {
  readonly name: string
  readonly message: string
}

/** V8 says the code of a function in some messages: as it was rewritten, and in the traced one it is another. */
function withoutBodies(text: string): string {
  return text.replace(/\{.*\(intermediate value\).*\}/s, '{}')
}

/** To read a large bundle takes longer than to execute a call of it, and in a test many calls throw. */
function tracedOf(bundle: Bundle): string | null {
  let text = TRACED.get(bundle)
  if (text === undefined) {
    text = traced(bundle.source)
    TRACED.set(bundle, text)
  }
  return text
}

const TRACED = new WeakMap<Bundle, string | null>()

/** What notes places is longer than the author's code, takes fuel of its own, and is called where that throws. */
function roomier({ code, fuel, depth, ...others }: Limits): Limits {
  return { ...others, code: 16 * code + MARKS, fuel: 3 * fuel + MARKS, depth: depth + 8 }
}

/** Bytes and fuel that go into what every contract has before it, and more than enough. */
const MARKS = 64 * 1024

/** So many times longer than on a host a call may take. */
export const PATIENCE = 10

/** What a deployment ended with, with the place in the author's file where `init`, or the code itself, throws that. */
export async function locateDeployment(
  bundle: Bundle,
  args: readonly unknown[],
  error: unknown
): Promise<unknown> {
  if (!(error instanceof MivmError)) return error
  if (error.code !== 'DEPLOY_FAILED' && error.code !== 'CODE_THROWS') return error
  const { vm, release } = await acquireVm()
  try {
    const located = await locate(vm, bundle, {
      contract: contractOf(vm.id, bundle.source, userKey('deployer'), {}),
      variables: [],
      calls: [callBy('deployer', 'init', encodeArgs(args), 1, Date.now())],
      base: new MemoryFiles(),
      onOracle: async () => ({ ok: true, value: null })
    })
    // here it may come to something else than there
    if (located === null || located.place === null) return error
    if (!withoutBodies(error.message).includes(withoutBodies(located.text))) return error
    return new MivmError(error.code, `${located.place}: ${error.message}`, {
      cause: error.cause ?? error
    })
  } catch {
    return error
  } finally {
    await release()
  }
}
