import type { RecoveryEvent } from '../copies/recovery.ts'
import type { RepairEvent } from '../copies/repair.ts'
import type { Bootstrap } from '../net/network.ts'
import type { Context } from './context.ts'
import { type Output, printable } from './output.ts'
import { count } from './text.ts'

/** Takes back what the host of this directory has signed and does not have, before it is started. */
export async function recoverHost(
  context: Context,
  from: readonly string[],
  bootstrap: Bootstrap | undefined
): Promise<void> {
  const { recover } = await import('../copies/recovery.ts')
  const { output, hostDir } = context
  output.note('asking others what this host has signed…')
  await recover({
    dir: hostDir,
    from,
    ...(bootstrap === undefined ? {} : { bootstrap }),
    onEvent: (event) => {
      output.object(event)
      report(output, event)
    }
  })
}

/** Reads all that the host of this directory has, and takes what is damaged from others, before it is started. */
export async function repairHost(
  context: Context,
  from: readonly string[],
  bootstrap: Bootstrap | undefined
): Promise<void> {
  const { repair } = await import('../copies/repair.ts')
  const { output, hostDir } = context
  output.note('reading all that there is…')
  await repair({
    dir: hostDir,
    from,
    ...(bootstrap === undefined ? {} : { bootstrap }),
    onEvent: (event) => {
      output.object(event)
      report(output, event)
    }
  })
}

function report(output: Output, event: RecoveryEvent | RepairEvent): void {
  switch (event.type) {
    case 'recovered':
      output.note(`recovered ${event.address}: ${event.from} to ${count(event.to, 'block')}`)
      break
    case 'level':
      output.note(`whole ${event.address}: ${count(event.blocks, 'block')}`)
      break
    case 'repaired':
      output.note(`repaired ${event.address}: ${count(event.blocks, 'block')}`)
      break
    case 'intact':
      output.note(`intact ${event.address}`)
      break
    case 'unrepaired':
    case 'unrecovered':
      output.note(
        `${output.paintNote('red', `not ${event.type.slice(2)}`)} ${event.address}: ${printable(event.message)}`
      )
      break
  }
}
