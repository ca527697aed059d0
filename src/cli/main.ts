import { MivmError } from '../protocol/errors.ts'
import { cleanUp, ending, handleSignals, stopQuietly } from './interruption.ts'
import { createProgram } from './program.ts'
import { reportError } from './report.ts'

process.exit(await main(process.argv.slice(2)))

/** Runs one command and returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  handleSignals()
  keepStdout()
  const words = separateLocal(args)
  const json = words.slice(0, endOfOptions(words)).includes('--json')
  handleTrouble(json)
  try {
    const program = await createProgram(words, json)
    await program.parseAsync(words, { from: 'user' })
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

/** What nobody else catches: Node would end with 1, and 1 says that a host has cheated. */
function handleTrouble(json: boolean): void {
  const fail = (error: unknown) => process.exit(reportError(error, json))
  process.on('uncaughtException', fail)
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') stopQuietly()
    // the last line of --json would go the same way
    else process.exit(reportError(error, false))
  })
  // what is told to nobody changes nothing
  process.stderr.on('error', () => {})
}

/** Hypercore prints a line where it finds that a log was written twice: stdout is for data. */
function keepStdout(): void {
  const { log, error } = console
  console.log = (...words) => (String(words[0]).startsWith('[hypercore]') ? error : log)(...words)
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
