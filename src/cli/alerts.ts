import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Finding } from '../index.ts'
import { MivmError, messageOf } from '../protocol/errors.ts'
import type { Output } from './output.ts'

/** What somebody is told of who is not here. */
export interface Alert {
  readonly type: 'finding'
  readonly address: string
  readonly finding: Finding
}

export interface AlertOptions {
  readonly exec?: string | undefined
  readonly webhook?: string | undefined
  /** How long a command may take, ms; default 10,000. */
  readonly execMs?: number | undefined
}

/** How long one attempt may take, ms. */
const ATTEMPT_MS = 10_000
/** How long a command has for its end from then on, ms. */
const END_MS = 1_000
/**
 * The same where nobody has answered one before it, and for how long after that: there may be many, and the verdict waits for
 * them.
 */
const ATTEMPT_DOWN_MS = 1_000
const DOWN_MS = 60_000
/** Before the second, third and last attempt, ms. */
const PAUSES_MS = [500, 2_000, 8_000] as const
/** A hostile log may have any number of findings. */
const WAITING_MAX = 100

/**
 * Tells others of findings, one after the other: a command, which gets each as JSON on its stdin, or a URL, to which it is
 * posted. What goes wrong with that is said, and stops nothing.
 */
export class Alerts {
  readonly #output: Output
  readonly #ways: { readonly to: string; readonly tell: (text: string) => Promise<void> }[] = []
  #telling: Promise<void> = Promise.resolve()
  #waiting = 0

  /** Throws USAGE for what is no URL. */
  constructor(output: Output, { exec, webhook, execMs = ATTEMPT_MS }: AlertOptions) {
    this.#output = output
    if (exec !== undefined) {
      this.#ways.push({ to: 'exec', tell: (text) => execute(exec, text, execMs) })
    }
    if (webhook === undefined) return
    this.#ways.push({ to: 'webhook', tell: poster(parseHook(webhook)) })
  }

  add(alert: Alert): void {
    if (this.#ways.length === 0) return
    if (this.#waiting >= WAITING_MAX) {
      this.#say('all', alert, `${WAITING_MAX} others wait to be told`)
      return
    }
    this.#waiting++
    this.#telling = this.#telling.then(() => this.#tell(alert))
  }

  /** Resolves when all have been told, or could not be. */
  async done(): Promise<void> {
    await this.#telling
  }

  async #tell(alert: Alert): Promise<void> {
    const text = `${JSON.stringify(alert)}\n`
    await Promise.all(
      this.#ways.map(async ({ to, tell }) => {
        try {
          await tell(text)
          this.#say(to, alert, null)
        } catch (error) {
          this.#say(to, alert, messageOf(error))
        }
      })
    )
    this.#waiting--
  }

  #say(to: string, { finding: { code, block } }: Alert, problem: string | null): void {
    this.#output.object({ type: 'alert', to, code, block, ok: problem === null, message: problem })
    if (problem !== null) this.#output.note(`not told of ${code} (${to}): ${problem}`)
  }
}

/** Where findings are posted. A name and a password are in a header: fetch refuses a URL that has them. */
interface Hook {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
}

function parseHook(text: string): Hook {
  const url = URL.parse(text)
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') throw noUrl(text)
  const headers = { 'content-type': 'application/json' }
  if (url.username === '' && url.password === '') return { url, headers }
  try {
    const both = [url.username, url.password].map(decodeURIComponent).join(':')
    Object.assign(url, { username: '', password: '' })
    const authorization = `Basic ${Buffer.from(both).toString('base64')}`
    return { url, headers: { ...headers, authorization } }
  } catch {
    throw noUrl(text)
  }
}

function noUrl(text: string): MivmError {
  return new MivmError('USAGE', `--webhook ${text} is no URL: give http://… or https://…`)
}

/**
 * The command is the user's own and goes to a shell; what was found never comes near it. It has a process group of its own: one that
 * takes too long is ended with all that it has started, whatever that does about signals.
 */
function execute(command: string, text: string, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    // what it prints is no event of ours
    const child = spawn(command, { shell: true, stdio: ['pipe', 2, 2], detached: true })
    const timers = [
      setTimeout(() => endGroup(child, 'SIGTERM'), ms),
      setTimeout(() => endGroup(child, 'SIGKILL'), ms + END_MS)
    ]
    child.once('error', reject)
    // what it leaves running may have its stdin for ever
    child.once('exit', (code, signal) => {
      for (const timer of timers) clearTimeout(timer)
      child.stdin?.destroy()
      if (code === 0) resolve()
      else reject(new Error(`the command ended with ${signal ?? code}`))
    })
    // it need not read
    child.stdin?.on('error', () => {})
    child.stdin?.end(text)
  })
}

function endGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal)
  } catch {
    // it has just ended
  }
}

/** Posts with patience, unless that was in vain a short while ago. */
function poster(hook: Hook): (text: string) => Promise<void> {
  let downUntil = 0
  return async (text) => {
    if (performance.now() < downUntil) return post(hook, text, ATTEMPT_DOWN_MS)
    try {
      await postWithPatience(hook, text)
    } catch (error) {
      if (!(error instanceof Refused)) downUntil = performance.now() + DOWN_MS
      throw error
    }
  }
}

async function postWithPatience(hook: Hook, text: string): Promise<void> {
  for (const pause of PAUSES_MS) {
    try {
      return await post(hook, text, ATTEMPT_MS)
    } catch (error) {
      if (error instanceof Refused) throw error
      await sleep(pause)
    }
  }
  await post(hook, text, ATTEMPT_MS)
}

/** The other side has understood, and does not want it: asking again does not help. */
class Refused extends Error {}

async function post({ url, headers }: Hook, body: string, ms: number): Promise<void> {
  const signal = AbortSignal.timeout(ms)
  const ask = async (redirect: 'manual' | 'follow'): Promise<number> => {
    const request = { method: 'POST', headers, body, signal, redirect }
    const response = await fetch(url, request).catch((error) => {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
      throw new Error(cause.message)
    })
    await response.body?.cancel()
    return response.status
  }
  let status = await ask('manual')
  // behind any other that leads elsewhere fetch asks with GET, and what answers that has not heard of anything
  if (status === 307 || status === 308) status = await ask('follow')
  if (status >= 200 && status < 300) return
  const advice = status < 400 ? ', and leads elsewhere: give the URL that it leads to' : ''
  const message = `${url.host} answers ${status}${advice}`
  throw status < 500 && status !== 429 ? new Refused(message) : new Error(message)
}
