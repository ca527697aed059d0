import { noFile, readAtMost } from '../../bundle/bounded-file.ts'
import { MivmError } from '../../protocol/errors.ts'
import { savedText } from '../../protocol/saved-text.ts'
import { suggest } from '../../protocol/suggest.ts'
import { fileError } from '../../state/file-error.ts'
import {
  createIdentity,
  exportIdentity,
  type Identity,
  importIdentity,
  listIdentities,
  readIdentity
} from '../../state/identity.ts'
import { Context } from '../context.ts'
import type { Program } from '../program.ts'
import { changeSettings } from '../settings.ts'
import { count } from '../text.ts'

/** `mivm key new|ls|show|use|export|import` */
export function addKey(program: Program): void {
  const key = program
    .command('key')
    .description('Manages the identities of this machine.')
    .addHelpText('after', '\nExample:\n  $ mivm key new bob\n')
  key
    .command('new')
    .description('Makes an identity and prints its id. The first one is used without --as.')
    .argument('[name]', 'its name', 'default')
    .addHelpText('after', '\nExample:\n  $ mivm key new bob\n')
    .action(async (name, _, command) => {
      const context = new Context(command.optsWithGlobals())
      print(context, await asFirst(context, () => createIdentity(context.keys, name)))
    })
  key
    .command('ls')
    .description('Lists the identities, the default one with a star.')
    .addHelpText('after', '\nExample:\n  $ mivm key ls --json\n')
    .action(async (_, command) => list(new Context(command.optsWithGlobals())))
  key
    .command('show')
    .description('Prints the id of an identity: its public key.')
    .argument('[name]', 'its name; default: the one in use')
    .addHelpText('after', '\nExample:\n  $ mivm key show bob\n')
    .action(async (name, _, command) => {
      const context = new Context(command.optsWithGlobals())
      print(context, await read(context, name))
    })
  key
    .command('use')
    .description('Makes an identity the one that is used without --as.')
    .argument('<name>', 'its name')
    .addHelpText('after', '\nExample:\n  $ mivm key use bob\n')
    .action(async (name, _, command) => {
      const context = new Context(command.optsWithGlobals())
      const identity = await read(context, name)
      await changeSettings(context.dir, { identity: name })
      print(context, identity)
    })
  key
    .command('export')
    .description('Prints an identity with its secret: whoever reads it can call as this identity.')
    .argument('[name]', 'its name; default: the one in use')
    .addHelpText('after', '\nExample:\n  $ mivm key export bob > bob.secret\n')
    .action(async (name, _, command) => {
      const context = new Context(command.optsWithGlobals())
      const identity = await read(context, name)
      const secret = exportIdentity(identity)
      context.output.line(secret.trim())
      context.output.object({ type: 'summary', ...JSON.parse(secret), name: identity.name })
      context.output.note(`whoever has this is "${identity.name}": keep it safe`)
    })
  key
    .command('import')
    .description('Takes in what "mivm key export" printed, from a file or from stdin.')
    .argument('<name>', 'the name it gets here')
    .argument('[file]', 'default: stdin')
    .addHelpText('after', '\nExample:\n  $ mivm key import bob bob.secret\n')
    .action(async (name, file, _, command) => {
      const context = new Context(command.optsWithGlobals())
      const secret = await readText(file)
      print(context, await asFirst(context, () => importIdentity(context.keys, name, secret)))
    })
}

async function list(context: Context): Promise<void> {
  const { output } = context
  const inUse = await context.defaultIdentity()
  const rows: string[][] = []
  const names = await listIdentities(context.keys)
  for (const name of names) {
    const identity = await readIdentity(context.keys, name).catch((thrown) => {
      const error = fileError(thrown)
      if (!(error instanceof MivmError)) throw error
      // one that is damaged, or that another user has made, does not hide the others
      output.note(`${name}: ${error.message}`)
      output.object({ type: 'damaged', name, code: error.code, message: error.message })
      return null
    })
    if (identity === null) continue
    const { id } = identity
    rows.push([name === inUse ? '*' : '', name, id])
    output.object({ type: 'identity', name, id, default: name === inUse })
  }
  output.table(['', 'NAME', 'ID'], rows)
  if (names.length === 0) output.note('no identities yet: make one with "mivm key new <name>"')
  else output.note(count(rows.length, 'identity'))
  output.object({ type: 'summary', identities: rows.length })
}

/** Makes an identity. Who has one only means that one: without this, a call would make another. */
async function asFirst(context: Context, make: () => Promise<Identity>): Promise<Identity> {
  const isFirst = (await listIdentities(context.keys)).length === 0
  const identity = await make()
  if (isFirst && identity.name !== (await context.defaultIdentity())) {
    await changeSettings(context.dir, { identity: identity.name })
  }
  return identity
}

async function read(context: Context, name: string | undefined): Promise<Identity> {
  const wanted = name ?? (await context.defaultIdentity())
  const names = await listIdentities(context.keys)
  if (names.includes(wanted)) return readIdentity(context.keys, wanted)
  const hint = suggest(wanted, names) || ': see "mivm key ls"'
  throw new MivmError('IDENTITY_UNKNOWN', `there is no identity "${wanted}"${hint}`)
}

async function readText(file: string | undefined): Promise<string> {
  const bytes = await readAtMost(file ?? process.stdin, IDENTITY_MAX).catch((error) =>
    noFile(error, file ?? 'stdin')
  )
  if (bytes !== null) return savedText(bytes)
  throw new MivmError('KEY_INVALID', 'this is no identity: give what "mivm key export" has printed')
}

/** Bytes of what is read as an identity, which has a line. */
const IDENTITY_MAX = 64 * 1024

function print({ output }: Context, { name, id }: Identity): void {
  output.line(id)
  output.object({ type: 'summary', name, id })
}
