import { armor } from '../../protocol/envelope.ts'
import { Context } from '../context.ts'
import type { Program } from '../program.ts'
import { checkWritable, writeProof } from '../proof-file.ts'
import { describeReceipt } from '../proof-view.ts'
import { parseSeq } from '../text.ts'

const HELP = `
Anybody can prove any call: the log is there for all. The receipt is text that can be mailed, and "mivm verify" checks
it without a network, for ever.

Example:
  $ mivm prove forum 3 -o post.receipt --local
`

/** `mivm prove <instance> <seq>` */
export function addProve(program: Program): void {
  program
    .command('prove')
    .description('Writes the receipt of a call: proof of what the host has answered.')
    .argument('<instance>', 'link, address or name')
    .argument('<seq>', 'number of the call, as "mivm log" shows it: 3 or host+3', parseSeq)
    .option('-o, --output <file>', 'write it into this new file (default: stdout)')
    .addHelpText('after', HELP)
    .action(async (instance, seq, { output }, command) =>
      run(new Context(command.optsWithGlobals()), instance, seq, output)
    )
}

async function run(
  context: Context,
  instance: string,
  seq: number,
  file: string | undefined
): Promise<void> {
  const { output } = context
  if (file !== undefined) await checkWritable(file)
  const { link } = await context.instance(instance)
  const { prove } = await import('../../client/prove.ts')
  const replica = await context.openReplica()
  output.progress('looking for the instance…')
  const receipt = await prove(await replica.follow(link), seq)
  output.done()
  const text = armor(receipt.bytes)
  if (file === undefined) output.line(text.trimEnd())
  else await writeProof(file, text)
  output.object({
    type: 'summary',
    ...describeReceipt(receipt),
    receipt: file === undefined ? text : file
  })
}
