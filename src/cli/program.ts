import { readFileSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import path from 'node:path'
import { Command, type CommandUnknownOpts, Option } from '@commander-js/extra-typings'
import { LOCAL_PORT } from '../net/local-port.ts'
import { MivmError } from '../protocol/errors.ts'
import { suggest } from '../protocol/suggest.ts'
import type { Globals } from './context.ts'
import { Output } from './output.ts'
import { asTrue, wholeNumber } from './text.ts'

export type Program = Command<[], Globals>

/**
 * The command line: options that all commands share, accepted before and after the command, and the commands. Only
 * those that are named among the words are loaded, since each brings much with it; all, where none is, but for its version.
 */
export async function createProgram(words: readonly string[], json: boolean): Promise<Program> {
  const program = new Command('mivm')
    .description('Runs small JavaScript backends whose every call can be audited.')
    .version(version())
    .addOption(
      new Option('--dir <path>', 'data directory').env('MIVM_DIR').default(defaultDir(), '~/.mivm')
    )
    .option('--as <identity>', 'identity to call with (default: see "mivm key use")')
    .addOption(
      new Option('--local <port>', `the network of this machine, at this port or ${LOCAL_PORT}`)
        .argParser(parsePort)
        .helpGroup('Options:')
    )
    .addOption(
      new Option('--bootstrap <host:port>', 'nodes to enter the network through, also a,b,c')
        .env('MIVM_BOOTSTRAP')
        .argParser(parseNodes)
    )
    .option(
      '--json',
      'print one JSON object a line, the last one a summary, verdict or error',
      asTrue
    )
    .configureHelp({
      showGlobalOptions: true,
      optionTerm: ({ flags }) => flags.replace('--local <port>', '--local[=port]'),
      sortSubcommands: false
    })
    // what is wrong is said once, by main
    .configureOutput({ outputError: () => {}, ...(json ? { writeOut: gathered() } : {}) })
    .exitOverride((error) => {
      // the one that was meant may not be loaded, since a later word is the name of another
      const name = /^error: unknown command '(.*)'$/s.exec(error.message)?.[1]
      throw name === undefined ? error : unknownCommand(Object.keys(COMMANDS), name)
    })
    .hook('preAction', checkNetwork)
  for (const add of await Promise.all(loading(words).map((load) => load()))) add(program)
  for (const group of program.commands) {
    if (group.commands.length === 0) continue
    addHelp(group)
    group.exitOverride((error) => {
      throw error.code === 'commander.help' ? commandMissing(group) : error
    })
  }
  addHelp(program)
  program.addHelpText('after', AFTER_HELP)
  return program
}

const AFTER_HELP = `
Exit codes: 0 done, 1 a contract has thrown, or somebody signed what cannot be, 2 it cannot be said, or not all of it,
64 what was given cannot be, 69 what it takes is not there, or refuses, 70 a bug, 128 and the number of the signal that
ended it.

Try it: mivm demo
`

const COMMANDS: { readonly [name: string]: () => Promise<(program: Program) => void> } = {
  demo: async () => (await import('./commands/demo.ts')).addDemo,
  host: async () => (await import('./commands/host.ts')).addHost,
  deploy: async () => (await import('./commands/deploy.ts')).addDeploy,
  call: async () => (await import('./commands/call.ts')).addCall,
  deliver: async () => (await import('./commands/deliver.ts')).addDeliver,
  repl: async () => (await import('./commands/repl.ts')).addRepl,
  log: async () => (await import('./commands/log.ts')).addLog,
  trace: async () => (await import('./commands/trace.ts')).addTrace,
  state: async () => (await import('./commands/state.ts')).addState,
  audit: async () => (await import('./commands/audit.ts')).addAudit,
  prove: async () => (await import('./commands/prove.ts')).addProve,
  verify: async () => (await import('./commands/verify.ts')).addVerify,
  key: async () => (await import('./commands/key.ts')).addKey,
  name: async () => (await import('./commands/name.ts')).addName,
  ls: async () => (await import('./commands/ls.ts')).addLs,
  status: async () => (await import('./commands/status.ts')).addStatus,
  backup: async () => (await import('./commands/backup.ts')).addBackup,
  restore: async () => (await import('./commands/restore.ts')).addRestore,
  doctor: async () => (await import('./commands/doctor.ts')).addDoctor
}

function loading(words: readonly string[]): (typeof COMMANDS)[string][] {
  const named = Object.entries(COMMANDS).filter(([name]) => words.includes(name))
  if (named.length > 0) return named.map(([, load]) => load)
  return words.some((word) => word === '--version' || word === '-V') ? [] : Object.values(COMMANDS)
}

/** In the environment one of them may stand for all commands, and the other one for this; together they mean nothing. */
function checkNetwork(program: CommandUnknownOpts): void {
  const isGiven = (name: string) => program.getOptionValueSource(name) === 'cli'
  if (!isGiven('local') || !isGiven('bootstrap')) return
  throw new MivmError('USAGE', '--local and --bootstrap are two networks: give one of them')
}

/** Commander's own takes one name, and shows the help of whatever is there where that is not known. */
function addHelp(group: CommandUnknownOpts): void {
  const parent = group.parent === null ? [] : [group.name()]
  const example = [...parent, 'help', ...group.commands.slice(0, 1).map((one) => one.name())].join(
    ' '
  )
  group
    .helpCommand(false)
    .command('help')
    .description('Shows the help of a command.')
    .argument('[command...]')
    .addHelpText('after', `\nExample:\n  $ mivm ${example}\n`)
    .action((names) => {
      let found: CommandUnknownOpts = group
      for (const name of names) {
        const next = found.commands.find((command) => command.name() === name)
        if (next === undefined) {
          const names = found.commands.map((command) => command.name())
          throw unknownCommand(names, name)
        }
        found = next
      }
      found.outputHelp()
    })
}

function commandMissing(group: CommandUnknownOpts): MivmError {
  const names = group.commands.map((command) => command.name()).filter((name) => name !== 'help')
  return new MivmError(
    'USAGE',
    `${group.name()} what? give one of ${names.join(', ')}: see "mivm ${group.name()} --help"`
  )
}

function unknownCommand(names: readonly string[], name: string): MivmError {
  const hint = suggest(name, names) || ': see --help'
  return new MivmError('USAGE', `unknown command '${name}'${hint}`)
}

function parsePort(text: string): number {
  if (text === '') return LOCAL_PORT
  const port = wholeNumber(text)
  if (port <= 65_535) return port
  throw new MivmError('USAGE', `--local=${text} is not a port: give a number up to 65535`)
}

function parseNodes(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), ...text.split(',').filter((node) => node.trim() !== '')]
}

/** An empty HOME says nothing: keys would go to where one happens to be. "" where this user has no home, as in a container. */
function defaultDir(): string {
  try {
    return path.join(homedir() || userInfo().homedir, '.mivm')
  } catch {
    return ''
  }
}

/** Of what is written at once, which help is in parts, one object. */
function gathered(): (text: string) => void {
  let written = ''
  return (text) => {
    if (written === '') queueMicrotask(print)
    written += text
  }
  function print(): void {
    const says = written.trim() === version() ? { version: version() } : { help: written }
    new Output(true).object({ type: 'summary', ...says })
    written = ''
  }
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url)
  const { version: text }: { version: string } = JSON.parse(readFileSync(file, 'utf8'))
  return text
}
