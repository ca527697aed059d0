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
import { Oracles } from './oracles.ts'

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
