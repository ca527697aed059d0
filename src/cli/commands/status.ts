import crypto from 'hypercore-crypto'
import Protomux from 'protomux'
import { Network } from '../../net/network.ts'
import { Rpc } from '../../net/rpc.ts'
import { decodeId } from '../../protocol/ids.ts'
import { STATUS } from '../../protocol/messages.ts'
import { Context } from '../context.ts'
import { atEnd } from '../interruption.ts'
import { printable } from '../output.ts'
import type { Program } from '../program.ts'

const WAIT = 10_000

/** `mivm status [host]` */
export function addStatus(program: Program): void {
  program
    .command('status')
    .description('Asks a host what it is doing.')
    .argument('[host]', 'default: MIVM_HOST, the one of this directory, the last used')
    .addHelpText('after', '\nExample:\n  $ mivm status --local\n')
    .action(async (host, _, command) => status(new Context(command.optsWithGlobals()), host))
}

async function status(context: Context, wanted: string | undefined): Promise<void> {
  const { output } = context
  const host = await context.host(wanted)
  // no client: to ask needs no identity, and none is to be made for it
  const network = new Network(crypto.keyPair(), context.bootstrap)
  atEnd(() => network.close())
  output.progress(`asking ${host}…`)
  const rpc = new Rpc(Protomux.from(await network.connect(decodeId(host))))
  const { json } = await rpc.request(STATUS, { verbose: false }, WAIT)
  output.done()
  const said: { [key: string]: unknown } = JSON.parse(json)
  for (const [key, value] of Object.entries(said)) {
    output.line(`${printable(key).padEnd(10)} ${printable(String(value))}`)
  }
  output.object({ ...said, type: 'summary' })
}
