import { MivmError } from '../protocol/errors.ts'
import { choice, flag, number, object, optional } from './fields.ts'

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

const OPTIONS = object({ ...SETTINGS, openMax: number({ min: 1 }) })

/** Throws CONFIG_INVALID, with all that is wrong in one line, for what would show much later. */
export function checkOptions(
  options: { readonly [name in keyof typeof SETTINGS]?: unknown } & {
    readonly openMax?: unknown
  }
): void {
  const { engines, isolateBy, patience, sandbox, requireSandbox, quotas, openMax } = options
  const problems: string[] = []
  const said = { engines, isolateBy, patience, sandbox, requireSandbox, quotas, openMax }
  OPTIONS.read(said, '', problems)
  if (problems.length === 0) return
  throw new MivmError(
    'CONFIG_INVALID',
    `the options of the host: ${problems.join('; ')}: mend them`
  )
}
