import type { Mirror, MirrorEvent } from '../copies/mirror.ts'
import type { Bootstrap } from '../net/network.ts'
import { MivmError } from '../protocol/errors.ts'
import type { Context } from './context.ts'
import type { HostLog } from './host-log.ts'
import { atEnd } from './interruption.ts'
import { printable } from './output.ts'
import { count } from './text.ts'

/** Opens a mirror of instances, by link, address or name; it is closed at the end. */
export async function openMirror(
  context: Context,
  log: HostLog,
  names: readonly string[],
  bytesMax: number | undefined,
  bootstrap: Bootstrap | undefined
): Promise<Mirror> {
  const { Mirror } = await import('../copies/mirror.ts')
  const { output, dir } = context
  const found = await Promise.all(names.map((name) => context.instance(name)))
  const mirror = await Mirror.open({
    dir,
    instances: found.map(({ link }) => link),
    ...(bytesMax === undefined ? {} : { bytesMax }),
    ...(bootstrap === undefined ? {} : { bootstrap }),
    onEvent: (event) => {
      output.object(event)
      report(log, event)
    }
  })
  atEnd(() => mirror.close())
  output.object({ type: 'mirror', id: mirror.id, instances: found.map(({ address }) => address) })
  log.write('info', `mirror ${mirror.id} of ${count(found.length, 'instance')}`, { id: mirror.id })
  return mirror
}

function report(log: HostLog, { address, ...event }: MirrorEvent): void {
  if (event.type === 'mirrored') {
    log.write('info', `mirrored ${address}: ${count(event.blocks, 'block')}`, { address })
  } else {
    const message = printable(event.message)
    log.write('error', `not mirrored any more ${address}: ${message}`, { address })
  }
}

/** Bytes, also with K, M, G or T behind the number. */
export function parseBytes(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,15})([KMGT]?)$/i.exec(text) ?? []
  const bytes = Number(digits) * 1024 ** ' KMGT'.indexOf(unit.toUpperCase() || ' ')
  if (digits !== '' && bytes > 0 && Number.isSafeInteger(bytes)) return bytes
  throw new MivmError('USAGE', `${text} is no number of bytes: give one such as 500M or 16G`)
}
