import { MivmError } from '../protocol/errors.ts'
import { decodeId, encodeId } from '../protocol/ids.ts'

/** Decides whether an identity may deploy; throws DEPLOY_DENIED where not. */
export type Policy = (deployer: string) => void | Promise<void>

export const allowAll: Policy = () => {}

/** Only these identities, z-base-32, may deploy; throws KEY_INVALID for what is no id. */
export function allowOnly(ids: readonly string[]): Policy {
  if (!Array.isArray(ids)) throw new MivmError('USAGE', 'these are no ids: give an array of them')
  const allowed = new Set(ids.map((id) => encodeId(decodeId(id, 'id of an identity'))))
  return (deployer) => {
    if (allowed.has(deployer)) return
    throw new MivmError(
      'DEPLOY_DENIED',
      `${deployer} may not deploy here: ask the operator for --allow-deploy ${deployer}`
    )
  }
}
