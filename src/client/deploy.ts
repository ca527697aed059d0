import b4a from 'b4a'
import crypto from 'hypercore-crypto'
import { KeyedMutex } from '../net/mutex.ts'
import { checkLimits, encodeEntry, encodeUserEntry } from '../protocol/entries.ts'
import { MivmError } from '../protocol/errors.ts'
import { bytes, checkGiven, given, record } from '../protocol/fields.ts'
import { codeHash } from '../protocol/hash.ts'
import { decodeId, encodeId } from '../protocol/ids.ts'
import type { LimitName } from '../protocol/limits.ts'
import { addressOf } from '../protocol/manifest.ts'
import { DEPLOY, INFO } from '../protocol/messages.ts'
import { encodeArgs } from '../protocol/values.ts'
import { VM_ID } from '../protocol/vm-id.ts'
import { OwnLog } from './own-log.ts'
import type { Calling, Sessions } from './sessions.ts'

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

/** What the rest of them may be is said where it is used. */
const OPTIONS = {
  host: given(),
  source: given(),
  args: given(),
  salt: bytes(32),
  limits: record
}

/**
 * Deploys a contract; resolves when its `init` has its result, with the key of its host and its address. Throws DEPLOY_FAILED and
 * CODE_* for what is wrong with the contract, DEPLOY_DENIED, HOST_UNKNOWN.
 */
export async function deploy(
  calling: Calling,
  sessions: Sessions,
  options: DeployOptions
): Promise<{ host: Uint8Array; address: Uint8Array }> {
  checkGiven(options, OPTIONS, 'the deployment')
  const { source, args = [], salt = crypto.randomBytes(32), limits = {} } = options
  checkSource(source)
  checkLimits(limits)
  const { keyPair, known, timeout } = calling
  const host = decodeId(options.host, 'host key')
  const genesis = encodeEntry({
    type: 'genesis',
    vm: VM_ID,
    host,
    deployer: keyPair.publicKey,
    salt,
    codeHash: codeHash(source),
    limits
  })
  const address = addressOf(host, genesis)
  const text = encodeArgs(args)
  // with a salt that was used before the host may hold a log that this machine has lost
  if (options.salt !== undefined) await takeBack(calling, sessions, host, address)
  const log = await BEGINNING.run(encodeId(address), () => begin(calling, address, text))
  try {
    const remote = calling.remote(host)
    // where it was deployed before, and the host does not know it any more; the log may not say yet what the last reply has shown
    const head = (await sessions.opened(address))?.head ?? (await log.recap()).head
    if (head !== null) await remote.tell({ address, head }, timeout)
    const blocks = await log.blocks(0, 1, 1)
    await remote.ask(DEPLOY, { genesis, source, log: blocks }, timeout)
    await known.learn(address, host, await remote.ask(INFO, { address }, timeout))
  } finally {
    await log.close()
  }
  const session = await sessions.of(address)
  await session.drained(timeout)
  return { host, address }
}

/** Has our log of an instance that is deployed already as the host has it. */
async function takeBack(
  { known, timeout, remote }: Calling,
  sessions: Sessions,
  host: Uint8Array,
  address: Uint8Array
): Promise<void> {
  const asking = remote(host).ask(INFO, { address }, timeout)
  const info = await asking.catch((error: unknown) => {
    if (error instanceof MivmError && error.code === 'INSTANCE_UNKNOWN') return null
    throw error
  })
  if (info === null) return
  await known.learn(address, host, info)
  // it takes back what is missing before anything is written
  await sessions.of(address)
}

/** Throws USAGE for what no contract is deployed from, before anything is written of it. */
function checkSource(source: string): void {
  if (typeof source === 'string') return
  throw new MivmError(
    'USAGE',
    'source is not a text: give the code, or the source of what bundle(file) makes'
  )
}

/** By address: two deployments with one salt that come at once would each write the first entry of the one log. */
const BEGINNING = new KeyedMutex()

/** The deployer's log, with its first entry. */
async function begin(
  { store, wal, keyPair }: Calling,
  address: Uint8Array,
  args: string
): Promise<OwnLog> {
  const log = await OwnLog.open(store, wal, keyPair, address)
  try {
    await writeInit(log, args)
    return log
  } catch (error) {
    await log.close()
    throw error
  }
}

/** The first entry of the deployer's log; there already where the deployment is tried again. */
async function writeInit(log: OwnLog, args: string): Promise<void> {
  const call = { type: 'call', method: 'init', args, head: null } as const
  if (log.length === 0) {
    await log.append([call])
  } else if (!b4a.equals(await log.block(1), encodeUserEntry(call))) {
    throw new MivmError('USAGE', 'this salt was used with other arguments before: choose another')
  }
}
