import { MivmError } from '../protocol/errors.ts'
import { Supervisor, type SupervisorOptions } from './supervisor.ts'

/** The VM ids that this version can execute. An id's semantics never change. */
export const VM_IDS: readonly string[] = ['js-1']

export type VmOptions = SupervisorOptions

/**
 * Opens the VM of an id, with at least one engine running. Throws VM_UNKNOWN for an id that this version does
 * not have, ENGINE_FAILED where the engine cannot be started on this machine, and SANDBOX_UNAVAILABLE where the
 * sandbox is required and not complete.
 */
export async function openVm(id: string, options: VmOptions = {}): Promise<Supervisor> {
  if (!VM_IDS.includes(id)) {
    throw new MivmError(
      'VM_UNKNOWN',
      `there is no VM ${JSON.stringify(id)} in this version, only ${VM_IDS.join(', ')}: update MIVM`
    )
  }
  return Supervisor.open(id, options)
}
