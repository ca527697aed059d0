import { Context } from '../context.ts'
import { atEnd } from '../interruption.ts'
import { printable } from '../output.ts'
import type { Program } from '../program.ts'
import { formatThrown, parseSeq } from '../text.ts'

const HELP = `
Errors have no stack in the VM. The call is executed again on this machine, on the state that the host published, with
code that notes where it is; below the line that threw, or that was reached when fuel or depth ended, are those that it
was called from. Give the file that was deployed to hear of its own lines; without it they are those of contract.js,
which is the source as the log has it ("mivm state cat <instance> /.mivm/contract.js").

Example:
  $ mivm trace forum 3 forum.js --local
`

/** `mivm trace <instance> <seq> [file]` */
export function addTrace(program: Program): void {
  program
    .command('trace')
    .description('Says which line of a contract threw what a call ended with.')
    .argument('<instance>', 'link, address or name')
    .argument('<seq>', 'number of the call, as "mivm log" shows it: 3 or host+3', parseSeq)
    .argument('[file]', 'what was deployed, .js or .ts')
    .addHelpText('after', HELP)
    .action(async (instance, seq, file, _options, command) =>
      run(new Context(command.optsWithGlobals()), instance, seq, file)
    )
}

async function run(
  context: Context,
  instance: string,
  seq: number,
  file: string | undefined
): Promise<void> {
  const { output } = context
  const { link, address } = await context.instance(instance)
  const [{ bundle }, { traceCall }, { openVm }] = await Promise.all([
    import('../../bundle/bundle.ts'),
    import('../../testing/trace.ts'),
    import('../../vm/registry.ts')
  ])
  const contract = file === undefined ? null : await bundle(file)
  const replica = await context.openReplica()
  output.progress('looking for the instance…')
  const found = await replica.follow(link)
  const open = async (id: string) => {
    output.progress(`executing call ${seq} again…`)
    const vm = await openVm(id, { engines: 1 })
    atEnd(() => vm.close())
    return vm
  }
  const { method, error, place, through } = await traceCall(open, found, seq, contract)
  output.done()
  output.line(printable(`${place}: ${formatThrown(error)}`))
  for (const caller of through) output.line(printable(`  from ${caller}`))
  output.object({ type: 'summary', address, seq, method, place, through, error })
}
