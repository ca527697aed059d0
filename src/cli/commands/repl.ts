import { createInterface } from 'node:readline'
import { Context } from '../context.ts'
import { printable } from '../output.ts'
import type { Program } from '../program.ts'
import { Console } from '../repl.ts'

/** `mivm repl <instance>` */
export function addRepl(program: Program): void {
  program
    .command('repl')
    .description('Calls an instance from a JavaScript prompt: its methods are functions.')
    .argument('<instance>', 'link, address or name')
    .addHelpText(
      'after',
      '\nTab completes the names of methods, and await works. Lines from a pipe are executed one by one; one that is not UTF-8\nends that.\n\nExample:\n  $ mivm repl forum --local\n  > addTopic("Hello world")\n  1\n'
    )
    .action(async (instance, _, command) => run(new Context(command.optsWithGlobals()), instance))
}

async function run(context: Context, instance: string): Promise<void> {
  const { output } = context
  const { link, name } = await context.instance(instance)
  const client = await context.openClient()
  output.progress('looking for the instance…')
  const contract = await client.connect(link)
  const state = client.state(link)
  output.done()
  const terminal = process.stdin.isTTY === true && output.isTerminal && !output.json
  if (terminal) {
    // before the prompt
    const methods = Object.keys(contract).filter((method) => method !== 'init')
    const names = methods.map(printable).join(', ')
    output.note(`methods: ${names || 'none'}; files: await state.readdir('/')`)
  }
  const console = new Console({ contract, state, output, terminal, name: name ?? 'mivm' })
  if (terminal) {
    await console.closed
    return
  }
  for await (const line of createInterface({ input: process.stdin })) await console.line(line)
  console.close()
  await console.closed
  output.object({ type: 'summary', lines: console.lines })
}
