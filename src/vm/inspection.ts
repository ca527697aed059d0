import { type ErrorCode, MivmError } from '../protocol/errors.ts'
import type { Compilers } from './compilers.ts'
import { EngineDeath, NO_HANDLERS } from './engine.ts'
import { encodeCall, type InspectedReport } from './frames.ts'
import { LAG_MS } from './laggards.ts'
import type { Slot } from './slot.ts'
import type { Contract, Thrown } from './vm.ts'

/** Compiles a contract before its deployment; throws CODE_SYNTAX or CODE_TOO_LARGE. */
export async function checkCode(compilers: Compilers, contract: Contract): Promise<void> {
  const { refusal } = await compilers.compile(contract).catch((error) => {
    if (!(error instanceof EngineDeath)) throw error
    throw new MivmError(
      'CODE_TOO_LARGE',
      `the code is too much for the compiler: ${error.message}: make it smaller or simpler`
    )
  })
  if (refusal !== null) throw new MivmError(refusal.code, refusal.message)
}

export interface InspectOptions {
  /** Multiplies the wall clock that loading may take. */
  readonly patience: number
  /** Called where the contract has held the engine for long, or ended it. */
  readonly onLag?: () => void
}

/** Loads a contract once, as before its deployment, and says which methods it has or what is wrong with it. */
export async function inspect(
  slot: Slot,
  contract: Contract,
  { patience, onLag }: InspectOptions
): Promise<readonly string[]> {
  const report = await load(slot, contract, patience).catch((error) => {
    onLag?.()
    throw error
  })
  if (report.processor > LAG_MS) onLag?.()
  if (report.status !== 'ok') throw refusal(report.error)
  if (report.methods.length === 0) {
    throw new MivmError(
      'CODE_NO_EXPORTS',
      'the code exports no method: give it one, as in exports.greet = async (name) => …'
    )
  }
  return report.methods
}

/** Codes of the engine's own findings; whatever else comes was thrown by the code. */
const FINDINGS: readonly ErrorCode[] = ['CODE_SYNTAX', 'CODE_NO_EXPORTS', 'CODE_TOO_LARGE']

async function load(slot: Slot, contract: Contract, patience: number): Promise<InspectedReport> {
  const seed = new Uint8Array(32).fill(1)
  const call = { method: 'init', args: '[]', caller: contract.deployer, seq: 1, time: 0, seed }
  const job = { begin: encodeCall(call), time: contract.limits.time * patience }
  for (let tries = 1; ; tries++) {
    try {
      // before its deployment it has no files and no oracles to ask for
      return await slot.inspect(contract, job, NO_HANDLERS)
    } catch (error) {
      if (!(error instanceof EngineDeath)) throw error
      // an engine that did not run out of time may have died of something else than this code
      if (error.reason === 'time' || tries === 2) {
        throw new MivmError(
          'CODE_THROWS',
          `the code ends the engine that loads it: ${error.message}: do less while the code is loaded`
        )
      }
    }
  }
}

function refusal({ name, message, code }: Thrown): MivmError {
  const found = FINDINGS.find((each) => name === 'MivmError' && each === code)
  if (found !== undefined) return new MivmError(found, message)
  return new MivmError(
    'CODE_THROWS',
    `the code throws while it is loaded: ${name}: ${message}: make it load without an error`
  )
}
