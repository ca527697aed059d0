import { setTimeout as sleep } from 'node:timers/promises'
import crypto from 'hypercore-crypto'
import Protomux from 'protomux'
import type { HostStatus } from '../../host/status.ts'
import { Network } from '../../net/network.ts'
import { Rpc } from '../../net/rpc.ts'
import { MivmError } from '../../protocol/errors.ts'
import { decodeId } from '../../protocol/ids.ts'
import { readStatus, STATUS } from '../../protocol/messages.ts'
import { Context } from '../context.ts'
import { atEnd, interrupted } from '../interruption.ts'
import { askLocally } from '../local-host.ts'
import { printable } from '../output.ts'
import type { Program } from '../program.ts'
import { statusLines } from '../status-view.ts'

const WAIT = 10_000
const WATCH_MS = 2_000

interface Options {
  readonly host?: string | undefined
  readonly watch?: true | undefined
}

/** What a host says of itself: all, where it is ours. */
interface Said {
  readonly json: { readonly [key: string]: unknown }
  readonly lines: readonly string[]
}

/** `mivm status [host]` */
export function addStatus(program: Program): void {
  program
    .command('status')
    .description(
      'Asks a host what it is doing: that of this directory in detail, others what they tell anybody.'
    )
    .argument('[host]', 'default: MIVM_HOST, the one of this directory, the last one deployed on')
    .option('--host <id>', 'the same')
    .option('--watch', 'ask again and again, until interrupted')
    .addHelpText('after', '\nExample:\n  $ mivm status --watch\n')
    .action(async (host, options, command) => {
      if (host !== undefined && options.host !== undefined)
        throw new MivmError('USAGE', 'the host is given twice: leave --host out')
      await status(new Context(command.optsWithGlobals()), {
        ...options,
        host: host ?? options.host
      })
    })
}

async function status(context: Context, { host, watch }: Options): Promise<void> {
  const id = await context.host(host)
  const ask = asker(context, id)
  const { output } = context
  output.progress(`asking ${id}…`)
  let said = await ask()
  output.done()
  if (watch === true) {
    const over = interrupted().then(() => true)
    for (;;) {
      output.redraw(said.lines)
      output.object({ ...said.json, type: 'status' })
      if (await Promise.race([over, sleep(WATCH_MS, false)])) break
      said = await ask().catch((error) => silence(id, error))
    }
  } else {
    for (const line of said.lines) output.line(line)
  }
  output.object({ ...said.json, type: 'summary' })
}

/** Asks at the socket of the directory, if it is that host, else over the network. */
function asker(context: Context, id: string): () => Promise<Said> {
  const remote = remoteAsker(context, id)
  return async () => {
    const text = (await context.isOwnHost(id))
      ? await askLocally(context.hostSocket, '/status')
      : null
    if (text === null) return remote()
    const json: HostStatus = JSON.parse(text)
    return { json: { ...json }, lines: statusLines(json) }
  }
}

function remoteAsker(context: Context, id: string): () => Promise<Said> {
  let network: Network | null = null
  let rpc: Rpc | null = null
  const open = () => {
    // no client: to ask needs no identity, and none is to be made for it
    const opened = new Network(crypto.keyPair(), context.bootstrap)
    atEnd(() => opened.close())
    return opened
  }
  return async () => {
    network ??= open()
    if (rpc === null || rpc.closed) {
      rpc = new Rpc(Protomux.from(await network.connect(decodeId(id))))
    }
    const json = readStatus(await rpc.request(STATUS, { verbose: false }, WAIT))
    const lines = Object.entries(json).map(
      ([key, value]) => `${printable(key).padEnd(10)} ${printable(String(value))}`
    )
    return { json, lines }
  }
}

/** Who watches wants to see it come back. */
function silence(id: string, error: unknown): Said {
  if (!(error instanceof MivmError)) throw error
  const { code, message } = error
  return {
    json: { id, ready: false, code, message },
    lines: [`${id} does not answer: ${printable(message)}`]
  }
}
