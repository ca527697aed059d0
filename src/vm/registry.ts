import { MivmError } from '../protocol/errors.ts'
import { isOwnVm, otherVm, VM_ID } from '../protocol/vm-id.ts'
import { Supervisor, type SupervisorOptions } from './supervisor.ts'

export type VmOptions = SupervisorOptions

/**
 * Opens the VM of an id, with at least one engine running. Throws VM_UNKNOWN for an id that this version does
 * not have, ENGINE_FAILED where the engine cannot be started on this machine, and SANDBOX_UNAVAILABLE where the
 * sandbox is required and not complete.
 */
export async function openVm(id: string, options: VmOptions = {}): Promise<Supervisor> {
  if (!isOwnVm(id)) throw new MivmError('VM_UNKNOWN', otherVm(id))
  return Supervisor.open(VM_ID, options)
}
