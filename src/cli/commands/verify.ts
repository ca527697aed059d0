import { open } from 'node:fs/promises'
import { ARMORED_MAX, tooLarge, unwrap } from '../../protocol/envelope.ts'
import { MivmError } from '../../protocol/errors.ts'
import { decodeId, encodeId } from '../../protocol/ids.ts'
import { verifyReceipt } from '../../protocol/receipt.ts'
import { Context } from '../context.ts'
import { atEnd } from '../interruption.ts'
import type { Program } from '../program.ts'
import { describeReceipt, renderEvidence, renderReceipt } from '../proof-view.ts'

const HELP = `
Needs no network, no data directory and nobody's word. Anybody can make a host and have it sign anything: say with
--host whose word it has to be, or compare the id that is printed.

Exit codes: 0 it holds, 1 it does not, 2 this cannot be said here, 64 this is no such file.

Example:
  $ mivm verify post.receipt --host qemd8udjzyts5r4wbos7wbepspmrsrbia6u5khr7e6ef4toucrry
`

/** `mivm verify <file>` */
export function addVerify(program: Program): void {
  program
    .command('verify')
    .description('Checks a receipt or evidence offline, and says what it proves.')
    .argument('<file>', 'a receipt or evidence; - for stdin')
    .option('--host <id>', 'the host that it has to be of', parseHost)
    .addHelpText('after', HELP)
    .action(async (file, { host }, command) =>
      run(new Context(command.optsWithGlobals()), file, host)
    )
}

async function run({ output }: Context, file: string, host: string | undefined): Promise<void> {
  const { kind, bytes } = unwrap(await read(file))
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

/** A file may be of any size, and what is no file may never end. */
async function read(file: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of file === '-' ? process.stdin : await openFile(file)) {
    size += chunk.length
    if (size > ARMORED_MAX) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function openFile(file: string): Promise<AsyncIterable<Uint8Array>> {
  const handle = await open(file).catch((error) => {
    if (error.code !== 'ENOENT') throw error
    throw new MivmError('FILE_UNKNOWN', `there is no file ${file}: check the path`)
  })
  atEnd(() => handle.close())
  if ((await handle.stat()).size > ARMORED_MAX) throw tooLarge()
  return handle.createReadStream({ autoClose: false })
}

function parseHost(text: string): string {
  return encodeId(decodeId(text, 'host key'))
}
