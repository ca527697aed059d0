import type { RecoveryEvent } from '../copies/recovery.ts'
import type { Bootstrap } from '../net/network.ts'
import type { Context } from './context.ts'
import type { HostLog } from './host-log.ts'
import { printable } from './output.ts'
import { count } from './text.ts'

/** Takes back what the host of this directory has signed and does not have, before it is started. */
export async function recoverHost(
  context: Context,
  log: HostLog,
  from: readonly string[],
  bootstrap: Bootstrap | undefined
): Promise<void> {
  const { recover } = await import('../copies/recovery.ts')
  const { output, hostDir } = context
  log.write('info', 'asking others what this host has signed…')
  await recover({
    dir: hostDir,
    from,
    ...(bootstrap === undefined ? {} : { bootstrap }),
    onEvent: (event) => {
      output.object(event)
      report(log, event)
    }
  })
}

function report(log: HostLog, event: RecoveryEvent): void {
  const { address } = event
  switch (event.type) {
    case 'recovered': {
      const blocks = `${event.from} to ${count(event.to, 'block')}`
      log.write('info', `recovered ${address}: ${blocks}`, { address })
      break
    }
    case 'level':
      log.write('info', `whole ${address}: ${count(event.blocks, 'block')}`, { address })
      break
    case 'unrecovered':
      log.write('error', `not recovered ${address}: ${printable(event.message)}`, { address })
      break
  }
}
