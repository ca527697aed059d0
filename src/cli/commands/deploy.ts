import { readFile } from 'node:fs/promises'
import b4a from 'b4a'
import { MivmError } from '../../protocol/errors.ts'
import { LIMITS } from '../../protocol/limits.ts'
import { Context } from '../context.ts'
import type { Program } from '../program.ts'
import { changeSettings, checkAlias, readAliases, setAlias } from '../settings.ts'
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
    .argument('<file>', 'the contract: one JavaScript file')
    .argument('[args...]', 'arguments of init: JSON, or else text')
    .option(
      '--host <id>',
      'the host (default: MIVM_HOST, the one of this directory, the last used)'
    )
    .option('--name <alias>', 'a name for the instance, to be used instead of its link')
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
  const { output, dir } = context
  if (name !== undefined) checkAlias(name)
  const source = await readSource(file)
  const values = args.map(parseArgument)
  const host = await context.host(wanted)
  const client = await context.openClient()
  output.progress(`deploying on ${host}…`)
  const deployed = await client.deploy({
    host,
    source,
    args: values,
    ...(salt === undefined ? {} : { salt })
  })
  output.done()
  await changeSettings(dir, { host })
  const { address, link } = deployed
  if (name !== undefined) {
    const before = (await readAliases(dir))[name]
    await setAlias(dir, name, link)
    if (before !== undefined && before !== link) output.note(`"${name}" was ${before} before`)
  }
  output.line(link)
  output.object({ type: 'summary', address, link, host, alias: name ?? null, deployer: client.id })
}

async function readSource(file: string): Promise<string> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    throw new MivmError('FILE_UNKNOWN', `there is no file ${file}: check the path`)
  })
  if (bytes.byteLength > LIMITS.code) {
    throw new MivmError(
      'CODE_TOO_LARGE',
      `${file} has ${bytes.byteLength} bytes and a contract ${LIMITS.code} at most: bundle less, or minify it`
    )
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new MivmError('CODE_SYNTAX', `${file} is not UTF-8: save it as UTF-8`)
  }
}

function parseSalt(text: string): Uint8Array {
  if (/^[0-9a-f]{64}$/i.test(text)) return b4a.from(text, 'hex')
  throw new MivmError('USAGE', `--salt ${text.slice(0, 80)} is not 32 bytes: give 64 hex digits`)
}
