import { stat } from 'node:fs/promises'
import path from 'node:path'
import { MivmError } from '../../protocol/errors.ts'
import { Context } from '../context.ts'
import { untilEnd } from '../interruption.ts'
import { tellLocally } from '../local-host.ts'
import type { Program } from '../program.ts'

const HELP = `
The host may be running: the backup has all as it was at one moment. The key of the host is in it: whoever has the file
can be the host, so that only its owner may read it. Do not start a restored host while the other one runs.

Example:
  $ mivm backup /backups/
`

/** `mivm backup <file or dir>` */
export function addBackup(program: Program): void {
  program
    .command('backup')
    .description('Writes all of the host of this directory, its key included, to one file.')
    .argument('<to>', 'a file that is not there yet, or a directory')
    .addHelpText('after', HELP)
    .action(async (to, _, command) => backup(new Context(command.optsWithGlobals()), to))
}

async function backup({ output, hostDir, hostSocket }: Context, to: string): Promise<void> {
  const { backUpClosed } = await import('../../host/backup.ts')
  const file = await fileAt(to)
  output.progress(`writing ${file}…`)
  const done = (await tellLocally(hostSocket, '/backup', { file })) ?? {
    ...(await untilEnd((stop) => backUpClosed(hostDir, file, stop)))
  }
  output.done()
  output.line(file)
  output.note('the key of the host is in it: keep it as you keep the host')
  output.object({ type: 'summary', ...done })
}

async function fileAt(target: string): Promise<string> {
  // it would be the directory where one happens to be
  if (target === '')
    throw new MivmError('USAGE', 'the backup has no name: give a file, or a directory')
  const isDirectory = await stat(target).then(
    (stats) => stats.isDirectory(),
    () => false
  )
  if (!isDirectory && /[/\\]$/.test(target)) {
    throw new MivmError('FILE_UNKNOWN', `there is no directory ${target}: make it, or mount it`)
  }
  const now = new Date().toISOString().replace(/[:.]/g, '-')
  return isDirectory ? path.resolve(target, `${now}.mivm-backup`) : path.resolve(target)
}
