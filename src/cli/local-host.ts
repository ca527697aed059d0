import type { RequestOptions } from 'node:http'
import { http } from '../net/http.ts'
import { isErrorCode, MivmError } from '../protocol/errors.ts'

const WAIT_MS = 10_000

/**
 * Asks the host of this user at its socket, for its operator's eyes; null where there is none. Throws TIMEOUT where it does
 * not answer.
 */
export function askLocally(socketPath: string, file: string): Promise<string | null> {
  return send({ socketPath, path: file, timeout: WAIT_MS })
}

/**
 * Has the host of this user do something, however long that takes; null where none runs. Throws what the host answers,
 * HOST_CLOSED where it ends before that.
 */
export async function tellLocally(
  socketPath: string,
  file: string,
  body: object
): Promise<{ readonly [key: string]: unknown } | null> {
  const text = await send({ socketPath, path: file, method: 'POST' }, JSON.stringify(body))
  if (text === null) return null
  const { error, ...answer } = JSON.parse(text)
  if (error === undefined) return answer
  const message = String(error.message)
  if (isErrorCode(error.code)) throw new MivmError(error.code, message)
  throw Object.assign(new Error(message), { code: String(error.code) })
}

function send(options: RequestOptions, body = ''): Promise<string | null> {
  return new Promise((resolve, reject) => {
    let isConnected = false
    const asking = http().request({ ...options, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (some: string) => {
        text += some
      })
      response.once('error', reject)
      response.once('end', () => resolve(response.statusCode === 200 ? text : null))
    })
    asking.once('socket', (socket) => {
      socket.once('connect', () => {
        isConnected = true
      })
    })
    asking.once('timeout', () => {
      asking.destroy(
        new MivmError('TIMEOUT', 'the host of this directory does not answer: see its log')
      )
    })
    asking.once('error', (error) => {
      if (error instanceof MivmError) reject(error)
      else if (!isConnected || body === '') resolve(null)
      else reject(new MivmError('HOST_CLOSED', 'the host has ended before it was done: try again'))
    })
    asking.end(body)
  })
}
