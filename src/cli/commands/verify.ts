import { contradictionIn, statementsIn } from '../../protocol/comparison.ts'
import { unwrap } from '../../protocol/envelope.ts'
import { MivmError } from '../../protocol/errors.ts'
import { decodeId, encodeId } from '../../protocol/ids.ts'
import { verifyReceipt } from '../../protocol/receipt.ts'
import { Context } from '../context.ts'
import type { Program } from '../program.ts'
import { checkWritable, readProof, writeProof } from '../proof-file.ts'
import { describeReceipt, renderEvidence, renderReceipt } from '../proof-view.ts'

const HELP = `
Needs no network, no data directory and nobody's word. Anybody can make a host and have it sign anything: say with
--host whose word it has to be, or compare the id that is printed.

Of two or more files of one instance it is also said whether they are of one history: two receipts that contradict each
other are evidence, which -o writes into a file. Whether two agree cannot always be said: "mivm audit --receipt" does.

Exit codes: 0 it holds, 1 it does not, 2 this cannot be said here, 64 this is no such file, 69 what executes its calls is
not here: a newer VM, or an engine that starts. Of several files 0 says that they contradict each other, and 2 that
nothing of that is seen in them.

Example:
  $ mivm verify post.receipt --host qemd8udjzyts5r4wbos7wbepspmrsrbia6u5khr7e6ef4toucrry
`

/** `mivm verify <file…>` */
export function addVerify(program: Program): void {
  program
    .command('verify')
    .description('Checks a receipt or evidence offline, and says what it proves.')
    .argument('<files...>', 'receipts or evidence; - for stdin')
    .option('--host <id>', 'the host that it has to be of', parseHost)
    .option(
      '-o, --output <file>',
      'write the evidence that two files come to together into this new file'
    )
    .addHelpText('after', HELP)
    .action(async (files, options, command) => {
      const context = new Context(command.optsWithGlobals())
      const [file = '', ...more] = files
      if (more.length === 0 && options.output !== undefined)
        throw new MivmError('USAGE', '-o is for what two files come to: give another one as well')
      if (more.length === 0) await run(context, file, options.host)
      else await compare(context, files, options)
    })
}

/** Several files: each has to hold, and together they may prove more. */
async function compare(
  { output }: Context,
  files: readonly string[],
  { host, output: target }: { readonly host?: string; readonly output?: string }
): Promise<void> {
  if (target !== undefined) await checkWritable(target)
  const proofs: Uint8Array[] = []
  for (const file of files) {
    const proof = await readProof(file)
    checkAlone(file, proof, host)
    proofs.push(proof)
  }
  const evidence = contradictionIn(proofs)
  if (evidence === null) {
    output.line('nothing in these files contradicts another: see "mivm audit --receipt"')
    output.object({ type: 'summary', holds: false, files })
    process.exitCode = 2
    return
  }
  const { verifyEvidence } = await import('../../audit/evidence.ts')
  const proven = await verifyEvidence(evidence, host === undefined ? {} : { host })
  renderEvidence(output, proven)
  if (target !== undefined) await writeProof(target, evidence)
  const { bytes: _, ...says } = proven
  output.object({ type: 'summary', holds: true, kind: 'evidence', ...says, file: target ?? null })
}

/** Throws for what does not hold by itself, or is of another host, with its name: of several files one has to know which. */
function checkAlone(file: string, proof: Uint8Array, host: string | undefined): void {
  try {
    const named = encodeId(statementsIn(proof).subject.host)
    if (host === undefined || named === host) return
    throw new MivmError('PROOF_INVALID', `it is of the host ${named}`)
  } catch (error) {
    if (!(error instanceof MivmError)) throw error
    throw new MivmError(error.code, `${file}: ${error.message}`)
  }
}

async function run({ output }: Context, file: string, host: string | undefined): Promise<void> {
  const { kind, bytes } = unwrap(await readProof(file))
  if (kind === 'receipt') {
    const receipt = verifyReceipt(bytes, host)
    renderReceipt(output, receipt)
    output.object({ type: 'summary', holds: true, ...describeReceipt(receipt) })
    return
  }
  // brings the VM along, which receipts do not need
  const { verifyEvidence } = await import('../../audit/evidence.ts')
  const evidence = await verifyEvidence(bytes, host === undefined ? {} : { host })
  renderEvidence(output, evidence)
  const { bytes: _, ...says } = evidence
  output.object({ type: 'summary', holds: true, kind, ...says })
}

function parseHost(text: string): string {
  return encodeId(decodeId(text, 'host key'))
}
