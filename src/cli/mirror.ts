import type { Mirror, MirrorEvent, MirrorOptions } from '../copies/mirror.ts'
import { writableAgain } from '../host/room.ts'
import type { Mirrored } from '../host/status.ts'
import type { Bootstrap } from '../net/network.ts'
import { codeOf, MivmError, messageOf } from '../protocol/errors.ts'
import type { Context } from './context.ts'
import type { HostLog } from './host-log.ts'
import { atEnd } from './interruption.ts'
import { printable } from './output.ts'
import { count } from './text.ts'

/** What is wrong with the files of a mirror alone: the host in the same process has its own. */
const OF_ITS_FILES = ['DIRECTORY_DAMAGED', 'KEY_INVALID', 'STORAGE_FULL', 'STORAGE_FAILED']

/**
 * Opens a mirror of instances; it is closed at the end. Where its disk has refused a write, it
 * is opened anew when that takes something again. One that cannot be opened is said to be so, and
 * ends no host. Gives what there is of each instance.
 */
export async function openMirror(
  context: Context,
  log: HostLog,
  instances: readonly { readonly link: string; readonly address: string }[],
  bytesMax: number | undefined,
  bootstrap: Bootstrap | undefined
): Promise<() => readonly Mirrored[]> {
  const { Mirror } = await import('../copies/mirror.ts')
  const { output, dir } = context
  const addresses = [...new Set(instances.map(({ address }) => address))]
  let mirror: Mirror | null = null
  let problem = ''
  const open = async () => {
    const opened = await Mirror.open(options)
    mirror = opened
    const { id } = opened
    output.object({ type: 'mirror', id, instances: addresses })
    log.write('info', `mirror ${id} of ${count(addresses.length, 'instance')}`, { id })
  }
  const failed = (error: unknown) => {
    if (problem === messageOf(error)) return
    problem = messageOf(error)
    for (const address of addresses) {
      options.onEvent?.({ type: 'mirror-stopped', address, reason: 'storage', message: problem })
    }
  }
  const openAgain = async () => {
    try {
      await mirror?.close()
      mirror = null
      await open()
      problem = ''
      return true
    } catch (error) {
      failed(error)
      return false
    }
  }
  const reopening = new Reopening(() => writableAgain(dir), openAgain)
  const options: MirrorOptions = {
    dir,
    instances: instances.map(({ link }) => link),
    bytesMax,
    bootstrap,
    onEvent: (event) => {
      output.object(event)
      report(log, event)
      const isStuck = event.type === 'mirror-stopped' && event.reason === 'storage'
      if (isStuck) reopening.failed()
    }
  }
  await open().catch((error: unknown) => {
    if (!OF_ITS_FILES.includes(codeOf(error) ?? '')) throw error
    failed(error)
  })
  atEnd(() => {
    reopening.stop()
    return mirror?.close()
  })
  return () => mirror?.status() ?? addresses.map((address) => absent(address, problem))
}

/** What there is of an instance as long as the mirror is not open. */
function absent(address: string, problem: string): Mirrored {
  return { address, blocks: 0, bytes: 0, state: `not open: ${problem}` }
}

/** Opens something anew as often as it fails, once at a time. */
export class Reopening {
  readonly #wait: () => Promise<void>
  readonly #open: () => Promise<boolean>
  #hasFailed = false
  #isUnderWay = false
  #isStopped = false

  /** `wait` resolves when it is worth a try, `open` to whether that has succeeded. */
  constructor(wait: () => Promise<void>, open: () => Promise<boolean>) {
    this.#wait = wait
    this.#open = open
  }

  failed(): void {
    this.#hasFailed = true
    if (!this.#isUnderWay) void this.#run()
  }

  stop(): void {
    this.#isStopped = true
  }

  async #run(): Promise<void> {
    this.#isUnderWay = true
    while (this.#hasFailed && !this.#isStopped) {
      await this.#wait()
      if (this.#isStopped) return
      // what is open may fail before it is said to be
      this.#hasFailed = false
      if (!(await this.#open())) this.#hasFailed = true
    }
    this.#isUnderWay = false
  }
}

function report(log: HostLog, told: MirrorEvent): void {
  const { type: event, address } = told
  if (told.type === 'mirrored') {
    const { blocks } = told
    log.write('info', `mirrored ${address}: ${count(blocks, 'block')}`, { event, address, blocks })
  } else {
    const { reason } = told
    const text = `not mirrored any more ${address}: ${printable(told.message)}`
    log.write('error', text, { event, address, reason })
  }
}

/** What `--mirror-max` takes: bytes, also with K, M, G or T behind the number; throws USAGE. */
export function parseBytes(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,15})([KMGT]?)$/i.exec(text) ?? []
  const bytes = Number(digits) * 1024 ** ' KMGT'.indexOf(unit.toUpperCase() || ' ')
  if (digits !== '' && bytes > 0 && Number.isSafeInteger(bytes)) return bytes
  throw new MivmError(
    'USAGE',
    `--mirror-max ${text} is no number of bytes: give one such as 500M or 16G`
  )
}
