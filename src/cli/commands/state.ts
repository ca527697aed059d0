import path from 'node:path'
import { MivmError } from '../../protocol/errors.ts'
import { type ArchiveFile, ArchiveView } from '../archive.ts'
import { Context, ONLY_PART } from '../context.ts'
import { exportFiles } from '../export.ts'
import { printable } from '../output.ts'
import type { Program } from '../program.ts'
import { asTrue, count, wholeNumber } from '../text.ts'

const EXIT_INCOMPLETE = 2

const INSTANCE = 'link, address or name; with @n as the n-th commit left it'

/** `mivm state ls|cat|export <instance>[@commit] [path] [dir]` */
export function addState(program: Program): void {
  const state = program
    .command('state')
    .description('Reads the state archive of an instance.')
    .addHelpText('after', '\nExample:\n  $ mivm state ls forum --local\n')
  state
    .command('ls')
    .description('Lists what is in a directory.')
    .argument('<instance>', INSTANCE)
    .argument('[path]', 'a directory or a file', '/')
    .option('--recursive', 'all files below', asTrue)
    .option('--all', 'also /.mivm: the contract and its exported variables', asTrue)
    .addHelpText('after', '\nExample:\n  $ mivm state ls forum /topics --local\n')
    .action(async (instance, at, options, command) => {
      const context = new Context(command.optsWithGlobals())
      const view = await open(context, instance)
      const names = options.recursive === true ? allBelow : childrenOf
      await list(context, view.archive, normalize(at), options.all === true, names)
    })
  state
    .command('cat')
    .description(
      'Writes a file to stdout, byte by byte; to a terminal with its control characters escaped.'
    )
    .argument('<instance>', INSTANCE)
    .argument('<path>', 'a file')
    .addHelpText('after', '\nExample:\n  $ mivm state cat forum@2 /topics/1/title --local\n')
    .action(async (instance, file, _, command) =>
      cat(new Context(command.optsWithGlobals()), instance, normalize(file))
    )
  state
    .command('export')
    .description('Writes files below a directory of this machine.')
    .argument('<instance>', INSTANCE)
    .argument('[path]', 'what to export: a directory of the archive', '/')
    .argument('[dir]', 'where to (default: a new directory with the name of the instance)')
    .option('--force', 'write over files that are there', asTrue)
    .option('--all', 'also /.mivm: the contract and its exported variables', asTrue)
    .addHelpText('after', '\nExample:\n  $ mivm state export forum / ./forum-files --local\n')
    .action(async (instance, from, directory, options, command) =>
      exportState(new Context(command.optsWithGlobals()), instance, normalize(from), {
        directory,
        force: options.force === true,
        all: options.all === true
      })
    )
}

async function open(context: Context, text: string) {
  const { output } = context
  const [, name = '', commit] = /^([^@]*)(?:@(.*))?$/s.exec(text) ?? []
  const found = await context.instance(name)
  const number = commit === undefined ? null : parseCommit(commit)
  const instance = await context.follow(found.link)
  const archive = await ArchiveView.open(
    instance,
    number,
    (read, of) => output.progress(`looking for the commit: ${read} of ${count(of, 'block')}`),
    () => output.note(ONLY_PART)
  )
  output.done()
  return { archive, ...found }
}

interface Row {
  readonly path: string
  readonly kind: 'file' | 'directory'
  readonly size: number | null
}

async function list(
  { output }: Context,
  archive: ArchiveView,
  at: string,
  all: boolean,
  rowsOf: (files: readonly ArchiveFile[], at: string) => Row[]
): Promise<void> {
  const rows = rowsOf(await archive.list(at, all), at)
  if (await archive.has(at)) {
    const bytes = await archive.read(at)
    rows.unshift({ path: at, kind: 'file', size: bytes.byteLength })
  }
  if (rows.length === 0 && at !== '/') {
    const hint =
      at.startsWith('/.mivm') && !all ? '--all shows what is there' : 'see "mivm state ls"'
    throw new MivmError('FILE_UNKNOWN', `there is nothing at ${at}: ${hint}`)
  }
  for (const row of rows) output.object({ type: 'entry', ...row })
  const name = ({ path: full, kind }: Row) => printable(kind === 'directory' ? `${full}/` : full)
  if (output.isTerminal) {
    output.table(
      ['SIZE', 'PATH'],
      rows.map((row) => [row.size === null ? '-' : String(row.size), name(row)])
    )
  } else {
    for (const row of rows) output.line(name(row))
  }
  output.object({ type: 'summary', entries: rows.length, version: archive.version })
}

async function cat(context: Context, instance: string, file: string): Promise<void> {
  const { output } = context
  const { archive } = await open(context, instance)
  const bytes = await archive.read(file)
  if (!output.json) output.bytes(bytes)
  const base64 = Buffer.from(bytes).toString('base64')
  output.object({
    type: 'summary',
    path: file,
    size: bytes.byteLength,
    base64,
    version: archive.version
  })
}

interface ExportOptions {
  readonly directory: string | undefined
  readonly force: boolean
  readonly all: boolean
}

async function exportState(
  context: Context,
  instance: string,
  from: string,
  { directory, force, all }: ExportOptions
): Promise<void> {
  const { output } = context
  const { archive, name, address } = await open(context, instance)
  const target = path.resolve(directory ?? name ?? address)
  const files = await archive.list(from, all)
  if (files.length === 0 && from !== '/') {
    // whoever gives one word more often means where to
    const hint =
      directory === undefined
        ? `give the path first, as in "mivm state export ${name ?? address} / <dir>"`
        : 'see "mivm state ls"'
    throw new MivmError('FILE_UNKNOWN', `there are no files below ${from}: ${hint}`)
  }
  const prefix = from.endsWith('/') ? from : `${from}/`
  const result = await exportFiles(files, prefix, target, {
    force,
    onFile: (name, done) =>
      output.progress(`${done} of ${count(files.length, 'file')}: ${printable(name)}`)
  })
  output.done()
  for (const { path: name, why } of result.leftOut) {
    output.note(`left out ${printable(name)}: ${why}`)
    output.object({ type: 'left-out', path: name, why })
  }
  output.note(`${count(result.files, 'file')}, ${count(result.bytes, 'byte')}`)
  output.line(target)
  output.object({
    type: 'summary',
    directory: target,
    files: result.files,
    bytes: result.bytes,
    leftOut: result.leftOut.length,
    version: archive.version
  })
  if (result.leftOut.length > 0) process.exitCode = EXIT_INCOMPLETE
}

function allBelow(files: readonly ArchiveFile[]): Row[] {
  return files.map(({ path: full, size }) => ({ path: full, kind: 'file', size }))
}

/** What lies directly in a directory: a name can be a file and a directory at once. */
function childrenOf(files: readonly ArchiveFile[], at: string): Row[] {
  const prefix = at.endsWith('/') ? at : `${at}/`
  const rows: Row[] = []
  const directories = new Set<string>()
  for (const { path: full, size } of files) {
    const slash = full.indexOf('/', prefix.length)
    if (slash === -1) {
      rows.push({ path: full, kind: 'file', size })
    } else if (!directories.has(full.slice(0, slash))) {
      directories.add(full.slice(0, slash))
      rows.push({ path: full.slice(0, slash), kind: 'directory', size: null })
    }
  }
  return rows
}

/** As archives have it, whatever form a terminal or a file system gives to accents. */
function normalize(text: string): string {
  return path.posix.resolve('/', text).normalize()
}

function parseCommit(text: string): number {
  const n = wholeNumber(text)
  if (n >= 1) return n
  throw new MivmError('USAGE', `@${text} is not the number of a commit: they count from 1`)
}
