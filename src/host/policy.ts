import { MivmError } from '../protocol/errors.ts'

/** Decides whether an identity may deploy; throws DEPLOY_DENIED where not. */
export type Policy = (deployer: string) => void | Promise<void>

export const allowAll: Policy = () => {}

/** Only these identities, z-base-32, may deploy. */
export function allowOnly(ids: readonly string[]): Policy {
  const allowed = new Set(ids)
  return (deployer) => {
    if (allowed.has(deployer)) return
    throw new MivmError(
      'DEPLOY_DENIED',
      `${deployer} may not deploy here: ask the operator for --allow-deploy ${deployer}`
    )
  }
}
