import { handleSignals, stopQuietly } from './interruption.ts'
import { isSeenTo, reportError } from './report.ts'
import { readWords, run } from './run.ts'

handleSignals()
keepStdout()
const words = readWords(process.argv.slice(2))
handleTrouble(words.json)
process.exit(await run(words))

/** What nobody else catches: Node would end with 1, and 1 says that a host has cheated. */
function handleTrouble(json: boolean): void {
  const fail = (error: unknown) => process.exit(reportError(error, json))
  process.on('uncaughtException', (error) => {
    if (!isSeenTo(error)) fail(error)
  })
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
