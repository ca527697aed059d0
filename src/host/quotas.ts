import { LOGS_OPEN_MAX } from '../state/readers.ts'

/** How much somebody may do in a second, on average; null for no limit. */
export interface Rates {
  readonly callsPerSecond: number | null
  /** What calls cost, as their results say. */
  readonly fuelPerSecond: number | null
  /** Bytes that are sent to the host; over a connection also those of its replies. */
  readonly bytesPerSecond: number | null
}

/** What a host takes from others. */
export interface Quotas {
  /** How many seconds' worth of a rate may be used at once. */
  readonly burstSeconds: number
  readonly user: Rates & {
    /** Calls that wait for their execution, in one instance. */
    readonly callsWaiting: number | null
    /** Connections over which one user's calls come. */
    readonly connections: number | null
    /** The user's logs in all instances together. */
    readonly bytesStored: number | null
  }
  readonly deployer: Rates & {
    readonly deploymentsPerSecond: number | null
    readonly instances: number | null
    /** Call logs and archives of all its instances together. */
    readonly bytesStored: number | null
  }
  readonly connection: Rates & {
    /** Users whose calls come over one connection. */
    readonly users: number | null
  }
  readonly host: {
    readonly connections: number | null
    readonly connectionsPerAddress: number | null
    /** How long a connection may be there without anything coming over it. */
    readonly silentSeconds: number | null
    /** Calls that wait for their execution, in memory, of all users and instances. */
    readonly bytesWaiting: number | null
    /** Logs that are open because peers read them by replication. */
    readonly logsOpen: number | null
  }
}

/** The same where only some of it is said. */
export type SomeQuotas = {
  readonly [scope in keyof Quotas]?: Quotas[scope] extends number
    ? number
    : { readonly [name in keyof Quotas[scope]]?: Quotas[scope][name] | undefined } | undefined
}

const MEBIBYTE = 1024 * 1024
const GIBIBYTE = 1024 * MEBIBYTE

/**
 * Rates are above what one caller gets out of a fast machine: on a host that is quiet, everybody may have all of it. That
 * one does not hold up the others when it is not, is the work of the queues. What is kept, in memory and on disk, is
 * bounded for everybody.
 */
export const DEFAULT_QUOTAS: Quotas = {
  burstSeconds: 5,
  user: {
    callsPerSecond: 50_000,
    fuelPerSecond: 1_000_000_000,
    bytesPerSecond: 64 * MEBIBYTE,
    callsWaiting: 20_000,
    connections: 64,
    bytesStored: 8 * GIBIBYTE
  },
  deployer: {
    callsPerSecond: 200_000,
    fuelPerSecond: 4_000_000_000,
    bytesPerSecond: 256 * MEBIBYTE,
    deploymentsPerSecond: 50,
    instances: 10_000,
    bytesStored: 64 * GIBIBYTE
  },
  connection: {
    callsPerSecond: 50_000,
    fuelPerSecond: 1_000_000_000,
    bytesPerSecond: 64 * MEBIBYTE,
    users: 1_000
  },
  host: {
    connections: 4_096,
    connectionsPerAddress: 1_024,
    silentSeconds: 10,
    bytesWaiting: 256 * MEBIBYTE,
    logsOpen: LOGS_OPEN_MAX
  }
}

/** All quotas, those that are not said as by default. */
export function withDefaults(some: SomeQuotas = {}): Quotas {
  return {
    burstSeconds: some.burstSeconds ?? DEFAULT_QUOTAS.burstSeconds,
    user: over(DEFAULT_QUOTAS.user, some.user),
    deployer: over(DEFAULT_QUOTAS.deployer, some.deployer),
    connection: over(DEFAULT_QUOTAS.connection, some.connection),
    host: over(DEFAULT_QUOTAS.host, some.host)
  }
}

function over<T extends object>(defaults: T, said: object = {}): T {
  const entries = Object.entries(said).filter(([, value]) => value !== undefined)
  return { ...defaults, ...Object.fromEntries(entries) }
}
