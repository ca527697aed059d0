import { collectSooner, optimizeLate } from '../../audit/optimizing.ts'
import type { Finding } from '../../index.ts'
import { statementsIn } from '../../protocol/comparison.ts'
import { MivmError } from '../../protocol/errors.ts'
import { encodeId } from '../../protocol/ids.ts'
import { EvidenceDir } from '../../state/evidence-dir.ts'
import { fileError } from '../../state/file-error.ts'
import { type AlertOptions, Alerts } from '../alerts.ts'
import { renderAudit } from '../audit-view.ts'
import { Context, ONLY_COPY } from '../context.ts'
import { EvidenceFiles } from '../evidence-files.ts'
import { interrupted } from '../interruption.ts'
import type { Program } from '../program.ts'
import { readProof } from '../proof-file.ts'
import { asTrue } from '../text.ts'

const EXIT_VIOLATION = 1
const EXIT_INCONCLUSIVE = 2

const HELP = `
Exit codes: 0 clean, 1 violation, 2 inconclusive, 64 what was given cannot be, a receipt that does not hold included,
69 nobody shows the instance, or a disk refuses.

With --report every finding becomes a file that convinces others, but that a host does not show something: "mivm verify"
checks it without a network, and without believing who made it. In a folder there is one file for each; a file has the
first, and others go beside it. What is there already is never written over. Evidence that the host has signed two
histories is kept in the data directory in any case: heads are compared with those of all others who know the instance
and can be reached. What users of this data directory have called is also held against their own logs, whether the host
shows these or not.

To --exec and --webhook goes {"type":"finding","address":…,"finding":{"code":…,"class":…,"log":…,"block":…,"message":…}},
also with "seq", "user" and "differences" where there are some. With --json the events of audit() of the library are
printed as its types have them, and of evidence "code", "block", "file" and "message".

Example:
  $ mivm audit forum --report evidence/ --local
`

/** `mivm audit <instance>` */
export function addAudit(program: Program): void {
  program
    .command('audit')
    .description('Fetches all logs of an instance, executes every call again and compares.')
    .argument('<instance>', 'link, address or name')
    .option('--report <path>', 'write evidence of what is found: into this file, or folder')
    .option(
      '--receipt <file>',
      'a receipt, or evidence, of this instance that the log has to agree with; any number of times',
      (file: string, files: string[] | undefined) => [...(files ?? []), file]
    )
    .option('--from-genesis', 'begin with the first entry, whatever was verified before', asTrue)
    .option('--follow', 'go on as calls come in, until interrupted', asTrue)
    .option('--exec <command>', 'run this for each finding, with it as JSON on stdin')
    .option('--webhook <url>', 'post each finding there as JSON')
    .addHelpText('after', HELP)
    .action(async (instance, options, command) =>
      run(new Context(command.optsWithGlobals()), instance, options)
    )
}

interface Options extends AlertOptions {
  readonly report?: string | undefined
  readonly receipt?: readonly string[] | undefined
  readonly fromGenesis?: true | undefined
  readonly follow?: true | undefined
}

async function run(context: Context, instance: string, options: Options): Promise<void> {
  optimizeLate()
  collectSooner()
  // what ends before its verdict, for whatever reason, has found nothing and has not found it clean
  process.exitCode = EXIT_INCONCLUSIVE
  const { output } = context
  checkGiven(options)
  const alerts = new Alerts(output, options)
  const { link, address } = await context.instance(instance)
  const given = options.receipt ?? []
  const receipts = await Promise.all(given.map((file) => readGiven(file, address)))
  const { audit } = await import('../../index.ts')
  output.progress('looking for the instance…')
  const report = options.report === undefined ? null : await EvidenceFiles.open(options.report)
  const events = audit({
    ...context.network,
    address: link,
    receipts,
    evidence: report !== null,
    fromGenesis: options.fromGenesis === true,
    ...(options.follow === true ? { follow: untilInterrupted() } : {})
  })
  let progress = ''
  try {
    for await (const event of events) {
      if (event.type === 'progress') {
        // one who follows looks several times a second, and mostly there is nothing new
        const text = JSON.stringify(event)
        if (text === progress) continue
        progress = text
      }
      if (event.type === 'verdict') await alerts.done()
      if (event.type === 'evidence') {
        await write(context, report, event.finding, event.evidence)
        continue
      }
      output.object(event)
      if (event.type === 'host' && options.follow !== true) output.note(ONLY_COPY)
      else renderAudit(output, event)
      if (event.type === 'finding') alerts.add({ type: 'finding', address, finding: event.finding })
      if (event.type !== 'verdict') continue
      process.exitCode = event.exitCode
      const kept = await new EvidenceDir(context.dir).find(address)
      if (kept !== null) output.note(`evidence of two histories: ${kept}`)
    }
  } finally {
    // also where it ends without a verdict, as on a full disk
    await alerts.done()
  }
}

/** What is empty, as of a variable that is not set, would be found out when there is something to report. */
function checkGiven({ report, exec }: Options): void {
  if (report === '') throw new MivmError('USAGE', '--report is empty: give a file or a folder')
  if (exec === '') throw new MivmError('USAGE', '--exec is empty: give a command')
}

/** A file that does not hold says nothing of the host: the exit code of a violation would. */
async function readGiven(file: string, address: string): Promise<Uint8Array> {
  const proof = await readProof(file)
  let of: string
  try {
    of = encodeId(statementsIn(proof).subject.address)
  } catch (error) {
    if (!(error instanceof MivmError)) throw error
    const { code, exitCode, message } = error
    throw exitCode === EXIT_VIOLATION
      ? new MivmError('USAGE', `${file}: ${message}: leave it out`)
      : new MivmError(code, `${file}: ${message}`)
  }
  if (of !== address) {
    throw new MivmError('USAGE', `${file} is of another instance, ${of}: leave it out`)
  }
  return proof
}

function untilInterrupted(): AbortSignal {
  const stop = new AbortController()
  void interrupted().then(() => stop.abort())
  return stop.signal
}

async function write(
  { output }: Context,
  report: EvidenceFiles | null,
  { code, block }: Finding,
  evidence: Uint8Array | null
): Promise<void> {
  const { file, problem } = await save(report, code, evidence)
  output.object({ type: 'evidence', code, block, file, message: problem })
  if (problem !== null) output.note(`no evidence of ${code} is written: ${problem}`)
  else if (file !== null) output.line(`evidence of ${code}: ${file}`)
  else {
    const why = 'what a host does not show, no file can, nor what takes more than 64 MiB'
    output.line(`no evidence of ${code}: ${why}`)
  }
}

/** Where it is, or what has gone wrong: a disk that takes no file takes nobody the verdict. */
async function save(report: EvidenceFiles | null, code: string, evidence: Uint8Array | null) {
  if (report === null || evidence === null) return { file: null, problem: null }
  try {
    return { file: await report.add(code, evidence), problem: null }
  } catch (error) {
    const known = fileError(error)
    if (!(known instanceof MivmError)) throw error
    return { file: null, problem: known.message }
  }
}
