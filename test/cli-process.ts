// Runs commands for a test, one after the other, in one process: to begin a process takes longer than most of them. What it
// is told is a command, what it says how that went.
import { readWords, run } from '../src/cli/run.ts'
import { Supervisor } from '../src/vm/supervisor.ts'
import type { Asked, Session } from './cli.ts'
import { keptOpen } from './lent-vm.ts'

/** Whoever reads a command's output gets what was written before it ended. */
let written = { stdout: '', stderr: '' }

/** What a process of its own would have had with it from its beginning. */
const home = process.cwd()

/** Engines are not what is tried here: one VM for all commands that ask for the same. */
const { open } = Supervisor
const opened = new Map<string, Promise<Supervisor>>()
Supervisor.open = async (id, options = {}) => {
  const key = JSON.stringify([id, options])
  const opening = opened.get(key) ?? open.call(Supervisor, id, options)
  opened.set(key, opening)
  opening.catch(() => opened.delete(key))
  return keptOpen(await opening)
}

for (const name of ['stdout', 'stderr'] as const) {
  const write = (chunk: string | Uint8Array, ...rest: unknown[]) => {
    written[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
    const done = rest.findLast((it) => typeof it === 'function')
    if (done !== undefined) process.nextTick(done)
    return true
  }
  Object.assign(process[name], { write })
}
// what cli/main.ts does
const { log, error } = console
console.log = (...words) => (String(words[0]).startsWith('[hypercore]') ? error : log)(...words)

process.on('message', (asked: Asked) => void answer(asked))
process.on('disconnect', () => process.exit())

async function answer({ args, env, cwd }: Asked): Promise<void> {
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name]
  Object.assign(process.env, env)
  process.chdir(cwd ?? home)
  process.exitCode = undefined
  written = { stdout: '', stderr: '' }
  const status = await run(readWords(args))
  const session: Session = { status, ...written }
  process.send?.(session)
}
