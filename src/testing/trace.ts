import type Hyperdrive from 'hyperdrive'
import { type Bundle, verbatim } from '../bundle/bundle.ts'
import { ARCHIVE_WAIT, throwLate } from '../client/drive.ts'
import type { InstanceReplica } from '../client/instance-replica.ts'
import { type CallInLog, readLogged } from '../client/logged-call.ts'
import { MivmError } from '../protocol/errors.ts'
import type { LoggedCall } from '../protocol/evidence-replay.ts'
import { type Files, NO_FILES, type PathRange } from '../protocol/files.ts'
import { Overlay } from '../vm/overlay.ts'
import { answerOf, callAt, contractOf } from '../vm/record.ts'
import { readVariables, sortVariables, updateVariables } from '../vm/variables.ts'
import type { Batch, Call, OracleRequest, Step, VirtualMachine } from '../vm/vm.ts'
import { isSameError, locate, PATIENCE } from './locate.ts'

/** What ended a call of the log, and where the author's code threw it. */
export interface Thrown {
  readonly method: string
  readonly error: { readonly name: string; readonly message: string; readonly code: string | null }
  /** `app.ts:3:5` */
  readonly place: string
  /** Where the functions that it left on its way were called, the nearest first. */
  readonly through: readonly string[]
}

/**
 * Where the author's code threw what a call of the log ended with: the call is executed again, on the state that the host
 * published, with code that notes where it is. `bundle` is that of the author's file; without it the place is in the contract
 * as it was deployed, `contract.js`.
 *
 * Throws CALL_UNKNOWN, CALL_PENDING, TIMEOUT; USAGE where the call did not end with an error, or the contract is another one;
 * NOT_REPRODUCED where no line of it threw that; VM_UNKNOWN, ENGINE_FAILED.
 */
export async function traceCall(
  openVm: (id: string) => Promise<VirtualMachine>,
  instance: InstanceReplica,
  seq: number,
  bundle: Bundle | null
): Promise<Thrown> {
  const logged = await readLogged(instance, seq)
  const { asked, result } = logged.call
  if (bundle !== null && bundle.source !== logged.source) throw otherContract()
  if (result.error === null || asked?.type !== 'call') {
    throw new MivmError('USAGE', `call ${seq} has not ended with an error: see "mivm log"`)
  }
  const { method } = asked
  const { error } = result
  const located = await locateLogged(openVm, instance, logged, bundle ?? verbatim(logged.source))
  if (located !== null) return { method, error, ...located }
  throw new MivmError(
    'NOT_REPRODUCED',
    `call ${seq} ended with ${error.name}: ${error.message}, and no line of the contract has thrown that: a limit has ended it, or what it is called with`
  )
}

async function locateLogged(
  openVm: (id: string) => Promise<VirtualMachine>,
  instance: InstanceReplica,
  logged: CallInLog,
  bundle: Bundle
): Promise<Pick<Thrown, 'place' | 'through'> | null> {
  const { start, before, call, committed, source } = logged
  const { outcome, error } = call.result
  const executed = executedOf(call, committed)
  // what the host has ended, it may have ended anywhere
  if (outcome === 'abort' || error === null || executed === null) return null
  const vm = await openVm(instance.genesis.vm)
  const contract = contractOf(instance.address, instance.genesis, source)
  const files = start === null ? NO_FILES : await filesAt(instance, start)
  const variables = await readVariables(files)
  const state = { contract, base: new Overlay(files) }
  await repeat(vm, state, variables, before, committed)
  const located = await locate(vm, bundle, {
    ...state,
    variables: sortVariables(variables),
    calls: [executed],
    onOracle: answersOf([call])
  })
  if (located === null || located.place === null) return null
  const { text, place, through } = located
  return isSameError(text, error) ? { place, through } : null
}

/** Executes the calls of a batch that come before another one, for what they write. */
async function repeat(
  vm: VirtualMachine,
  { contract, base }: { contract: Batch['contract']; base: Overlay },
  variables: Map<string, string>,
  logged: readonly LoggedCall[],
  committed: Uint8Array
): Promise<void> {
  const executed = logged.filter(
    (call) => call.result.outcome !== 'abort' && executedOf(call, committed) !== null
  )
  const calls = executed.flatMap((call) => executedOf(call, committed) ?? [])
  if (calls.length === 0) return
  const steps: Step[] = []
  const batch: Batch = {
    contract,
    variables: sortVariables(variables),
    calls,
    base,
    onStep: (step) => steps.push(step),
    onOracle: answersOf(executed)
  }
  await vm.run(batch, { patience: PATIENCE })
  for (const { writes } of steps) {
    base.add(writes)
    updateVariables(variables, writes)
  }
}

/** What the VM executes for a call of the log; null for a block that is none. */
function executedOf({ ack, caller, asked }: LoggedCall, committed: Uint8Array): Call | null {
  if (asked?.type !== 'call') return null
  return callAt(asked, ack.call, caller, ack.seq, ack.time, committed)
}

/** Nobody is asked anything again. */
function answersOf(calls: readonly LoggedCall[]): Batch['onOracle'] {
  return async ({ call, index }: OracleRequest) => {
    const answer = calls[call]?.oracles[index]?.answer
    if (answer) return answerOf(answer)
    throw new MivmError('NOT_REPRODUCED', 'the log has no answer to what the call asks here')
  }
}

/** The files of the archive as a commit left them. */
async function filesAt(
  instance: InstanceReplica,
  { archive }: NonNullable<CallInLog['start']>
): Promise<Files> {
  return new DriveFiles((await instance.drive(archive.length)).checkout(archive.length))
}

class DriveFiles implements Files {
  readonly #drive: Hyperdrive

  constructor(drive: Hyperdrive) {
    this.#drive = drive
  }

  async get(path: string): Promise<Uint8Array | null> {
    return this.#drive
      .get(path, { timeout: ARCHIVE_WAIT })
      .catch((error) => throwLate(error, this.#drive.core))
  }

  async list({ gt, lt, limit, reverse }: PathRange): Promise<string[]> {
    const paths: string[] = []
    try {
      for await (const { key } of this.#drive.entries(
        { gt, lt },
        { limit, reverse, timeout: ARCHIVE_WAIT }
      )) {
        paths.push(key)
      }
    } catch (error) {
      throwLate(error, this.#drive.core)
    }
    return paths
  }
}

function otherContract(): MivmError {
  return new MivmError(
    'USAGE',
    'what that file makes is not the contract of this instance: give it as it was when it was deployed'
  )
}
