// A caller of the baseline in a process of its own: HTTP, keep-alive, as many connections as calls under way.
import http from 'node:http'
import { manyAtOnce, type Operation, oneByOne, POST } from '../load.ts'
import { serve } from '../process.ts'

const agent = new http.Agent({ keepAlive: true, maxFreeSockets: Number.POSITIVE_INFINITY })

const commands = {
  /** One call at a time; ms of each. */
  async oneByOne(port: number, contract: string, count: number): Promise<number[]> {
    return oneByOne(operation(port, contract), count)
  },
  /** So many calls under way; calls/s. */
  async manyAtOnce(
    port: number,
    contract: string,
    count: number,
    inFlight: number
  ): Promise<number> {
    return manyAtOnce(operation(port, contract), count, inFlight)
  },
  async close(): Promise<void> {
    agent.destroy()
  }
}

export type BaselineClientCommands = typeof commands

serve(commands)

/** The same two operations as those of the contracts. */
function operation(port: number, contract: string): Operation {
  return contract === 'forum'
    ? () => post(port, '/topics/1/posts', { content: POST })
    : () => post(port, '/counter', { by: 1 })
}

function post(port: number, path: string, body: object): Promise<unknown> {
  const text = JSON.stringify(body)
  const headers = { 'content-type': 'application/json', 'content-length': text.length }
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, path, method: 'POST', agent, headers })
    request.once('error', reject)
    request.once('response', (response) => {
      let reply = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        reply += chunk
      })
      response.once('error', reject)
      response.once('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(reply))
        else reject(new Error(`${path}: ${response.statusCode} ${reply}`))
      })
    })
    request.end(text)
  })
}
