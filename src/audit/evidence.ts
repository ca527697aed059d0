import { type Evidence, verifyEvidence as verifyParts } from '../protocol/evidence.ts'
import { callback, checkGiven, given } from '../protocol/fields.ts'
import { openVm as openRegistered } from '../vm/registry.ts'
import type { VirtualMachine } from '../vm/vm.ts'
import { reexecute } from './reexecute.ts'

const OPTIONS = { host: given(), openVm: callback }

export interface VerifyOptions {
  /** The host that has to be the accused, z-base-32. */
  readonly host?: string
  /** Opens the VM that genesis names, where calls have to be executed; by default one of this version. */
  readonly openVm?: (id: string) => Promise<VirtualMachine>
}

/**
 * Verifies evidence offline, with nothing but what is in it: calls that are said to come to something else are executed
 * again. Throws as the pure verifier does (protocol/evidence.ts), which does all but that.
 */
export async function verifyEvidence(
  file: Uint8Array | string,
  options: VerifyOptions = {}
): Promise<Evidence> {
  checkGiven(options, OPTIONS, 'the options of verifyEvidence')
  const { host, openVm = (id) => openRegistered(id, { engines: 1 }) } = options
  return verifyParts(file, {
    ...(host === undefined ? {} : { host }),
    replay: async (code, replayCase) => {
      const vm = await openVm(replayCase.genesis.vm)
      try {
        return await reexecute(code, replayCase, vm)
      } finally {
        await vm.close()
      }
    }
  })
}
