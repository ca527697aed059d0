import { constants } from 'node:fs'
import { access, readdir } from 'node:fs/promises'
import path from 'node:path'
import { Option } from '@commander-js/extra-typings'
import crypto from 'hypercore-crypto'
import { Network } from '../../net/network.ts'
import { deferred } from '../../protocol/deferred.ts'
import { codeOf, MivmError } from '../../protocol/errors.ts'
import { encodeId } from '../../protocol/ids.ts'
import { LIMITS } from '../../protocol/limits.ts'
import { VM_ID } from '../../protocol/vm-id.ts'
import { makeDirectory } from '../../state/make-directory.ts'
import { openStore } from '../../state/store.ts'
import { findAddon, findNode, NODE_VERSION } from '../../vm/node.ts'
import { openVm } from '../../vm/registry.ts'
import type { Layer, SandboxMode } from '../../vm/sandbox/sandbox.ts'
import { Context } from '../context.ts'
import type { Output } from '../output.ts'
import type { Program } from '../program.ts'

const EXIT_UNAVAILABLE = 69

/** What a check came to; a problem says what to do. */
interface Finding {
  readonly ok: boolean
  readonly message: string
}

interface Options {
  readonly sandbox?: SandboxMode | undefined
}

interface Check {
  readonly name: string
  run(context: Context, options: Options): Promise<Finding>
}

const CHECKS: readonly Check[] = [
  { name: 'node', run: checkNode },
  { name: 'isolated-vm', run: checkAddon },
  { name: 'engine', run: checkEngine },
  { name: 'directory', run: checkDirectory },
  { name: 'locks', run: checkLocks },
  { name: 'network', run: checkNetwork }
]

/** `mivm doctor` */
export function addDoctor(program: Program): void {
  program
    .command('doctor')
    .description('Checks whether this machine can run contracts, and says what to do where not.')
    .addOption(
      new Option('--sandbox <mode>', 'layers around the engine, as for "mivm host"').choices([
        'auto',
        'none'
      ] as const)
    )
    .addHelpText('after', '\nExample:\n  $ mivm doctor --local\n')
    .action(async (options, command) => examine(new Context(command.optsWithGlobals()), options))
}

async function examine(context: Context, options: Options): Promise<void> {
  const { output } = context
  let problems = 0
  for (const { name, run } of CHECKS) {
    output.progress(`${name}…`)
    const { ok, message } = await run(context, options).catch(asFinding)
    output.done()
    if (!ok) problems++
    const word = ok ? output.paint('green', 'ok     ') : output.paint('red', 'problem')
    output.line(`${word}     ${name.padEnd(11)} ${message}`)
    output.object({ type: 'check', name, ok, message })
  }
  output.object({ type: 'summary', ok: problems === 0, problems })
  if (problems > 0) process.exitCode = EXIT_UNAVAILABLE
}

async function checkNode(): Promise<Finding> {
  const node = findNode()
  if (node === null) {
    return problem(`Node ${NODE_VERSION} is not installed: run "npm ci" without --omit=optional`)
  }
  return ok(`contracts run on Node ${NODE_VERSION}, ${node}`)
}

async function checkAddon(): Promise<Finding> {
  const addon = findAddon()
  if (addon === null) {
    return problem(
      `isolated-vm has no binary for ${process.platform}-${process.arch}: install again, or use another machine`
    )
  }
  return ok(addon)
}

/** Starts an engine and has it read a contract: what a host does, and an auditor. */
async function checkEngine({ output }: Context, { sandbox }: Options): Promise<Finding> {
  const started = performance.now()
  const vm = await openVm(VM_ID, { engines: 1, sandbox })
  try {
    for (const layer of vm.layers) showLayer(output, layer)
    const key = encodeId(crypto.keyPair().publicKey)
    const keys = { address: key, host: key, deployer: key }
    const source = 'exports.hello = () => 1'
    const methods = await vm.inspect({ vm: vm.id, ...keys, source, limits: LIMITS })
    if (methods.join() !== 'hello') return problem('the engine misread a contract: install again')
    return ok(`${vm.id} answers after ${Math.round(performance.now() - started)} ms`)
  } finally {
    await vm.close()
  }
}

/** A wall around the engine that was started: one that is not there is no problem, but to be known. */
function showLayer(output: Output, { name, state, message }: Layer): void {
  output.done()
  const word = state === 'active' ? output.paint('green', state) : output.paint('yellow', state)
  output.line(`${word}${' '.repeat(12 - state.length)}${name.padEnd(11)} ${message}`)
  output.object({ type: 'layer', name, state, message })
}

async function checkDirectory({ dir }: Context): Promise<Finding> {
  await makeDirectory(dir)
  await access(dir, constants.R_OK | constants.W_OK | constants.X_OK)
  return ok(`${dir} can be written`)
}

/** Opens what is there: a store that another process has is in use, and that is no fault. */
async function checkLocks({ dir, hostDir }: Context): Promise<Finding> {
  const users = path.join(dir, 'users')
  const names = await readdir(users).catch(() => [])
  const stores = [
    { name: 'host', dir: hostDir },
    ...names.map((name) => ({ name, dir: path.join(users, name) }))
  ]
  const inUse: string[] = []
  for (const store of stores) {
    const folder = path.join(store.dir, 'store')
    const exists = await access(folder).then(
      () => true,
      () => false
    )
    if (!exists) continue
    try {
      await (await openStore(folder)).close()
    } catch (error) {
      if (!(error instanceof MivmError && error.code === 'DIRECTORY_LOCKED')) throw error
      inUse.push(store.name)
    }
  }
  if (inUse.length === 0) return ok('nobody else has the data directory open')
  return ok(`in use by other processes: ${inUse.join(', ')}`)
}

/** Two peers of our own find each other: what a client and a host do. */
async function checkNetwork({ bootstrap }: Context): Promise<Finding> {
  const server = new Network(crypto.keyPair(), bootstrap)
  const client = new Network(crypto.keyPair(), bootstrap)
  const where = bootstrap === undefined ? 'the public network' : bootstrap.join(', ')
  // a stream that nobody listens to must not end the process when it breaks
  server.onConnection(() => {})
  try {
    await inTime(server.listen(), 10_000)
    const started = performance.now()
    const stream = await client.connect(server.publicKey)
    stream.destroy()
    return ok(`${where}: a connection takes ${Math.round(performance.now() - started)} ms`)
  } catch {
    const hint =
      bootstrap === undefined
        ? 'check the connection and the firewall (UDP), or use --local'
        : 'check that "mivm host --local" or a node runs there'
    return problem(`${where} cannot be reached: ${hint}`)
  } finally {
    await client.close()
    await server.close()
  }
}

async function inTime(work: Promise<unknown>, ms: number): Promise<void> {
  const late = deferred<never>()
  const timer = setTimeout(() => late.reject(new Error('late')), ms)
  try {
    await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

function asFinding(error: unknown): Finding {
  if (error instanceof MivmError) return problem(`${error.code}: ${error.message}`)
  const code = codeOf(error)
  if (typeof code === 'string' && /^(EACCES|EEXIST|ENOENT|ENOTDIR|EPERM|EROFS)$/.test(code)) {
    return problem(`${error instanceof Error ? error.message : ''}: choose another --dir`)
  }
  throw error
}

function ok(message: string): Finding {
  return { ok: true, message }
}

function problem(message: string): Finding {
  return { ok: false, message }
}
