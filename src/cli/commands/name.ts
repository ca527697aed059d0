import { Context } from '../context.ts'
import type { Program } from '../program.ts'
import { nameInstance } from '../settings.ts'

/** `mivm name <name> <instance>` */
export function addName(program: Program): void {
  program
    .command('name')
    .description(
      'Gives an instance a name on this machine, which commands take in place of its link.'
    )
    .argument('<name>', 'letters, digits, - and _, a letter first')
    .argument('<instance>', 'link, address or another name')
    .addHelpText(
      'after',
      '\nExample:\n  $ mivm name forum mivm://<host>/<address>\n  $ mivm call forum addTopic "Hello world" --local\n'
    )
    .action(async (name, instance, _, command) =>
      run(new Context(command.optsWithGlobals()), name, instance)
    )
}

async function run(context: Context, name: string, instance: string): Promise<void> {
  const { output, dir } = context
  const { link, address } = await context.instance(instance)
  const before = await nameInstance(dir, name, link)
  if (before !== null) output.note(`"${name}" was ${before} before`)
  output.line(link)
  output.object({ type: 'summary', name, address, link, before })
}
