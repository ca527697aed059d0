import { MivmError } from '../protocol/errors.ts'

/** Where something listens. */
export interface Endpoint {
  readonly address: string
  readonly port: number
}

/** For those who are on this machine, unless an address is given. */
const LOOPBACK = '127.0.0.1'

/** Reads `port`, `address:port` or `[address]:port`; throws USAGE, which names the option. */
export function parseEndpoint(text: string, option: string): Endpoint {
  const [, quoted, plain, digits] = /^(?:(?:\[([^\]]+)\]|([^:]+)):)?(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits ?? Number.NaN)
  if (port <= 65_535) return { address: quoted ?? plain ?? LOOPBACK, port }
  throw new MivmError('USAGE', `${option} ${text} is not a port, nor an address and a port`)
}
