import path from 'node:path'
import { type AuditEvent, audit as auditLogs } from './audit/audit.ts'
import { Replica } from './client/replica.ts'
import type { Bootstrap } from './net/network.ts'
import { parseLink } from './protocol/ids.ts'

export type { AuditEvent } from './audit/audit.ts'
export type { Finding, Gap, Verdict } from './audit/findings.ts'
export { Client, type ClientOptions, type DeployOptions } from './client/client.ts'
export type { CallPromise, ContractObject } from './client/contract.ts'
export type { StateReader } from './client/state-reader.ts'
export { Host, type HostEvent, type HostOptions } from './host/host.ts'
export { type Oracle, Oracles } from './host/oracles.ts'
export { allowAll, allowOnly, type Policy } from './host/policy.ts'
export {
  createIdentity,
  exportIdentity,
  type Identity,
  importIdentity,
  listIdentities,
  openIdentity,
  readIdentity
} from './net/identity.ts'
export { type Bootstrap, openLocal } from './net/network.ts'
export { ContractError, type ErrorCode, MivmError } from './protocol/errors.ts'
export { decodeId, encodeId, formatLink, type Link, parseLink } from './protocol/ids.ts'
export { LIMITS, type LimitName, type Limits } from './protocol/limits.ts'
export { type Receipt, verifyReceipt as verify } from './protocol/receipt.ts'
export { decodeValue, encodeValue, type Value } from './protocol/values.ts'

export interface AuditOptions {
  /** Address or link of the instance. */
  readonly address: string
  /** The data directory: copies of the logs, and what this auditor has seen before. */
  readonly dir: string
  readonly bootstrap?: Bootstrap
  /** How long to wait for something that nobody shows, ms; default 10 s. */
  readonly patience?: number
}

/**
 * Audits an instance from its first entry on, from its host and whoever else serves it; where nobody does, the copy
 * on this machine. The last event is the verdict. Throws INSTANCE_UNKNOWN or HOST_UNKNOWN where there is nothing to
 * audit; what is wrong with the instance is never thrown.
 */
export async function* audit(options: AuditOptions): AsyncGenerator<AuditEvent> {
  const { address, dir, bootstrap, patience } = options
  const replica = await Replica.open(bootstrap === undefined ? { dir } : { dir, bootstrap })
  try {
    const online = await replica.reach(address)
    yield* auditLogs({
      address: parseLink(address).address,
      store: replica.store,
      dir: path.join(dir, 'audits'),
      peers: () => replica.peers,
      ...(online ? {} : { patience: 0 }),
      ...(patience === undefined ? {} : { patience })
    })
  } finally {
    await replica.close()
  }
}
