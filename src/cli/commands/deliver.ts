import { encodeArgs } from '../../protocol/values.ts'
import { Context } from '../context.ts'
import { outcomeOf } from '../outcome.ts'
import type { Program } from '../program.ts'
import { embed, formatThrown, inspectCall, inspectValue, parseSeconds } from '../text.ts'

const HELP = `
A call is in your log before it is sent: one whose result did not come, because the host was away or the command was
interrupted, goes out with the next call to the instance, or by this command, which prints what came of each. A host
that has executed it already answers from its log.

Example:
  $ mivm deliver forum --local
`

/** `mivm deliver <instance>` */
export function addDeliver(program: Program): void {
  program
    .command('deliver')
    .description('Delivers the calls in your log that have no result yet.')
    .argument('<instance>', 'link, address or name')
    .option('--timeout <seconds>', 'how long to wait (default: 60)', parseSeconds)
    .addHelpText('after', HELP)
    .action(async (instance, { timeout }, command) =>
      deliver(new Context(command.optsWithGlobals()), instance, timeout)
    )
}

async function deliver(
  context: Context,
  instance: string,
  timeout: number | undefined
): Promise<void> {
  const { output } = context
  const { link, address } = await context.instance(instance)
  const client = await context.openClient(timeout)
  output.progress('looking for the host…')
  const calls = await client.deliver(link)
  for (const [i, { method, args, result }] of calls.entries()) {
    output.progress(`waiting for the result of ${i + 1} of ${calls.length}…`)
    // where this has none, the calls behind it have none either
    const { value, thrown, words } = await outcomeOf(result)
    const text = thrown === null ? inspectValue(value) : formatThrown(thrown)
    if (thrown !== null) process.exitCode = 1
    output.done()
    output.line(`${inspectCall(method, encodeArgs(args))} → ${text}`)
    output.object({ type: 'call', method, args: embed(encodeArgs(args)), ...words })
  }
  output.done()
  if (calls.length === 0) output.note('every call in your log has its result')
  output.object({ type: 'summary', address, delivered: calls.length })
}
