import { codeOf, isErrorCode, MivmError } from '../protocol/errors.ts'

/** An error as it goes to a peer. Ours has more to say than message and code: the library sends what is in `context` beside them. */
export function sentError(error: unknown): unknown {
  if (!(error instanceof MivmError) || error.retryAfter === null) return error
  const { retryAfter, room } = error
  const context = room === null ? { retryAfter } : { retryAfter, room }
  return Object.assign(error, { context: JSON.stringify(context) })
}

/** What came over the wire is a message and a code; anything that is not ours means that the peer is not one of us. */
export function receivedError(error: unknown): MivmError {
  if (!(error instanceof Error)) return new MivmError('CONNECTION_LOST', String(error))
  const cause = error.cause
  if (cause instanceof Error && 'code' in cause) {
    const code = String(cause.code)
    if (isErrorCode(code)) return new MivmError(code, oneLine(cause.message), contextOf(cause))
    return new MivmError('REQUEST_INVALID', `the host could not answer: ${oneLine(cause.message)}`)
  }
  const code = codeOf(error)
  if (code === 'TIMEOUT_EXCEEDED') {
    return new MivmError(
      'TIMEOUT',
      'the host did not answer in time: try again, or ask its operator'
    )
  }
  if (code === 'CHANNEL_CLOSED' || code === 'CHANNEL_DESTROYED') {
    return new MivmError('CONNECTION_LOST', 'the connection to the host was lost: try again')
  }
  return new MivmError('REQUEST_INVALID', `the host could not answer: ${oneLine(error.message)}`)
}

/** A host may answer with any error there is: who asks has made no mistake by that, nor found anything, nor is it a bug here. */
export function unavailable(error: unknown): unknown {
  if (!(error instanceof MivmError) || error.exitCode === UNAVAILABLE) return error
  const said = `the host answers with an error (${error.code}: ${error.message})`
  const message = `${said}: tell its operator, or ask who has a copy`
  return new MivmError('HOST_UNKNOWN', message, { cause: error })
}

/** The exit code of what says that somebody or something is not there, or refuses. */
const UNAVAILABLE = 69

/** What a peer says beside message and code; nothing of it where it is not what it should be. */
function contextOf(cause: Error): { retryAfter?: number; room?: number } {
  if (!('context' in cause) || typeof cause.context !== 'string') return {}
  try {
    const { retryAfter, room }: { [name: string]: unknown } = JSON.parse(cause.context)
    return {
      ...(isAmount(retryAfter) ? { retryAfter } : {}),
      ...(isAmount(room) ? { room } : {})
    }
  } catch {
    return {}
  }
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value)
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, 2000)
}
