import b4a from 'b4a'
import { decodeEntry, encodeEntry, type Genesis, limitsOf } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { NO_FILES } from '../protocol/files.ts'
import { codeHash } from '../protocol/hash.ts'
import { encodeId } from '../protocol/ids.ts'
import { Tree } from '../protocol/merkle.ts'
import type { DeployRequest, UserBlocks } from '../protocol/messages.ts'
import { callOf } from '../vm/record.ts'
import type { Call, Contract, Step, VirtualMachine } from '../vm/vm.ts'
import type { Sender } from './sender.ts'
import type { Tenant } from './tenant.ts'
import { checkLog } from './user-log.ts'

/** What compiling takes for each character of a code, in fuel: the largest code takes about a second. */
const COMPILE_COST = 1000

/** What a deployer sends: genesis as it wrote it, the code, and its log with the call of `init`; and over whose connection. */
export interface Deployment {
  readonly genesis: Uint8Array
  readonly source: string
  readonly log: UserBlocks
  readonly sender?: Sender | null
}

/**
 * Genesis of a deployment that this host, a public key, may execute with its VM; throws REQUEST_INVALID, VM_UNKNOWN, or
 * LIMIT_INVALID.
 */
export function checkRequest(
  { genesis: block, source }: DeployRequest,
  host: Uint8Array,
  vm: string
): Genesis {
  const genesis = decodeEntry(block)
  if (genesis.type !== 'genesis')
    throw new MivmError('REQUEST_INVALID', 'a deployment begins with genesis')
  if (!b4a.equals(genesis.host, host)) {
    throw new MivmError(
      'REQUEST_INVALID',
      `this host is ${encodeId(host)}, the deployment is for ${encodeId(genesis.host)}`
    )
  }
  if (!b4a.equals(genesis.codeHash, codeHash(source))) {
    throw new MivmError('REQUEST_INVALID', 'the code is not the one that genesis names')
  }
  if (genesis.vm !== vm) {
    throw new MivmError(
      'VM_UNKNOWN',
      `this host does not run ${genesis.vm} but ${vm}: deploy with the version of MIVM that it has`
    )
  }
  limitsOf(genesis)
  return genesis
}

/**
 * Throws REQUEST_INVALID unless a log is that of the deployer, signed, with its first entry. Calls behind that come as all others
 * do, which are held against quotas before they wait in memory.
 */
export function checkDeployer(address: Uint8Array, genesis: Genesis, log: UserBlocks): void {
  const [block, ...more] = log.blocks
  const isInit = block !== undefined && more.length === 0 && log.start === 0
  if (!isInit || !b4a.equals(log.user, genesis.deployer)) {
    throw new MivmError(
      'REQUEST_INVALID',
      'a deployment comes with the first entry of the deployer’s log, and no other'
    )
  }
  checkLog(log, address)
}

/** What a deployment comes to before anything of it is written. */
export interface ExecutedDeployment {
  /** Names of the contract's methods. */
  readonly methods: readonly string[]
  /** The second entry of the call log, behind genesis. */
  readonly code: Uint8Array
  /** Of the call log with these two. */
  readonly treeHash: Uint8Array
  /** When `init` was called, as its ack has it. */
  readonly time: number
  /** What `init` came to. */
  readonly step: Step
}

/**
 * Compiles the contract of a deployment that `checkDeployer` has let through, and executes its `init`. Throws CODE_* for code
 * that does not load, REQUEST_INVALID where the first call is another one, DEPLOY_FAILED.
 */
export async function executeDeployment(
  vm: VirtualMachine,
  contract: Contract,
  { genesis, source, log, sender = null }: Deployment,
  tenant: Tenant | null
): Promise<ExecutedDeployment> {
  // whoever makes a new key for each deployment has it compiled all the same
  sender?.meter.burn(source.length * COMPILE_COST)
  const methods = await vm.inspect(contract)
  const code = encodeEntry({ type: 'code', source })
  const tree = new Tree()
  for (const block of [genesis, code]) tree.append(block)
  const treeHash = tree.treeHash()
  const [block = new Uint8Array()] = log.blocks
  const call = callOf(block, log.user, 1, Date.now(), treeHash)
  if (call?.method !== 'init') {
    throw new MivmError('REQUEST_INVALID', 'the first call of the deployer is not init')
  }
  const step = await executeInit(vm, contract, call, (fuel) => {
    for (const meter of tenant?.metersOf(contract.deployer, sender) ?? []) meter.burn(fuel)
  })
  return { methods, code, treeHash, time: call.time, step }
}

/** Executes `init`; `burn` gets what it has cost, also where it fails. Throws DEPLOY_FAILED. */
async function executeInit(
  vm: VirtualMachine,
  contract: Contract,
  call: Call,
  burn: (fuel: number) => void
): Promise<Step> {
  const steps: Step[] = []
  await vm.run({
    contract,
    variables: [],
    calls: [call],
    base: NO_FILES,
    onStep: (step) => steps.push(step),
    onOracle: () => {
      throw new MivmError('INTERNAL', 'the VM asked an oracle during init')
    }
  })
  const [step] = steps
  if (step === undefined) throw new MivmError('ENGINE_FAILED', 'init was not executed: try again')
  burn(fuelOf(step, contract))
  if (step.outcome.status === 'ok') return step
  throw initFailed(step.outcome.error)
}

/** What a call has used. Of one that was aborted no fuel was counted: it has had all the time that there is. */
export function fuelOf({ outcome, fuel }: Step, { limits }: Contract): number {
  return outcome.status === 'abort' ? limits.fuel : fuel
}

/** The code is the one thing of it that a program can go by. */
export function initFailed(
  { name, message, code }: { name: string; message: string; code: string | null },
  options: ErrorOptions = {}
): MivmError {
  const coded = code === null ? message : `${message} (${code})`
  return new MivmError(
    'DEPLOY_FAILED',
    `init ended with ${name}: ${coded}; nothing was deployed`,
    options
  )
}
