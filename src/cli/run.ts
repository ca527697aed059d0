import { MivmError } from '../protocol/errors.ts'
import { cleanUp, ending } from './interruption.ts'
import { createProgram } from './program.ts'
import { reportError } from './report.ts'

/** The words of one command, as they are read. */
export interface Words {
  readonly all: readonly string[]
  /** Whether it is to print objects. */
  readonly json: boolean
}

export function readWords(args: readonly string[]): Words {
  const all = separateLocal(args)
  return { all, json: all.slice(0, endOfOptions(all)).includes('--json') }
}

/** Runs one command in this process and returns the exit code; what it has opened is closed by then. */
export async function run({ all, json }: Words): Promise<number> {
  try {
    const program = await createProgram(all, json)
    await program.parseAsync(all, { from: 'user' })
    await cleanUp()
  } catch (error) {
    await cleanUp().catch(() => {})
    const stopped = ending()
    // what was closed under a command that was told to end is no trouble of its own; but a call that waits is to be known
    const code = stopped === null || leavesCall(error) ? reportError(error, json) : 0
    if (stopped !== null) return stopped
    process.exitCode = code
  }
  await flush()
  return ending() ?? Number(process.exitCode ?? 0)
}

/** Whether what a command ends with says of a call that it is written, and not of a client that it was closed before that. */
function leavesCall(error: unknown): boolean {
  return (
    error instanceof MivmError && error.code === 'HOST_CLOSED' && error.message.includes('the call')
  )
}

/** A bare `--local` must not take the next word for its port. */
function separateLocal(args: readonly string[]): string[] {
  const end = endOfOptions(args)
  return args.map((word, i) => (word === '--local' && i < end ? '--local=' : word))
}

function endOfOptions(args: readonly string[]): number {
  const end = args.indexOf('--')
  return end === -1 ? args.length : end
}

/** Waits until everything written is with whoever reads it: a pipe can be slower than we are. */
function flush(): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write('', () => process.stderr.write('', () => resolve()))
  })
}
