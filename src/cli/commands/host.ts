import { Option } from '@commander-js/extra-typings'
import { Host } from '../../host/host.ts'
import { Monitor } from '../../host/monitor.ts'
import { optimizeEarly } from '../../host/optimizing.ts'
import type { HostOptions } from '../../host/options.ts'
import { Oracles, oracleAtWork } from '../../host/oracles.ts'
import { allowOnly } from '../../host/policy.ts'
import { writableAgain } from '../../host/room.ts'
import { useSmallSlabs } from '../../host/slabs.ts'
import { LOCAL_PORT } from '../../net/local-port.ts'
import { type Bootstrap, openLocal } from '../../net/network.ts'
import { deferred } from '../../protocol/deferred.ts'
import { isErrorCode, MivmError, messageOf } from '../../protocol/errors.ts'
import { decodeId, encodeId } from '../../protocol/ids.ts'
import { isUnreadable } from '../../state/salvage.ts'
import type { SandboxMode } from '../../vm/sandbox/sandbox.ts'
import type { IsolateBy } from '../../vm/supervisor.ts'
import { CONFIG_NAME, type Config, readConfig } from '../config.ts'
import { Context } from '../context.ts'
import { type Endpoint, parseEndpoint } from '../endpoint.ts'
import { EventObjects, HostLog, LOG_LEVELS, type LogLevel } from '../host-log.ts'
import { atEnd, interrupted } from '../interruption.ts'
import { openMirror, parseBytes } from '../mirror.ts'
import { printable } from '../output.ts'
import type { Program } from '../program.ts'
import { recoverHost, repairHost, salvageHost } from '../recover.ts'
import { beforeTheEnd } from '../report.ts'
import { asTrue, count, wholeNumber } from '../text.ts'

interface Options {
  readonly config?: string | undefined
  readonly allowDeploy?: string[] | undefined
  readonly oracle?: string | undefined
  readonly engines?: number | undefined
  readonly isolateBy?: IsolateBy | undefined
  readonly patience?: number | undefined
  readonly sandbox?: SandboxMode | undefined
  readonly requireSandbox?: true | undefined
  readonly metrics?: Endpoint | undefined
  readonly logLevel?: LogLevel | undefined
  readonly recover?: true | undefined
  readonly repair?: true | undefined
  readonly from?: string[] | undefined
  readonly mirror?: string[] | undefined
  readonly mirrorMax?: number | undefined
}

/** `mivm host` */
export function addHost(program: Program): void {
  program
    .command('host')
    .description('Runs a host, in the data directory, until it is told to stop.')
    .option(
      '--config <file>',
      `settings of the host (default: ${CONFIG_NAME} in --dir, if it is there)`
    )
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
    .option(
      '--metrics <port>',
      'serve /metrics, /healthz and /readyz over HTTP, on this machine (or address:port)',
      parseMetrics
    )
    .addOption(
      new Option(
        '--log-level <level>',
        'what to log on stderr (default: info; debug, with what contracts write, on a terminal)'
      ).choices(LOG_LEVELS)
    )
    .option('--recover', 'first take back from others what this host has signed and lost', asTrue)
    .option(
      '--repair',
      'first read all that there is, and take what is damaged from others',
      asTrue
    )
    .option(
      '--from <peer...>',
      'ids of mirrors, or data directories of auditors, for --recover and --repair'
    )
    .option(
      '--mirror <instance...>',
      'keep whole copies of instances of other hosts, and serve them'
    )
    .option('--mirror-max <bytes>', 'of each such instance at most (default: 16G)', parseBytes)
    .addHelpText(
      'after',
      `\nThe settings are JSON, with the options above by their names (allowDeploy, engines, …), down to --log-level; what is
given here goes before. docs/configuration.md has all of them.

SIGINT and SIGTERM finish what is under way and close.\n\nExample:\n  $ mivm host --local\n`
    )
    .action(async (options, command) => host(new Context(command.optsWithGlobals()), options))
}

async function host(context: Context, options: Options): Promise<void> {
  useSmallSlabs()
  optimizeEarly()
  const { config, file } = await readConfig(context.dir, options.config)
  const settings = { ...config, ...given(options) }
  const log = new HostLog(context.output, settings.logLevel)
  atEnd(() => log.close())
  if (file !== null) log.write('info', `settings: ${file}`)
  checkTogether(options)
  // what is no instance is said before there is a host
  const mirrored = await Promise.all((options.mirror ?? []).map((name) => context.instance(name)))
  const hostOptions = await hostOptionsOf(context, settings, log)
  const monitor = await openMonitor(settings.metrics, context.hostDir)
  const bootstrap = await openNetwork(context)
  await mend(context, log, options, bootstrap)
  const monitors = [monitor, await openSocket(context, log)].filter((it) => it !== null)
  const start = () => startHost(context, log, { ...hostOptions, bootstrap }, monitors)
  let running = await start().catch(async (error) => {
    if (!isUnreadable(error)) throw error
    await salvageHost(context, log, true)
    return start()
  })
  atEnd(() => running.host.close())
  if (mirrored.length > 0) {
    const mirror = await openMirror(context, log, mirrored, options.mirrorMax, bootstrap)
    for (const each of monitors) each.watchMirror(mirror)
  }
  const stopped = interrupted()
  for (;;) {
    welcome(context, log, running.host, bootstrap, monitor?.url ?? null)
    const problem = await Promise.race([stopped, running.fatal, running.writableAgain])
    log.write('info', 'finishing what is under way…')
    await running.host.close()
    if (problem === undefined) break
    await makeReady(context, log, problem)
    running = await start()
  }
  const { id, instances } = running.host
  log.write('info', 'closed')
  context.output.object({ type: 'summary', id, instances: instances.length })
}

/** Throws USAGE for options that say nothing without another one. */
function checkTogether({ from, recover, repair, mirror, mirrorMax }: Options): void {
  if (from !== undefined && recover !== true && repair !== true) {
    throw new MivmError('USAGE', '--from is for --recover and --repair: give one of them as well')
  }
  if (mirrorMax !== undefined && mirror === undefined) {
    throw new MivmError('USAGE', '--mirror-max is for --mirror: say what to keep copies of as well')
  }
}

/** What is to be done before the host is started. */
async function mend(
  context: Context,
  log: HostLog,
  { repair, recover, from = [] }: Options,
  bootstrap: Bootstrap | undefined
): Promise<void> {
  if (repair === true) {
    await salvageHost(context, log)
    await repairHost(context, log, from, bootstrap)
  }
  if (recover === true) await recoverHost(context, log, from, bootstrap)
}

/**
 * Before the host is started again: `problem` is what it has ended with, null where its disk takes something again. Throws
 * what it cannot go on after.
 */
async function makeReady(context: Context, log: HostLog, problem: MivmError | null): Promise<void> {
  if (problem === null) {
    log.write('info', 'the disk takes something again: opening the database anew')
    return
  }
  if (problem.code !== 'DIRECTORY_DAMAGED') throw problem
  log.write('error', printable(problem.message))
  await salvageHost(context, log, true)
}

interface Running {
  readonly host: Host
  /** What it cannot go on after. */
  readonly fatal: Promise<MivmError>
  /** A write has failed, and the disk takes something now. */
  readonly writableAgain: Promise<null>
}

async function startHost(
  { output }: Context,
  log: HostLog,
  options: HostOptions,
  monitors: readonly Monitor[]
): Promise<Running> {
  const fatal = deferred<MivmError>()
  const writable = deferred<null>()
  const events = new EventObjects(output)
  const host = await Host.open({
    ...options,
    onEvent: (event) => {
      events.write(event)
      log.event(event)
      if (event.type === 'fatal') fatal.resolve(asError(event))
      if (event.type === 'full' || event.type === 'stuck') {
        void writableAgain(options.dir).then(() => writable.resolve(null))
      }
    }
  })
  for (const monitor of monitors) monitor.watch(host)
  return { host, fatal: fatal.promise, writableAgain: writable.promise }
}

async function hostOptionsOf(
  context: Context,
  { allowDeploy, oracle, engines, isolateBy, patience, sandbox, requireSandbox, quotas }: Config,
  log: HostLog
): Promise<HostOptions> {
  const oracles = oracle === undefined ? undefined : await loadOracles(oracle, log)
  if (oracles !== undefined) log.write('info', `oracles: ${oracles.names.join(', ')}`)
  return {
    dir: context.hostDir,
    policy: allowDeploy && allowOnly(allowDeploy),
    oracles,
    engines,
    isolateBy,
    patience,
    sandbox,
    requireSandbox,
    quotas
  }
}

/** What the command line says, in the form of the file. */
function given({ config: _, allowDeploy, ...options }: Options): Config {
  const ids = allowDeploy?.map((id) => encodeId(decodeId(id, 'id of an identity')))
  const entries = Object.entries({ ...options, allowDeploy: ids })
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined))
}

/** What they say, and errors that they leave behind, is for the log: a request of theirs that fails later ends no host. */
async function loadOracles(file: string, log: HostLog): Promise<Oracles> {
  globalThis.console = log.console()
  beforeTheEnd((error) => {
    const name = oracleAtWork()
    if (name !== null) log.event({ type: 'oracle', name, message: messageOf(error) })
    return name !== null
  })
  return Oracles.load(file)
}

async function openNetwork({ local, bootstrap }: Context): Promise<Bootstrap | undefined> {
  if (local === null) return bootstrap
  const network = await openLocal(local)
  atEnd(() => network.close())
  return network.bootstrap
}

/** Before the host, so that whoever watches sees it start. */
async function openMonitor(at: Endpoint | undefined, dir: string): Promise<Monitor | null> {
  if (at === undefined) return null
  const monitor = await Monitor.open(at, dir)
  atEnd(() => monitor.close())
  return monitor
}

/** For `mivm status` and `mivm backup` of the same user; not everywhere can there be one. */
async function openSocket({ hostSocket, hostDir }: Context, log: HostLog): Promise<Monitor | null> {
  try {
    const monitor = await Monitor.open({ socket: hostSocket }, hostDir)
    atEnd(() => monitor.close())
    return monitor
  } catch (error) {
    if (error instanceof MivmError && error.code === 'DIRECTORY_LOCKED') throw error
    const why = messageOf(error)
    log.write(
      'warn',
      `"mivm status" will say little, and there are no backups while it runs: ${why}`
    )
    return null
  }
}

function welcome(
  { output, local }: Context,
  log: HostLog,
  host: Host,
  bootstrap: Bootstrap | undefined,
  metrics: string | null
): void {
  const { id, instances, sandbox } = host
  const layers = Object.fromEntries(sandbox.map(({ name, state }) => [name, state]))
  output.object({
    type: 'ready',
    id,
    bootstrap: bootstrap ?? null,
    instances: instances.length,
    sandbox: layers,
    ...(metrics === null ? {} : { metrics })
  })
  output.line(id)
  log.write('info', `host ${id} with ${count(instances.length, 'instance')}`, { id })
  if (metrics !== null) log.write('info', `metrics at ${metrics}/metrics`)
  const missing = sandbox.filter(({ state }) => state !== 'active').map(({ name }) => name)
  if (missing.length > 0) {
    log.write('warn', `the sandbox lacks ${missing.join(', ')}: "mivm doctor" says how to get it`)
  }
  if (local !== null && bootstrap !== undefined) {
    const option = local === LOCAL_PORT ? '--local' : `--bootstrap ${bootstrap[0]}`
    log.write(
      'info',
      `reach it from this machine with ${option}, or with MIVM_BOOTSTRAP=${bootstrap.join(',')}`
    )
  }
}

function asError({ code, message }: { code: string; message: string }): MivmError {
  return new MivmError(isErrorCode(code) ? code : 'STORAGE_FAILED', message)
}

const parseMetrics = (text: string) => parseEndpoint(text, '--metrics')
const parseEngines = (text: string) => parseCount(text, '--engines', 1024)
const parsePatience = (text: string) => parseCount(text, '--patience', 100)

function parseCount(text: string, option: string, max: number): number {
  const n = wholeNumber(text)
  if (n >= 1 && n <= max) return n
  throw new MivmError('USAGE', `${option} ${text} is not a whole number from 1 to ${max}`)
}
