import { request } from 'node:http'
import { MivmError } from '../protocol/errors.ts'

const WAIT_MS = 10_000

/**
 * Asks the host of this user at its socket, for its operator's eyes; null where there is none. Throws TIMEOUT where it does
 * not answer.
 */
export function askLocally(socketPath: string, file: string): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const options = { socketPath, path: file, agent: false, timeout: WAIT_MS }
    const asking = request(options, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text
      })
      response.once('error', reject)
      response.once('end', () => resolve(response.statusCode === 200 ? body : null))
    })
    asking.once('timeout', () => {
      asking.destroy(
        new MivmError('TIMEOUT', 'the host of this directory does not answer: see its log')
      )
    })
    asking.once('error', (error) => {
      if (error instanceof MivmError) reject(error)
      else resolve(null)
    })
    asking.end()
  })
}
