// The log of a host: what an operator, and the programs that he has for it, get to read.
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import test from 'brittle'
import { EventObjects, HostLog, type LogLevel } from '../src/cli/host-log.ts'
import { Output } from '../src/cli/output.ts'
import { type CliHost, parseLines, startNetwork } from './cli.ts'
import { tempDir } from './helpers.ts'

/** Turns a terminal red, begins a line of its own, turns its direction, and goes on for long. */
const NASTY = `\u001b[31m\n{"level":"error"}\u009b\u2028\u202e${'x'.repeat(5_000)}`

test('host log - one JSON object a line where nobody sees it; what contracts write is marked, cut and harmless', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await startNetwork(t, root, ['--log-level', 'debug'])
  const log = collect(host)
  const contract = path.join(root, 'loud.js')
  const source = `exports.shout = () => { console.log(${JSON.stringify(NASTY)}) }`
  await writeFile(contract, source)
  const { objects } = await cli.json(['deploy', contract, '--host', host.id, '--name', 'loud'])
  await cli.run(['call', 'loud', 'shout'])
  await cli.run(['call', 'loud', 'shout'])
  t.is(await host.stop(), 0)

  const text = await log
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  t.absent(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]/.test(text), 'no control characters')
  const lines = parseLines(text)
  for (const { level, time, msg } of lines) {
    t.ok(['error', 'warn', 'info', 'debug'].includes(String(level)), String(level))
    t.is(new Date(String(time)).toISOString(), time)
    t.is(typeof msg, 'string')
  }
  t.is(lines.filter(({ event }) => event === 'deployed').length, 1)
  t.is(lines.at(-1)?.['msg'], 'closed')
  const shouts = lines.filter(({ event }) => event === 'log')
  t.is(shouts.length, 2)
  const { level, address, line, msg } = shouts[0] ?? {}
  t.is(level, 'debug')
  t.is(address, objects[0]?.['address'])
  t.ok(
    String(line).startsWith('\\x1b[31m\\x0a{"level":"error"}\\x9b\\u2028\\u202exxx'),
    String(line)
  )
  t.ok(String(msg).startsWith('contract '))
  t.ok(String(line).length < 1_200, 'and not all of it')

  for (const file of ['host/host/host.key', 'user/keys/default.key']) {
    const { seed } = JSON.parse(await readFile(path.join(root, file), 'utf8'))
    t.ok(String(seed).length >= 32)
    t.absent(text.includes(seed), `nothing of ${file}`)
  }
})

test('host log - events that no program reads do not wait without end', (t) => {
  const written: { readonly type: string }[] = []
  class Noting extends Output {
    override object(object: { readonly type: string }): void {
      written.push(object)
    }
  }
  let unread = 0
  const events = new EventObjects(new Noting(true), () => unread)
  const event = { type: 'log', address: 'an address', line: 'a line' } as const
  events.write(event)
  unread = 5 * 1024 * 1024
  for (let i = 0; i < 1_000; i++) events.write(event)
  t.alike(written, [event])
  unread = 0
  events.write(event)
  t.alike(written, [event, { type: 'left-out', events: 1_000 }, event])
})

test('host log - a level leaves out what is below it', async (t) => {
  const root = await tempDir(t)
  const { host, cli } = await startNetwork(t, root, ['--log-level', 'error'])
  const log = collect(host)
  const contract = path.join(root, 'none.js')
  t.is((await cli.run(['deploy', contract, '--host', host.id])).status, 64)
  t.is(await host.stop(), 0)
  t.is(await log, '')
})

test('host log - a person reads lines', (t) => {
  const lines = told((log) => {
    log.write('info', 'host here with 1 instance', { id: 'x' })
    log.event({ type: 'log', address: 'a'.repeat(52), line: 'hello\nyou' })
    log.event({ type: 'refused', code: 'REQUEST_INVALID', message: 'no\u001b[2J' })
  })
  t.alike(lines, [
    'host here with 1 instance',
    'contract aaaaaaaa: hello\\x0ayou',
    'refused REQUEST_INVALID: no\\x1b[2J'
  ])
  const quiet = told((log) => log.event({ type: 'log', address: 'a', line: 'x' }), 'info')
  t.alike(quiet, [], 'unless asked to leave it out')
})

test('host log - who asks for nonsense all the time does not fill the disk', (t) => {
  const lines = told((log) => {
    for (let i = 0; i < 10_000; i++) {
      log.event({ type: 'refused', code: 'REQUEST_INVALID', message: 'nonsense' })
    }
    log.event({ type: 'deployed', address: 'a', deployer: 'b' })
  })
  t.ok(lines.length < 1_000, `${lines.length} lines`)
  t.is(lines.at(-1), 'deployed a by b', 'what is not its doing is still said')
})

/** Everything that a host writes to stderr until its end. */
async function collect({ child }: CliHost): Promise<string> {
  let text = ''
  child.stderr?.on('data', (chunk: string) => {
    text += chunk
  })
  await new Promise((resolve) => child.stderr?.once('end', resolve))
  return text
}

/** The lines of a log on a terminal, without colours. */
function told(tell: (log: HostLog) => void, level?: LogLevel): string[] {
  const { write } = process.stderr
  let text = ''
  process.stderr.write = (chunk: string | Uint8Array) => {
    text += chunk
    return true
  }
  try {
    tell(new HostLog(new Output(false), level, true))
  } finally {
    process.stderr.write = write
  }
  return text.split('\n').slice(0, -1)
}
