import { chmod, rm, unlink, writeFile } from 'node:fs/promises'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { http } from '../net/http.ts'
import { codeOf, MivmError, messageOf } from '../protocol/errors.ts'
import { makeDirectory } from '../state/make-directory.ts'
import { EXPOSITION_TYPE, exposition } from './exposition.ts'
import type { Host } from './host.ts'
import type { HostStatus, Mirrored } from './status.ts'

/** Where a monitor listens: at a port, or at a socket in the file system. */
export type Place =
  | { readonly address: string; readonly port: number }
  | { readonly socket: string }

const CONNECTIONS_MAX = 64
const BODY_MAX = 64 * 1024
const JSON_TYPE = 'application/json'
const REQUEST_MS = 5_000

/** How long a disk may take to write one block, ms, and how long what came of it counts. */
const PROBE_MS = 3_000
const PROBED_MS = 2_000

/**
 * Tells over HTTP how a host is. `/healthz`: it lives and its disk takes what is written; else somebody has to see to it.
 * `/readyz`: it takes calls. `/metrics`: figures for Prometheus. On a socket only, for its operator: `/status`, the same as
 * JSON, and `/backup`, which is told the file to write.
 */
export class Monitor {
  readonly #server: Server
  readonly #place: Place
  readonly #dir: string
  #host: Host | null = null
  #mirrored: (() => readonly Mirrored[]) | null = null
  #probe: { readonly at: number; readonly problem: Promise<string | null> } | null = null

  /**
   * Answers before there is a host; `dir` is its directory. Throws ADDRESS_UNAVAILABLE where it cannot listen now, USAGE where
   * it never can, DIRECTORY_LOCKED where another host does.
   */
  static async open(place: Place, dir: string): Promise<Monitor> {
    await makeDirectory(dir)
    const monitor = new Monitor(place, dir)
    await monitor.#listen()
    return monitor
  }

  private constructor(place: Place, dir: string) {
    this.#place = place
    this.#dir = dir
    const options = { headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS }
    this.#server = http().createServer(options, (request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        respond(response, 500, `${messageOf(error)}\n`)
      })
    })
    this.#server.maxConnections = CONNECTIONS_MAX
  }

  /** Where it is asked; null for a socket. */
  get url(): string | null {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') return null
    const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
    return `http://${name}:${address.port}`
  }

  watch(host: Host): void {
    this.#host = host
  }

  /** What the same process keeps of other hosts. */
  watchMirror(read: () => readonly Mirrored[]): void {
    this.#mirrored = read
  }

  async close(): Promise<void> {
    this.#host = null
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #listen(): Promise<void> {
    const place = this.#place
    if ('socket' in place) await removeLeft(place.socket)
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => reject(unavailable(place, error)))
      if ('socket' in place) this.#server.listen(place.socket, resolve)
      else this.#server.listen(place.port, place.address, resolve)
    })
    if ('socket' in place) await chmod(place.socket, 0o600)
    // what goes wrong with a connection is over with it
    this.#server.on('error', () => {})
  }

  #status(host: Host): HostStatus {
    const mirrored = this.#mirrored?.()
    return { ...host.status(), ...(mirrored === undefined ? {} : { mirrored }) }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method } = request
    const isOperator = 'socket' in this.#place
    // probes put a time behind it, so that nothing on the way answers for us
    const [url] = request.url?.split('?') ?? []
    if (method === 'POST' && url === '/backup' && isOperator) {
      const done = await this.#backUp(request, response)
      return respond(response, 200, JSON.stringify(done), JSON_TYPE)
    }
    if (method !== 'GET' && method !== 'HEAD') return respond(response, 405, 'only GET\n')
    if (url === '/healthz') return verdict(response, await this.#problem())
    const host = this.#host
    if (url === '/readyz') {
      return verdict(response, host?.isReady === true ? null : 'it does not take calls')
    }
    if (host === null) return respond(response, 503, 'there is no host yet\n')
    if (url === '/metrics') {
      const text = exposition(this.#status(host), host.measures)
      return respond(response, 200, text, EXPOSITION_TYPE)
    }
    if (url === '/status' && isOperator) {
      return respond(response, 200, `${JSON.stringify(this.#status(host))}\n`, JSON_TYPE)
    }
    respond(response, 404, 'there are /metrics, /healthz and /readyz\n')
  }

  async #backUp(request: IncomingMessage, response: ServerResponse): Promise<object> {
    // who does not wait for it any more, for hours maybe, does not want it
    const stop = new AbortController()
    response.once('close', () => stop.abort())
    try {
      const file = await readFileName(request)
      if (this.#host === null) throw new MivmError('HOST_CLOSED', 'there is no host: try again')
      return await this.#host.backUp(file, stop.signal)
    } catch (error) {
      // also the one of the file system: whoever has asked knows what it means
      return { error: { code: codeOf(error) ?? 'INTERNAL', message: messageOf(error) } }
    }
  }

  /** What somebody has to see to, such as a disk that is full; null where it works. */
  async #problem(): Promise<string | null> {
    const known = this.#host?.measures.problem ?? null
    if (known !== null) return known
    if (this.#probe === null || performance.now() - this.#probe.at > PROBED_MS) {
      this.#probe = { at: performance.now(), problem: probe(this.#dir) }
    }
    return this.#probe.problem
  }
}

/** An absolute path, in JSON. */
async function readFileName(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const some of request.setEncoding('utf8')) {
    text += some
    if (text.length > BODY_MAX) break
  }
  const { file } = JSON.parse(text)
  if (typeof file === 'string' && path.isAbsolute(file)) return file
  throw new MivmError('USAGE', 'the host does not know this command: use the same version as it')
}

/** Why nothing can be written to a directory; null where it can. */
async function probe(dir: string): Promise<string | null> {
  const file = path.join(dir, '.probe')
  const write = async () => {
    await writeFile(file, new Uint8Array(4096))
    await rm(file)
    return null
  }
  const late = new AbortController()
  try {
    return await Promise.race([
      write(),
      sleep(PROBE_MS, 'the disk does not answer', { ref: false, signal: late.signal })
    ])
  } catch (error) {
    void rm(file, { force: true }).catch(() => {})
    return `the disk cannot be written: ${messageOf(error)}`
  } finally {
    late.abort()
  }
}

/** Removes a socket that a killed host has left. That of one that runs is not taken from it: throws DIRECTORY_LOCKED. */
async function removeLeft(socket: string): Promise<void> {
  if (await isAnswered(socket)) {
    throw new MivmError(
      'DIRECTORY_LOCKED',
      `${socket} is in use by another process: stop that first, or use another --dir`
    )
  }
  await unlink(socket).catch(() => {})
}

function isAnswered(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket, () => {
      connection.destroy()
      resolve(true)
    })
    connection.once('error', () => resolve(false))
  })
}

/** Who has it may go, and an interface or names may come up: what is started again then listens. */
const PASSING = new Set(['EADDRINUSE', 'EADDRNOTAVAIL', 'EAI_AGAIN', 'ENOTFOUND'])

function unavailable(place: Place, error: Error): MivmError {
  const where = 'socket' in place ? place.socket : `${place.address}:${place.port}`
  const code = PASSING.has(codeOf(error) ?? '') ? 'ADDRESS_UNAVAILABLE' : 'USAGE'
  return new MivmError(code, `nothing can listen at ${where} (${error.message}): choose another`)
}

function verdict(response: ServerResponse, problem: string | null): void {
  respond(response, problem === null ? 200 : 503, `${problem ?? 'ok'}\n`)
}

function respond(
  response: ServerResponse,
  status: number,
  body: string,
  type = 'text/plain; charset=utf-8'
): void {
  if (response.headersSent) return
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
}
