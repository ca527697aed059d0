import b4a from 'b4a'
import { bundle } from '../../bundle/bundle.ts'
import { MivmError } from '../../protocol/errors.ts'
import { Context } from '../context.ts'
import { printable } from '../output.ts'
import type { Program } from '../program.ts'
import { changeSettings, checkInstanceName, nameInstance } from '../settings.ts'
import { parseArgument } from '../text.ts'

interface Options {
  readonly host?: string | undefined
  readonly name?: string | undefined
  readonly salt?: Uint8Array | undefined
}

/** `mivm deploy <file> [args…]` */
export function addDeploy(program: Program): void {
  program
    .command('deploy')
    .description(
      'Deploys a contract on a host, calls its init, and prints the link of the instance.'
    )
    .argument(
      '<file>',
      'the contract: one JavaScript file, or TypeScript and modules, which are bundled'
    )
    .argument('[args...]', 'arguments of init: JSON, or else text')
    .option(
      '--host <id>',
      'the host (default: MIVM_HOST, the one of this directory, the last one deployed on)'
    )
    .option('--name <name>', 'a name for the instance, to be used instead of its link')
    .option(
      '--salt <hex>',
      '32 bytes: the same deployment with the same salt has the same address',
      parseSalt
    )
    .addHelpText('after', '\nExample:\n  $ mivm deploy contracts/forum.js --name forum --local\n')
    .action(async (file, args, options, command) =>
      deploy(new Context(command.optsWithGlobals()), file, args, options)
    )
}

async function deploy(
  context: Context,
  file: string,
  args: readonly string[],
  { host: wanted, name, salt }: Options
): Promise<void> {
  const { output } = context
  if (name !== undefined) checkInstanceName(name)
  const { contract, cost } = await readContract(context, file)
  const values = args.map(parseArgument)
  const host = await context.host(wanted)
  const client = await context.openClient()
  output.progress(`deploying on ${host}…`)
  const { source } = contract
  const deployed = await client
    .deploy({ host, source, args: values, ...(salt === undefined ? {} : { salt }) })
    .catch(async (error) => {
      const { locateDeployment } = await import('../../testing/locate.ts')
      throw await locateDeployment(contract, values, contract.explain(error))
    })
  output.done()
  const { link } = deployed
  const says = { ...deployed, host, name: name ?? null, deployer: client.id }
  await remember(context, host, name, link).catch((error) => {
    // the instance is there all the same, and nobody else knows its link
    output.line(link)
    output.object({ type: 'deployed', ...says })
    throw error
  })
  output.line(link)
  output.object({ type: 'summary', ...says, ...(cost === null ? {} : { bundle: cost }) })
}

async function remember(
  { output, dir }: Context,
  host: string,
  name: string | undefined,
  link: string
): Promise<void> {
  await changeSettings(dir, { host })
  if (name === undefined) return
  const before = await nameInstance(dir, name, link)
  if (before !== null) output.note(`"${name}" was ${before} before`)
}

/** Reads the contract, bundling it if it is made of modules, and tells its author what it will cost. */
async function readContract({ output }: Context, file: string) {
  output.progress(`reading ${file}…`)
  const contract = await bundle(file)
  output.done()
  for (const warning of contract.warnings) output.note(`warning: ${printable(warning)}`)
  if (!contract.isBundled) return { contract, cost: null }
  const { loadCost } = await import('../../testing/load-cost.ts')
  output.progress('measuring what it costs to load…')
  const cost = await loadCost(contract)
  output.done()
  const size = Buffer.byteLength(contract.source)
  const kilobytes = `${Math.ceil(size / 1000)} kB`
  const packages = contract.packages.map(printable).join(', ')
  output.note(
    `bundled ${kilobytes}${packages === '' ? '' : ` with ${packages}`}: loading them takes ${cost.ms.toFixed(1)} ms here and ${cost.fuel} fuel of every call`
  )
  return { contract, cost: { bytes: size, packages: contract.packages, ...cost } }
}

function parseSalt(text: string): Uint8Array {
  if (/^[0-9a-f]{64}$/i.test(text)) return b4a.from(text, 'hex')
  throw new MivmError('USAGE', `--salt ${text.slice(0, 80)} is not 32 bytes: give 64 hex digits`)
}
