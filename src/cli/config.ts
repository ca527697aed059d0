import path from 'node:path'
import { readAtMost } from '../bundle/bounded-file.ts'
import { SETTINGS } from '../host/options.ts'
import { codeOf, MivmError, messageOf } from '../protocol/errors.ts'
import { choice, type Field, list, object, parsed, type Read, text } from '../protocol/fields.ts'
import { decodeId, encodeId } from '../protocol/ids.ts'
import { savedText } from '../protocol/saved-text.ts'
import { type Endpoint, parseEndpoint } from './endpoint.ts'
import { LOG_LEVELS } from './host-log.ts'

/** Where the settings of a host are, in its data directory, when no other file is named. */
export const CONFIG_NAME = 'mivm.config.json'

const ENDPOINT_TEXT = parsed('a port, or an address and a port', (said) =>
  parseEndpoint(said, 'metrics')
)

/** A bare port may be a number. */
const ENDPOINT: Field<Endpoint> = {
  ...ENDPOINT_TEXT,
  read: (value, at, problems) =>
    ENDPOINT_TEXT.read(typeof value === 'number' ? String(value) : value, at, problems)
}

const FIELDS = {
  allowDeploy: list(
    parsed('an id of an identity', (id) => encodeId(decodeId(id, 'id of an identity')))
  ),
  oracle: text,
  metrics: ENDPOINT,
  logLevel: choice(LOG_LEVELS),
  ...SETTINGS
}

/** What `mivm host` takes from a file; what its command line says as well goes before. */
export type Config = Read<typeof FIELDS>

/**
 * Reads the settings of a host: a file that was named, or the one in the data directory, where there is one. Paths in it
 * are relative to it. Throws CONFIG_INVALID, with all that is wrong in one line.
 */
export async function readConfig(
  dir: string,
  named: string | undefined
): Promise<{ config: Config; file: string | null }> {
  const file = path.resolve(named ?? path.join(dir, CONFIG_NAME))
  const written = await read(file, named !== undefined)
  if (written === null) return { config: {}, file: null }
  const problems: string[] = []
  const config = object(FIELDS).read(parse(written, file), '', problems)
  if (config === undefined || problems.length > 0) throw invalid(file, problems.join('; '))
  const { oracle } = config
  if (oracle === undefined) return { config, file }
  return { config: { ...config, oracle: path.resolve(path.dirname(file), oracle) }, file }
}

const BYTES_MAX = 1024 * 1024

async function read(file: string, wanted: boolean): Promise<string | null> {
  try {
    const bytes = await readAtMost(file, BYTES_MAX)
    if (bytes === null) throw new Error(`it has more than ${BYTES_MAX} bytes`)
    return savedText(bytes)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' && !wanted) return null
    throw invalid(file, `cannot be read (${messageOf(error)})`)
  }
}

function parse(written: string, file: string): unknown {
  try {
    return JSON.parse(written)
  } catch (error) {
    throw invalid(file, `is not JSON (${messageOf(error)})`)
  }
}

function invalid(file: string, what: string): MivmError {
  return new MivmError('CONFIG_INVALID', `${file}: ${what}: mend it, or name another with --config`)
}
