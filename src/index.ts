/// <reference lib="esnext.disposable" preserve="true" />
import { verifyEvidence as verifyCollected } from './audit/evidence.ts'
import { Client as ClientClass } from './client/client.ts'
import type { AnyContract, CallPromise, ContractObject, Undelivered } from './client/contract.ts'
import type { HostEvent } from './host/events.ts'
import { Host as HostClass } from './host/host.ts'
import type { Oracles } from './host/oracles.ts'
import type { Policy } from './host/policy.ts'
import type { SomeQuotas } from './host/quotas.ts'
import { openLocal as openLocalNetwork } from './net/network.ts'
import type { Evidence } from './protocol/evidence.ts'
import { checkGiven, directory, needed } from './protocol/fields.ts'
import type { LimitName } from './protocol/limits.ts'
import { fileError } from './state/file-error.ts'
import * as identities from './state/identity.ts'

/**
 * The library's front door. What has types of untyped dependencies inside is shown here as an interface, so that
 * whoever uses the library needs no declarations but these; the compiler holds the two together.
 */

export type { AuditEvent } from './audit/events.ts'
export type { Counts, Finding, Gap, Suspicion, Verdict } from './audit/findings.ts'
export { type Bundle, bundle } from './bundle/bundle.ts'
export type { AnyContract, CallPromise, ContractObject, Undelivered } from './client/contract.ts'
export type { HostEvent } from './host/events.ts'
export { type Oracle, Oracles } from './host/oracles.ts'
export { allowAll, allowOnly, type Policy } from './host/policy.ts'
export { type AuditOptions, audit } from './network-audit.ts'
export { armor } from './protocol/envelope.ts'
export { ContractError, type ErrorCode, MivmError } from './protocol/errors.ts'
export type { Evidence } from './protocol/evidence.ts'
export { decodeId, encodeId, formatLink, type Link, parseLink } from './protocol/ids.ts'
export { LIMITS, type LimitName, type Limits } from './protocol/limits.ts'
export { type Receipt, verifyReceipt as verify } from './protocol/receipt.ts'
export { decodeValue, encodeValue, type Value } from './protocol/values.ts'

/** `host:port` of nodes to enter the network through; none for the public one. */
export type Bootstrap = readonly string[]

/** A network of its own on loopback, in this process; `port` 0 for a free one. */
export const openLocal: (
  port?: number
) => Promise<{ readonly bootstrap: Bootstrap; close(): Promise<void> } & AsyncDisposable> =
  openLocalNetwork

/** An Ed25519 identity, of a host or of a user. */
export interface Identity {
  readonly name: string
  /** The public key in z-base-32. */
  readonly id: string
  readonly keyPair: { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array }
}

/** Creates an identity in a directory of keys; throws IDENTITY_EXISTS. `seed`: 32 bytes that it is derived from. */
export const createIdentity: (dir: string, name: string, seed?: Uint8Array) => Promise<Identity> =
  inDirectory(identities.createIdentity)
/** Throws IDENTITY_UNKNOWN or KEY_INVALID. */
export const readIdentity: (dir: string, name: string) => Promise<Identity> = inDirectory(
  identities.readIdentity
)
/** The identity of that name, created where there is none. */
export const openIdentity: (dir: string, name: string) => Promise<Identity> = inDirectory(
  identities.openIdentity
)
/** Names of all identities, sorted. */
export const listIdentities: (dir: string) => Promise<string[]> = inDirectory(
  identities.listIdentities
)
/** The text that `importIdentity` reads: whoever has it is this identity. */
export const exportIdentity: (identity: Identity) => string = identities.exportIdentity
export const importIdentity: (dir: string, name: string, text: string) => Promise<Identity> =
  inDirectory(identities.importIdentity)

/** What the file system says of the directory that is named first is an error of ours. */
function inDirectory<A extends readonly unknown[], R>(
  fn: (dir: string, ...args: A) => Promise<R>
): (dir: string, ...args: A) => Promise<R> {
  return async (dir, ...args) => {
    checkGiven({ dir }, { dir: needed(directory) }, 'the identities')
    try {
      return await fn(dir, ...args)
    } catch (error) {
      throw fileError(error)
    }
  }
}

export interface HostOptions {
  /** The data directory: identity, logs and archives. One host at a time. */
  readonly dir: string
  readonly bootstrap?: Bootstrap
  /** Who may deploy; default: anybody. */
  readonly policy?: Policy
  readonly oracles?: Oracles
  /** What users, deployers and connections may have; see docs/configuration.md. */
  readonly quotas?: SomeQuotas
  /** Engine processes at most, but for one for contracts that hold up others; default: one a core, 16 where contracts are kept apart. */
  readonly engines?: number
  /** Whose contracts never share an engine process with others; default `none`. */
  readonly isolateBy?: 'deployer' | 'instance' | 'none'
  /** Layers around the engines: all that work here (`auto`, the default), or those that every machine has. */
  readonly sandbox?: 'auto' | 'none'
  /** Refuse to open unless all layers are active. */
  readonly requireSandbox?: boolean
  /** Multiplies the wall clock that a call may take before the host aborts it, for a slow or busy machine; default 1. */
  readonly patience?: number
  /** Instances that stay in memory; default 256. */
  readonly openMax?: number
  readonly onEvent?: (event: HostEvent) => void
}

/** Runs instances and answers peers; `await using` closes it. */
export interface Host extends AsyncDisposable {
  /** Public key, z-base-32. */
  readonly id: string
  /** Addresses of all instances, z-base-32. */
  readonly instances: string[]
  /** The layers around the engines that execute contracts: what each is, or why it is not there. */
  readonly sandbox: readonly {
    readonly name: string
    readonly state: 'active' | 'unavailable' | 'off'
    readonly message: string
  }[]
  status(): {
    readonly id: string
    readonly instances: number
    readonly open: number
    readonly peers: number
  }
  /** Finishes the batches in flight and lets go of everything. */
  close(): Promise<void>
}

export const Host: {
  /**
   * Throws DIRECTORY_LOCKED where another process has the directory, ENGINE_FAILED where no engine starts,
   * SANDBOX_UNAVAILABLE, CONFIG_INVALID for options that are none, STORAGE_FAILED where the directory cannot be used.
   */
  open(options: HostOptions): Promise<Host>
} = HostClass

export interface ClientOptions {
  /** The data directory: keys, and one store an identity. */
  readonly dir: string
  readonly bootstrap?: Bootstrap
  /** An identity, or the name of one, created where there is none; default `default`. */
  readonly identity?: Identity | string
  /** How long a call waits for its result, ms; default 60 s. It stays in the log and is delivered later. */
  readonly timeout?: number
}

export interface DeployOptions {
  /** z-base-32. */
  readonly host: string
  readonly source: string
  /** Arguments of `init`. */
  readonly args?: readonly unknown[]
  /** 32 bytes; the same deployment with the same salt has the same address. Default: random. */
  readonly salt?: Uint8Array
  readonly limits?: { readonly [name in LimitName]?: number }
}

/** Calls contracts, as one identity. One client an identity and directory at a time; `await using` closes it. */
export interface Client extends AsyncDisposable {
  /** The identity's key, z-base-32: what contracts see as `caller.id`. */
  readonly id: string
  /** Throws DEPLOY_FAILED and CODE_* for what is wrong with the contract, DEPLOY_DENIED, HOST_UNKNOWN. */
  deploy(options: DeployOptions): Promise<{ address: string; link: string }>
  /**
   * The functions of an instance, by address or link; throws INSTANCE_UNKNOWN, HOST_UNKNOWN. In TypeScript what is known of the
   * contract gives them their types: `connect<typeof import('./shop.ts')>(…)`, or an interface with its methods.
   */
  connect<T extends object = AnyContract>(instance: string): Promise<ContractObject<T>>
  /**
   * Calls any method by name; throws ContractError for what the contract threw, and HEAD_CONFLICT, with the name of a file
   * that proves it, where the host is found to have signed two histories.
   */
  call(instance: string, method: string, args?: readonly unknown[]): CallPromise
  /**
   * Goes on with the calls to an instance that have no result yet, and that nobody waits for: those of earlier runs, and
   * those that were given up. Another call to the instance delivers them, too.
   */
  deliver(instance: string): Promise<readonly Undelivered[]>
  /** The state archive of an instance. */
  state(instance: string): StateReader
  /** Calls that are written and have no result yet, over all instances used by this client so far. */
  pendingCalls(): Promise<number>
  /** What a host says of itself; throws HOST_UNKNOWN, TIMEOUT, REQUEST_INVALID. */
  status(host: string): Promise<unknown>
  close(): Promise<void>
}

export const Client: {
  /**
   * Throws DIRECTORY_LOCKED where another client has this identity open, USAGE for options that are none, KEY_INVALID for an
   * identity that is none, STORAGE_FAILED where the directory cannot be used.
   */
  open(options: ClientOptions): Promise<Client>
} = ClientClass

/** Reads the files of an instance. Nothing that it says is verified beyond the host's signature. */
export interface StateReader {
  /** A file as text, or as bytes with `encoding: 'binary'`; throws FILE_UNKNOWN. */
  readFile(path: string, options: { readonly encoding: 'binary' }): Promise<Uint8Array>
  readFile(path: string): Promise<string>
  /** Whether there is such a file, or a directory. */
  exists(path: string): Promise<boolean>
  /** Names of the files and directories in a directory. */
  readdir(path: string): Promise<string[]>
  /** The Hyperdrive itself, up to date. */
  drive(): Promise<Drive>
}

/** A Hyperdrive, as far as reading goes. */
export interface Drive {
  readonly key: Uint8Array
  readonly version: number
  get(path: string): Promise<Uint8Array | null>
  exists(path: string): Promise<boolean>
  list(folder?: string): AsyncIterable<{ readonly key: string }>
  checkout(version: number): Drive
}

/**
 * Verifies evidence offline, without believing who made it; where calls are said to come to something else, they are
 * executed again. Throws PROOF_INVALID where it does not hold, with `host` also where it accuses another one;
 * NOT_REPRODUCED, VM_UNKNOWN or ENGINE_FAILED where this machine cannot execute them; PROOF_UNKNOWN, PROOF_VERSION,
 * PROOF_DAMAGED or PROOF_TOO_LARGE where it is no evidence.
 */
export const verifyEvidence: (
  file: Uint8Array | string,
  options?: { readonly host?: string }
) => Promise<Evidence> = verifyCollected
