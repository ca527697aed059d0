import path from 'node:path'
import { Context } from '../context.ts'
import { untilEnd } from '../interruption.ts'
import type { Program } from '../program.ts'

const HELP = `
The host may have signed more since the backup was written. It asks whoever can be found before it signs anything, and
refuses where somebody knows more; start it with "mivm host --recover" to take that back from mirrors.

Example:
  $ mivm restore /backups/forum.mivm-backup --dir ~/.mivm
`

/** `mivm restore <backup>` */
export function addRestore(program: Program): void {
  program
    .command('restore')
    .description('Brings a host back from a backup, into a directory without one.')
    .argument('<backup>', 'a file of "mivm backup"')
    .addHelpText('after', HELP)
    .action(async (file, _, command) => run(new Context(command.optsWithGlobals()), file))
}

async function run({ output, hostDir }: Context, file: string): Promise<void> {
  const { restore } = await import('../../host/backup.ts')
  output.progress(`reading ${file}…`)
  const done = await untilEnd((stop) => restore(path.resolve(file), hostDir, stop))
  output.done()
  output.line(hostDir)
  output.note('start it with "mivm host --recover": it may have signed more since')
  output.object({ type: 'summary', dir: hostDir, ...done })
}
