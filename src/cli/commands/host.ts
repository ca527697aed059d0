import { Option } from '@commander-js/extra-typings'
import { Host, type HostEvent, type HostOptions } from '../../host/host.ts'
import { Oracles } from '../../host/oracles.ts'
import { allowOnly } from '../../host/policy.ts'
import { type Bootstrap, LOCAL_PORT, openLocal } from '../../net/network.ts'
import { isErrorCode, MivmError } from '../../protocol/errors.ts'
import { decodeId, encodeId } from '../../protocol/ids.ts'
import type { SandboxMode } from '../../vm/sandbox/sandbox.ts'
import type { IsolateBy } from '../../vm/supervisor.ts'
import { Context } from '../context.ts'
import { serveControl } from '../control.ts'
import { atEnd, interrupted } from '../interruption.ts'
import { openMirror, parseBytes } from '../mirror.ts'
import { type Output, printable } from '../output.ts'
import type { Program } from '../program.ts'
import { recoverHost } from '../recover.ts'
import { count } from '../text.ts'

interface Options {
  readonly allowDeploy?: string[] | undefined
  readonly oracle?: string | undefined
  readonly engines?: number | undefined
  readonly isolateBy?: IsolateBy | undefined
  readonly patience?: number | undefined
  readonly sandbox?: SandboxMode | undefined
  readonly requireSandbox?: true | undefined
  readonly recover?: true | undefined
  readonly from?: string[] | undefined
  readonly mirror?: string[] | undefined
  readonly mirrorMax?: number | undefined
}

/** `mivm host` */
export function addHost(program: Program): void {
  program
    .command('host')
    .description('Runs a host, in the data directory, until it is told to stop.')
    .option('--allow-deploy <id...>', 'identities that may deploy (default: anybody)')
    .option('--oracle <file>', 'a module: its exported functions are oracles for contracts')
    .option(
      '--engines <n>',
      'engine processes at most (default: one a core; 16 with --isolate-by)',
      parseEngines
    )
    .addOption(
      new Option('--isolate-by <whom>', 'keep contracts of each in engines of their own').choices([
        'deployer',
        'instance',
        'none'
      ] as const)
    )
    .addOption(
      new Option('--sandbox <mode>', 'layers around engines: all that work here, or none').choices([
        'auto',
        'none'
      ] as const)
    )
    .option(
      '--patience <n>',
      'n times the wall clock that calls may take, for a busy machine (default: 1)',
      parsePatience
    )
    .option('--require-sandbox', 'start only with all layers of "mivm doctor" active')
    .option('--recover', 'first take back from others what this host has signed and lost', asTrue)
    .option('--from <peer...>', 'ids of mirrors, or data directories of auditors, to recover from')
    .option(
      '--mirror <instance...>',
      'keep whole copies of instances of other hosts, and serve them'
    )
    .option('--mirror-max <bytes>', 'of each such instance at most (default: 16G)', parseBytes)
    .addHelpText(
      'after',
      '\nSIGINT and SIGTERM finish what is under way and close.\n\nExample:\n  $ mivm host --local\n'
    )
    .action(async (options, command) => host(new Context(command.optsWithGlobals()), options))
}

async function host(context: Context, options: Options): Promise<void> {
  const { output } = context
  const fatal = Promise.withResolvers<MivmError>()
  if (options.from !== undefined && options.recover !== true) {
    throw new MivmError('USAGE', '--from says where to recover from: give --recover as well')
  }
  const settings = await readOptions(context, options)
  const bootstrap = await openNetwork(context)
  if (options.recover === true) await recoverHost(context, options.from ?? [], bootstrap)
  const host = await Host.open({
    ...settings,
    ...(bootstrap === undefined ? {} : { bootstrap }),
    onEvent: (event) => {
      output.object(event)
      if (event.type === 'fatal') fatal.resolve(asError(event))
      else report(output, event)
    }
  })
  atEnd(() => host.close())
  await takeCommands(context, host)
  if (options.mirror !== undefined) {
    await openMirror(context, options.mirror, options.mirrorMax, bootstrap)
  }
  welcome(context, host, bootstrap)
  const problem = await Promise.race([interrupted(), fatal.promise])
  output.note('finishing what is under way…')
  await host.close()
  if (problem !== undefined) throw problem
  output.note('closed')
  output.object({ type: 'summary', id: host.id, instances: host.instances.length })
}

async function readOptions(
  context: Context,
  { allowDeploy, oracle, engines, isolateBy, patience, sandbox, requireSandbox }: Options
): Promise<HostOptions> {
  const ids = allowDeploy?.map((id) => encodeId(decodeId(id, 'id of an identity')))
  const oracles = oracle === undefined ? undefined : await Oracles.load(oracle)
  if (oracles !== undefined) context.output.note(`oracles: ${oracles.names.join(', ')}`)
  return {
    dir: context.hostDir,
    ...(ids === undefined ? {} : { policy: allowOnly(ids) }),
    ...(oracles === undefined ? {} : { oracles }),
    ...(engines === undefined ? {} : { engines }),
    ...(isolateBy === undefined ? {} : { isolateBy }),
    ...(patience === undefined ? {} : { patience }),
    ...(sandbox === undefined ? {} : { sandbox }),
    ...(requireSandbox === undefined ? {} : { requireSandbox })
  }
}

async function openNetwork({ local, bootstrap }: Context): Promise<Bootstrap | undefined> {
  if (local === null) return bootstrap
  const network = await openLocal(local)
  atEnd(() => network.close())
  return network.bootstrap
}

/** From whoever owns the directory. */
async function takeCommands({ output, hostDir }: Context, host: Host): Promise<void> {
  try {
    atEnd(await serveControl(hostDir, async ({ file }) => ({ ...(await host.backUp(file)) })))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    output.note(`no backups while it runs: ${printable(why)}`)
  }
}

function welcome({ output, local }: Context, host: Host, bootstrap: Bootstrap | undefined): void {
  const { id, instances, sandbox } = host
  const layers = Object.fromEntries(sandbox.map(({ name, state }) => [name, state]))
  output.object({
    type: 'ready',
    id,
    bootstrap: bootstrap ?? null,
    instances: instances.length,
    sandbox: layers
  })
  output.line(id)
  output.note(`host ${id} with ${count(instances.length, 'instance')}`)
  const missing = sandbox.filter(({ state }) => state !== 'active').map(({ name }) => name)
  if (missing.length > 0) {
    output.note(`the sandbox lacks ${missing.join(', ')}: "mivm doctor" says how to get it`)
  }
  if (local !== null && bootstrap !== undefined) {
    const option = local === LOCAL_PORT ? '--local' : `--bootstrap ${bootstrap[0]}`
    output.note(
      `reach it from this machine with ${option}, or with MIVM_BOOTSTRAP=${bootstrap.join(',')}`
    )
  }
}

/** One line for whoever watches. What others wrote is made harmless. */
function report(output: Output, event: Exclude<HostEvent, { type: 'fatal' }>): void {
  switch (event.type) {
    case 'deployed':
      output.note(`deployed ${event.address} by ${event.deployer}`)
      break
    case 'damaged':
      output.note(
        `${output.paintNote('red', 'damaged')} ${event.address}: ${printable(event.message)}`
      )
      break
    case 'set-back':
      output.note(
        `${output.paintNote('red', 'set back')} ${event.address}: ${printable(event.message)}`
      )
      break
    case 'refused':
      output.note(
        `${output.paintNote('yellow', 'refused')} ${event.code}: ${printable(event.message)}`
      )
      break
    case 'log':
      output.note(output.paintNote('dim', `${event.address.slice(0, 8)} ${printable(event.line)}`))
      break
  }
}

function asError({ code, message }: { code: string; message: string }): MivmError {
  return new MivmError(isErrorCode(code) ? code : 'STORAGE_FAILED', message)
}

function asTrue(): true {
  return true
}

const parseEngines = (text: string) => parseCount(text, '--engines', 1024)
const parsePatience = (text: string) => parseCount(text, '--patience', 100)

function parseCount(text: string, option: string, max: number): number {
  const n = Number(text)
  if (Number.isInteger(n) && n >= 1 && n <= max) return n
  throw new MivmError('USAGE', `${option} ${text} is not a number from 1 to ${max}`)
}
