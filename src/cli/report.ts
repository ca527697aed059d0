import { CommanderError } from 'commander'
import { MivmError, messageOf } from '../protocol/errors.ts'
import { fileError } from '../state/file-error.ts'
import { Output, printable, printableLines } from './output.ts'

let witness: (error: unknown) => boolean = () => false

/** Has what nobody catches looked at before it ends the process: it does not, where that says that it is seen to. */
export function beforeTheEnd(look: (error: unknown) => boolean): void {
  witness = look
}

/** Whether an error that nobody has caught is seen to. */
export function isSeenTo(error: unknown): boolean {
  return witness(error)
}

/**
 * Says in one line what went wrong, `mivm: CODE: message`, and as a last object with --json; returns the exit code.
 * A stack is shown with MIVM_DEBUG=1 only.
 */
export function reportError(error: unknown, json: boolean): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0
  const known = describe(error)
  const message = printable(known.message)
  const output = new Output(json)
  output.note(`${output.paintNote('red', `mivm: ${known.code}:`)} ${message}`)
  output.object({ type: 'error', code: known.code, message })
  if (process.env['MIVM_DEBUG'] === '1') output.note(printableLines(stackOf(error)))
  else if (known.code === 'INTERNAL') {
    output.note(
      'This is a bug of MIVM. Please report it, with what you did and what MIVM_DEBUG=1 adds to this.'
    )
  }
  return known.exitCode
}

function describe(error: unknown): MivmError {
  if (error instanceof MivmError) return error
  if (error instanceof CommanderError) return new MivmError('USAGE', usage(error))
  const known = fileError(error)
  if (known instanceof MivmError) return known
  const message = messageOf(error)
  return new MivmError('INTERNAL', message, { cause: error })
}

/** Commander says `error: unknown command 'cal'`, and a suggestion in a second line. */
function usage({ code, message }: CommanderError): string {
  if (code === 'commander.help') return 'a command is missing: see "mivm --help"'
  const [problem = '', ...more] = message.replace(/^error: /, '').split('\n')
  const suggestion = /^\(Did you mean (.*)\?\)$/.exec(more.join(' ').trim())
  if (suggestion === null) {
    const rest = code === 'commander.unknownOption' ? ', or put -- before what is an argument' : ''
    return `${problem.replace(/\.$/, '')}: see --help${rest}`
  }
  return `${problem}: did you mean ${suggestion[1]}?`
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}
