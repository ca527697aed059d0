import { cleanUp, handleSignals, stopQuietly } from './interruption.ts'
import { createProgram } from './program.ts'
import { reportError } from './report.ts'

process.exit(await main(process.argv.slice(2)))

/** Runs one command and returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  handleSignals()
  keepStdout()
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    stopQuietly()
  })
  const words = separateLocal(args)
  const json = words.slice(0, endOfOptions(words)).includes('--json')
  try {
    const program = await createProgram(words)
    await program.parseAsync(words, { from: 'user' })
    await cleanUp()
  } catch (error) {
    await cleanUp().catch(() => {})
    process.exitCode = reportError(error, json)
  }
  await flush()
  return Number(process.exitCode ?? 0)
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
