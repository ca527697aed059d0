import type { Bootstrap } from '../net/network.ts'
import {
  callback,
  checkGiven,
  choice,
  directory,
  flag,
  given,
  needed,
  number,
  object,
  optional
} from '../protocol/fields.ts'
import type { SandboxMode } from '../vm/sandbox/sandbox.ts'
import type { IsolateBy } from '../vm/supervisor.ts'
import type { HostEvent } from './events.ts'
import { Oracles } from './oracles.ts'
import type { Policy } from './policy.ts'
import type { SomeQuotas } from './quotas.ts'

export interface HostOptions {
  /** The data directory: identity, logs and archives. One host at a time. */
  readonly dir: string
  readonly bootstrap?: Bootstrap | undefined
  /** Who may deploy; default: anybody. */
  readonly policy?: Policy | undefined
  readonly oracles?: Oracles | undefined
  /** What users, deployers and connections may have; what is not said is as in DEFAULT_QUOTAS. */
  readonly quotas?: SomeQuotas | undefined
  /** Engine processes at most, but for one for contracts that hold up others; default: one a core, 16 where contracts are kept apart. */
  readonly engines?: number | undefined
  /** Whose contracts never share an engine process with others; default `none`. */
  readonly isolateBy?: IsolateBy | undefined
  /** Layers around the engines: all that work here (`auto`, the default), or those that every machine has. */
  readonly sandbox?: SandboxMode | undefined
  /** Refuse to open unless all layers are active. */
  readonly requireSandbox?: boolean | undefined
  /** Multiplies the wall clock that a call may take before the host aborts it, for a slow or busy machine; default 1. */
  readonly patience?: number | undefined
  /** Instances that stay in memory; default 256. */
  readonly openMax?: number
  readonly onEvent?: (event: HostEvent) => void
}

const RATE = optional(number({ min: 0.001, fraction: true }))
const COUNT = optional(number({ min: 0 }))
const RATES = { callsPerSecond: RATE, fuelPerSecond: RATE, bytesPerSecond: RATE }

const QUOTAS = object({
  burstSeconds: number({ min: 0.1, max: 3600, fraction: true }),
  user: object({ ...RATES, callsWaiting: COUNT, connections: COUNT, bytesStored: COUNT }),
  deployer: object({ ...RATES, deploymentsPerSecond: RATE, instances: COUNT, bytesStored: COUNT }),
  connection: object({ ...RATES, users: COUNT }),
  host: object({
    connections: COUNT,
    connectionsPerAddress: COUNT,
    silentSeconds: RATE,
    bytesWaiting: COUNT,
    logsOpen: COUNT
  })
})

/** What a host takes from its file of settings and from a program alike. */
export const SETTINGS = {
  engines: number({ min: 1, max: 1024 }),
  isolateBy: choice(['deployer', 'instance', 'none']),
  patience: number({ min: 1, max: 100 }),
  sandbox: choice(['auto', 'none']),
  requireSandbox: flag,
  quotas: QUOTAS
}

const OPTIONS = {
  ...SETTINGS,
  dir: needed(directory),
  // what is no node is said where they are read
  bootstrap: given(),
  policy: callback,
  oracles: given('Oracles, as of new Oracles({ … })', (value) => value instanceof Oracles),
  onEvent: callback,
  openMax: number({ min: 1 })
}

/** Throws CONFIG_INVALID, with all that is wrong in one line, for what would show much later. */
export function checkOptions(options: object): void {
  checkGiven(options, OPTIONS, 'the options of the host', 'CONFIG_INVALID')
}
