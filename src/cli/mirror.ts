import type { Mirror, MirrorEvent } from '../copies/mirror.ts'
import type { Bootstrap } from '../net/network.ts'
import { MivmError } from '../protocol/errors.ts'
import type { Context } from './context.ts'
import { atEnd } from './interruption.ts'
import { type Output, printable } from './output.ts'
import { count } from './text.ts'

/** Opens a mirror of instances, by link, address or name; it is closed at the end. */
export async function openMirror(
  context: Context,
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
      report(output, event)
    }
  })
  atEnd(() => mirror.close())
  output.object({ type: 'mirror', id: mirror.id, instances: found.map(({ address }) => address) })
  output.note(`mirror ${mirror.id} of ${count(found.length, 'instance')}`)
  return mirror
}

function report(output: Output, event: MirrorEvent): void {
  if (event.type === 'mirrored') {
    output.note(`mirrored ${event.address}: ${count(event.blocks, 'block')}`)
  } else {
    output.note(
      `${output.paintNote('red', 'not mirrored any more')} ${event.address}: ${printable(event.message)}`
    )
  }
}

/** Bytes, also with K, M, G or T behind the number. */
export function parseBytes(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,15})([KMGT]?)$/i.exec(text) ?? []
  const bytes = Number(digits) * 1024 ** ' KMGT'.indexOf(unit.toUpperCase() || ' ')
  if (digits !== '' && bytes > 0 && Number.isSafeInteger(bytes)) return bytes
  throw new MivmError('USAGE', `${text} is no number of bytes: give one such as 500M or 16G`)
}
