import { renderAudit } from '../audit-view.ts'
import { Context } from '../context.ts'
import type { Program } from '../program.ts'

const HELP = `
Exit codes: 0 clean, 1 violation, 2 inconclusive.

Example:
  $ mivm audit forum --local
`

/** `mivm audit <instance>` */
export function addAudit(program: Program): void {
  program
    .command('audit')
    .description('Fetches all logs of an instance, executes every call again and compares.')
    .argument('<instance>', 'link, address or name')
    .addHelpText('after', HELP)
    .action(async (instance, _, command) => run(new Context(command.optsWithGlobals()), instance))
}

async function run(context: Context, instance: string): Promise<void> {
  const { output } = context
  const { link } = await context.instance(instance)
  const { audit } = await import('../../index.ts')
  output.progress('looking for the instance…')
  const events = audit({ ...context.network, address: link })
  for await (const event of events) {
    output.object(event)
    renderAudit(output, event)
    if (event.type === 'verdict') process.exitCode = event.exitCode
  }
}
