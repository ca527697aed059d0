import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { isErrorCode, MivmError } from '../protocol/errors.ts'

/** What a host that runs can be asked for by whoever owns its directory. */
export interface ControlRequest {
  readonly command: 'backup'
  /** Absolute. */
  readonly file: string
}

export type ControlReply = { readonly [key: string]: unknown }

/** Requests are one line, and short. */
const LINE_MAX = 64 * 1024

/**
 * Answers commands on this machine, over a socket in the data directory that nobody else can open. Returns what ends
 * it. Throws where there can be no socket, such as for a path that is too long for one.
 */
export async function serveControl(
  dir: string,
  answer: (request: ControlRequest) => Promise<ControlReply>
): Promise<() => Promise<void>> {
  const where = socketOf(dir)
  // one that a crash has left behind: the directory is ours
  if (process.platform !== 'win32') await rm(where, { force: true })
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    serve(socket, answer).catch(() => socket.destroy())
  })
  server.listen(where)
  await once(server, 'listening')
  if (process.platform !== 'win32') await chmod(where, 0o600)
  return async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  }
}

/** Asks the host of a directory; null where none is running. Throws what the host answers. */
export async function askControl(
  dir: string,
  request: ControlRequest
): Promise<ControlReply | null> {
  const socket = connect(socketOf(dir))
  try {
    await once(socket, 'connect')
  } catch {
    return null
  }
  try {
    socket.write(`${JSON.stringify(request)}\n`)
    for await (const line of createInterface({ input: socket })) {
      const { error, ...reply } = JSON.parse(line)
      if (error === undefined) return reply
      throw new MivmError(isErrorCode(error.code) ? error.code : 'INTERNAL', String(error.message))
    }
    throw new MivmError('HOST_CLOSED', 'the host has ended before it was done: try again')
  } finally {
    socket.destroy()
  }
}

async function serve(
  socket: Socket,
  answer: (request: ControlRequest) => Promise<ControlReply>
): Promise<void> {
  let bytes = 0
  socket.on('data', (data) => {
    bytes += data.length
    if (bytes > LINE_MAX) socket.destroy()
  })
  for await (const line of createInterface({ input: socket })) {
    const reply = await answered(line, answer)
    socket.write(`${JSON.stringify(reply)}\n`)
  }
}

async function answered(
  line: string,
  answer: (request: ControlRequest) => Promise<ControlReply>
): Promise<ControlReply> {
  try {
    return await answer(parse(line))
  } catch (error) {
    const code = error instanceof MivmError ? error.code : 'INTERNAL'
    return { error: { code, message: error instanceof Error ? error.message : String(error) } }
  }
}

function parse(line: string): ControlRequest {
  const { command, file } = JSON.parse(line)
  if (command === 'backup' && typeof file === 'string' && path.isAbsolute(file)) {
    return { command, file }
  }
  throw new MivmError('USAGE', 'the host does not know this command: use the same version as it')
}

function socketOf(dir: string): string {
  if (process.platform !== 'win32') return path.join(dir, 'control.sock')
  return `\\\\.\\pipe\\mivm-${createHash('sha256').update(path.resolve(dir)).digest('hex')}`
}
