import { Stopwatch } from './instance.js'
import { Variables } from './variables.js'
import { View } from './view.js'

/** Steps are sent when this many are there, or after this many ms, or with this much in them. */
const STEPS_MAX = 64
const STEPS_MS = 10
const STEPS_BYTES = 1024 * 1024

/** Bytes of files that are kept between the calls of one job; with more the job ends early. */
const JOB_BYTES = 16 * 1024 * 1024

/** Bytes of files of the base that are kept to be read again. */
const CACHE_BYTES = 8 * 1024 * 1024

/** The host has given up the job: a callback of its own failed. */
class Cancelled extends Error {}

/** Executes a batch of calls in order, with frames to the host over `channel` as they come. */
export function run(channel, instance, job) {
  const host = new Host(channel)
  const steps = new Steps(channel)
  let done = { count: 0, work: 0, cancelled: false, outOfTime: false }
  try {
    done = { ...runCalls(job, instance, host, steps), cancelled: false }
  } catch (error) {
    if (!(error instanceof Cancelled)) throw error
    done.cancelled = true
  }
  steps.flush()
  channel.write({ type: 'done', ...done })
}

/** Loads a contract and asks for its methods: `{ status: 'ok', methods }` or `{ status, error }`. */
export function inspect(channel, instance, job) {
  build(channel, instance)
  const begin = {
    ...beginOf(job, { ...job.call, seed: '01000000020000000300000004000000' }, []),
    inspect: true
  }
  // the body sees no files: there is no state before the first call
  const view = new View({ get: () => null, list: () => [] })
  const outcome = instance.run(begin, view, () => null, new Stopwatch(job.time))
  instance.dispose()
  if (outcome.status !== 'ok') return { status: outcome.status, error: outcome.error }
  return { status: 'ok', methods: JSON.parse(outcome.value) }
}

function runCalls(job, instance, host, steps) {
  const view = new View(host)
  const variables = new Variables(job.variables)
  const started = performance.now()
  let bytes = 0
  let count = 0
  const worked = () => performance.now() - started - host.waited
  for (const call of job.calls) {
    if (count > 0) {
      if (job.workMs !== null && worked() >= job.workMs) {
        return { count, work: worked(), outOfTime: true }
      }
      if (bytes >= JOB_BYTES) break
    }
    if (!instance.isReady) build(host.channel, instance)
    const step = runCall(job, call, count, { instance, view, variables, host, steps })
    for (const [path, , data] of step.writes) bytes += path.length + (data?.length ?? 0)
    steps.add(step)
    count++
  }
  return { count, work: worked(), outOfTime: false }
}

function runCall(job, call, index, { instance, view, variables, host, steps }) {
  const logs = []
  let asked = 0
  const stopwatch = new Stopwatch(job.time)
  host.stopwatch = stopwatch
  const ask = (op) => {
    if (op[0] === 'log') {
      logs.push(op[1])
      return null
    }
    if (op[0] !== 'oracle') throw new Error(`there is no operation ${op[0]}`)
    steps.flush()
    const request = { type: 'oracle', call: index, index: asked++, name: op[1], args: op[2] }
    const { ok, value, error } = host.ask(request)
    return ok ? [true, value] : [false, error]
  }
  const begin = beginOf(job, call, variables.entries())
  const outcome = instance.run(begin, view, ask, stopwatch)
  return { ...settle(outcome, view, variables), logs }
}

/** The outcome and the writes of a call; only one that is ok leaves something to the calls behind it. */
function settle(outcome, view, variables) {
  if (outcome.status === 'ok') {
    const changes = variables.update(outcome.variables)
    if (changes !== null) {
      const writes = [...view.changes(), ...changes]
        .map(([path, file]) => [path, file?.encoding ?? null, file?.data ?? null])
        .sort(([a], [b]) => (a < b ? -1 : 1))
      view.commit()
      return { outcome: { status: 'ok', value: outcome.value }, writes }
    }
  }
  view.rollback()
  const { status, error } = outcome.status === 'ok' ? nameTooLong() : outcome
  return { outcome: { status, error }, writes: [] }
}

function nameTooLong() {
  const message = 'exports: the name of a variable is too long; give it a short name'
  return { status: 'error', error: { name: 'MivmError', message, code: 'EXPORTS_TOO_LARGE' } }
}

function beginOf(job, call, variables) {
  const { address, host, deployer, limits } = job
  const seed = Buffer.from(call.seed, 'hex')
  return {
    method: call.method,
    args: call.args,
    variables,
    caller: call.caller,
    env: { address, host, deployer, seq: call.seq, time: call.time },
    // the first half of the seed is as much as the generator takes
    seed: [0, 4, 8, 12].map((offset) => seed.readUInt32LE(offset)),
    limits,
    inspect: false
  }
}

/** Building takes a moment of its own, which the host has to know of: it is not the call that is slow. */
function build(channel, instance) {
  channel.write({ type: 'building' })
  instance.prepare()
  channel.write({ type: 'built' })
}

/** Steps on their way to the host. */
class Steps {
  #channel
  #steps = []
  #bytes = 0
  #since = 0

  constructor(channel) {
    this.#channel = channel
  }

  add(step) {
    if (this.#steps.length === 0) this.#since = performance.now()
    this.#steps.push(step)
    for (const [path, , data] of step.writes) this.#bytes += path.length + (data?.length ?? 0)
    for (const line of step.logs) this.#bytes += line.length
    const late = performance.now() - this.#since >= STEPS_MS
    if (late || this.#steps.length >= STEPS_MAX || this.#bytes >= STEPS_BYTES) this.flush()
  }

  flush() {
    if (this.#steps.length === 0) return
    this.#channel.write({ type: 'steps', steps: this.#steps })
    this.#steps = []
    this.#bytes = 0
  }
}

/** What only the host knows: asks, and blocks until it answers. It is the base of the view, too. */
class Host {
  channel
  waited = 0
  /** Of the call that is executed. */
  stopwatch = null
  #cache = new Map()
  #cached = 0

  constructor(channel) {
    this.channel = channel
  }

  ask(question) {
    const from = performance.now()
    const answer = this.stopwatch.waiting(() => {
      this.channel.write(question)
      return this.channel.read()
    })
    this.waited += performance.now() - from
    if (answer === null) throw new Error('the host has gone')
    if (answer.type === 'cancel') throw new Cancelled()
    return answer.value
  }

  get(path) {
    const cached = this.#cache.get(path)
    if (cached !== undefined) return cached
    const answer = this.ask({ type: 'get', path })
    const data = answer === null ? null : Buffer.from(answer, 'base64')
    this.#cached += path.length + (data?.length ?? 0)
    if (this.#cached > CACHE_BYTES) {
      this.#cache.clear()
      this.#cached = 0
    }
    this.#cache.set(path, data)
    return data
  }

  list(range) {
    return this.ask({ type: 'list', range })
  }
}
