import { MivmError } from '../../protocol/errors.ts'
import { decodeId, encodeId } from '../../protocol/ids.ts'
import { listIdentities, readIdentity } from '../../state/identity.ts'
import { Context } from '../context.ts'
import { interrupted } from '../interruption.ts'
import { contractName, LogView } from '../log-view.ts'
import { followLogs, LogsReader, printLogs } from '../logs-reader.ts'
import type { Program } from '../program.ts'
import { asTrue, wholeNumber } from '../text.ts'

const HELP = `
Calls have the numbers that the host gave them (host+2), entries of a user's log count from 1 (bob+3).

Example:
  $ mivm log forum --local
`

interface Options {
  readonly user?: string | undefined
  readonly from?: number | undefined
  readonly follow?: true | undefined
  readonly fuel?: true | undefined
}

/** `mivm log <instance>` */
export function addLog(program: Program): void {
  program
    .command('log')
    .description('Prints the call log of an instance and the logs of its users.')
    .argument('<instance>', 'link, address or name')
    .option('--user <id>', 'only this user: the id or the name of an identity')
    .option('--from <n>', 'only from this call on', parseNumber)
    .option('--fuel', 'what each call cost', asTrue)
    .option('--follow', 'go on as calls come in, until interrupted', asTrue)
    .addHelpText('after', HELP)
    .action(async (instance, options, command) =>
      log(new Context(command.optsWithGlobals()), instance, options)
    )
}

async function log(context: Context, text: string, options: Options): Promise<void> {
  const { link, address, name } = await context.instance(text)
  const own = await context.ownNames()
  const user = options.user === undefined ? null : await userId(context, options.user)
  const follows = options.follow === true
  const instance = await context.follow(link, follows)
  const view = new LogView({
    users: own,
    contract: contractName(name),
    fuel: options.fuel === true
  })
  const reader = new LogsReader(context, instance, view, user, options.from ?? 1)
  if (follows) await followLogs(context, reader, interrupted())
  else await printLogs(context, reader)
  context.output.done()
  context.output.object({
    type: 'summary',
    address,
    host: encodeId(instance.host),
    blocks: reader.blocks,
    calls: reader.calls,
    users: reader.users
  })
}

async function userId({ keys }: Context, text: string): Promise<string> {
  // one key may have several names
  if ((await listIdentities(keys)).includes(text)) return (await readIdentity(keys, text)).id
  return encodeId(decodeId(text, 'user'))
}

function parseNumber(text: string): number {
  const n = wholeNumber(text)
  if (n >= 1) return n
  throw new MivmError('USAGE', `--from ${text} is not the number of a call: they count from 1`)
}
