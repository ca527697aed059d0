import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { Command, Option } from '@commander-js/extra-typings'
import { LOCAL_PORT } from '../net/network.ts'
import { MivmError } from '../protocol/errors.ts'
import { addAudit } from './commands/audit.ts'
import { addCall } from './commands/call.ts'
import { addDemo } from './commands/demo.ts'
import { addDeploy } from './commands/deploy.ts'
import { addDoctor } from './commands/doctor.ts'
import { addHost } from './commands/host.ts'
import { addKey } from './commands/key.ts'
import { addLog } from './commands/log.ts'
import { addLs } from './commands/ls.ts'
import { addRepl } from './commands/repl.ts'
import { addState } from './commands/state.ts'
import { addStatus } from './commands/status.ts'
import type { Globals } from './context.ts'

export type Program = Command<[], Globals>

/** The command line: options that all commands share, accepted before and after the command, and the commands. */
export function createProgram(): Program {
  const program = new Command('mivm')
    .description('Runs small JavaScript backends whose every call can be audited.')
    .version(version())
    .addOption(
      new Option('--dir <path>', 'data directory')
        .env('MIVM_DIR')
        .default(path.join(homedir(), '.mivm'), '~/.mivm')
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
    .option('--json', 'print one JSON object a line, the last one the summary', asTrue)
    .configureHelp({
      showGlobalOptions: true,
      optionTerm: ({ flags }) => flags.replace('--local <port>', '--local[=port]'),
      sortSubcommands: false
    })
    // what is wrong is said once, by main
    .configureOutput({ outputError: () => {} })
    .exitOverride()
  for (const add of COMMANDS) add(program)
  program.addHelpText('after', `\nTry it: mivm demo\n`)
  return program
}

const COMMANDS = [
  addDemo,
  addHost,
  addDeploy,
  addCall,
  addRepl,
  addLog,
  addState,
  addAudit,
  addKey,
  addLs,
  addStatus,
  addDoctor
]

function parsePort(text: string): number {
  if (text === '') return LOCAL_PORT
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65_535) return port
  throw new MivmError('USAGE', `--local=${text} is not a port: give a number up to 65535`)
}

function parseNodes(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), ...text.split(',').filter((node) => node.trim() !== '')]
}

function asTrue(): true {
  return true
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url)
  const { version: text }: { version: string } = JSON.parse(readFileSync(file, 'utf8'))
  return text
}
