import type { CallPromise } from '../../client/contract.ts'
import { armor } from '../../protocol/envelope.ts'
import { MivmError } from '../../protocol/errors.ts'
import { suggest } from '../../protocol/suggest.ts'
import { Context } from '../context.ts'
import { outcomeOf } from '../outcome.ts'
import { printableLines } from '../output.ts'
import type { Program } from '../program.ts'
import { checkWritable, writeProof } from '../proof-file.ts'
import { formatThrown, formatValue, parseArgument, parseSeconds } from '../text.ts'

const HELP = `
Arguments are JSON, or else text; bytes are {"$bytes":"<base64>"} and a bigint {"$bigint":"<decimal>"}. The value is
printed in the same form, a string as it is, and nothing for undefined. When the contract ends the call with an error,
that is printed to stderr as "Name: message (CODE)" and the exit code is 1.

Example:
  $ mivm call forum addTopic "Hello world" --local
`

interface Options {
  readonly receipt?: string | undefined
  readonly timeout?: number | undefined
}

/** `mivm call <instance> <method> [args…]` */
export function addCall(program: Program): void {
  program
    .command('call')
    .description('Calls a method of an instance and prints its value.')
    .argument('<instance>', 'link, address or name')
    .argument('<method>')
    .argument('[args...]', 'JSON, or else text; after -- also what begins with -')
    .option(
      '--receipt <file>',
      'write the receipt, proof of call and result for ever, into this new file'
    )
    .option(
      '--timeout <seconds>',
      'how long to wait (default: 60); the call stays in your log, see "mivm deliver"',
      parseSeconds
    )
    .addHelpText('after', HELP)
    .action(async (instance, method, args, options, command) =>
      call(new Context(command.optsWithGlobals()), instance, method, args, options)
    )
}

async function call(
  context: Context,
  instance: string,
  method: string,
  args: readonly string[],
  { receipt, timeout }: Options
): Promise<void> {
  const { output } = context
  const values = args.map(parseArgument)
  // the call cannot be taken back
  if (receipt !== undefined) await checkWritable(receipt)
  const { link, address } = await context.instance(instance)
  const client = await context.openClient(timeout)
  output.progress('looking for the instance…')
  const contract = await client.connect(link)
  const invoke = Object.hasOwn(contract, method) ? contract[method] : undefined
  if (invoke === undefined) throw unknownMethod(instance, method, callable(contract))
  output.progress(`calling ${method}…`)
  const calling = invoke(...values)
  const { value, thrown, words } = await outcomeOf(calling)
  output.done()
  if (thrown === null) {
    output.note(output.paintNote('dim', `fuel: ${words.fuel}`))
    const text = formatValue(value)
    if (value !== undefined) output.line(output.isTerminal ? printableLines(text) : text)
  } else {
    const whose = thrown.aborted ? ' [ended by the host: its word only]' : ''
    output.note(`${output.paintNote('red', formatThrown(thrown))}${whose}`)
    process.exitCode = 1
  }
  // the call is made, whether there is room for the receipt or not
  if (receipt !== undefined) {
    await save(receipt, calling).catch((error) => {
      output.object({ type: 'call', address, method, ...words })
      throw error
    })
  }
  const saved = receipt === undefined ? {} : { receipt }
  output.object({ type: 'summary', address, method, ...words, ...saved })
}

/** As text that can be mailed; an error is an answer like any other, and proven as well. */
async function save(file: string, calling: CallPromise): Promise<void> {
  await writeProof(file, armor((await calling.receipt).bytes))
}

/** `init` is over. */
function callable(contract: object): string[] {
  return Object.keys(contract).filter((name) => name !== 'init')
}

function unknownMethod(instance: string, method: string, methods: readonly string[]): MivmError {
  const hint = suggest(method, methods) || `: it has ${methods.join(', ') || 'none'}`
  return new MivmError('METHOD_UNKNOWN', `${instance} has no method "${method}"${hint}`)
}
