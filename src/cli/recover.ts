import type { RecoveryEvent } from '../copies/recovery.ts'
import type { RepairEvent } from '../copies/repair.ts'
import type { RecoveryOptions } from '../copies/sources.ts'
import type { HostEvent } from '../host/events.ts'
import type { Bootstrap } from '../net/network.ts'
import type { Context } from './context.ts'
import type { HostLog, LogLevel } from './host-log.ts'
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
  log.write('info', 'asking others what this host has signed…')
  await recover(optionsOf(context, log, from, bootstrap))
}

/** Reads all that the host of this directory has, and takes what is damaged from others, before it is started. */
export async function repairHost(
  context: Context,
  log: HostLog,
  from: readonly string[],
  bootstrap: Bootstrap | undefined
): Promise<void> {
  const { repair } = await import('../copies/repair.ts')
  log.write('info', 'reading all that there is…')
  await repair(optionsOf(context, log, from, bootstrap))
}

/** Takes what the disk has damaged out of the database, before the host of this directory is started. */
export async function salvageHost(context: Context, log: HostLog, isStuck = false): Promise<void> {
  const { output, hostDir } = context
  const { salvage } = await import('../copies/salvage.ts')
  log.write('info', 'reading the database, and leaving out what cannot be read…')
  const event = await salvage(hostDir, isStuck, tellMended(context, log))
  if (event === null) return
  output.object(event)
  const gaps = count(event.lost, 'gap')
  const text =
    event.lost === 0
      ? 'the database is written anew, and nothing of it is lost'
      : `the database has ${gaps} now where the disk had damaged it: "mivm host --repair" takes the blocks from others`
  log.write('error', text, { event: event.type, lost: event.lost })
  for (const address of event.gone) {
    const text = `too little is left of ${address}: "mivm host --recover" takes it back from others`
    log.write('error', text, { address })
  }
}

function optionsOf(
  context: Context,
  log: HostLog,
  from: readonly string[],
  bootstrap: Bootstrap | undefined
): RecoveryOptions<RecoveryEvent | RepairEvent> {
  const { output, hostDir } = context
  return {
    onMended: tellMended(context, log),
    dir: hostDir,
    from,
    bootstrap,
    onEvent: (event) => {
      output.object(event)
      report(log, event)
    }
  }
}

function tellMended({ output }: Context, log: HostLog): (message: string) => void {
  return (message) => {
    const event: HostEvent = { type: 'mended', message }
    output.object(event)
    log.event(event)
  }
}

function report(log: HostLog, event: RecoveryEvent | RepairEvent): void {
  const { address, type } = event
  const write = (level: LogLevel, text: string) => log.write(level, text, { event: type, address })
  switch (type) {
    case 'recovered':
      write('info', `recovered ${address}: ${event.from} to ${count(event.to, 'block')}`)
      break
    case 'level':
      write('info', `whole ${address}: ${count(event.blocks, 'block')}`)
      break
    case 'alone':
      write(
        'warn',
        `nobody was found who knows ${address}: it has ${count(event.blocks, 'block')} here, and where more was signed a second history comes of the next call; ask mirrors with --from`
      )
      break
    case 'repaired':
      write('info', `repaired ${address}: ${count(event.blocks, 'block')}`)
      break
    case 'intact':
      write('info', `intact ${address}`)
      break
    case 'unrepaired':
    case 'unrecovered':
      write('error', `not ${type.slice(2)} ${address}: ${printable(event.message)}`)
      break
  }
}
