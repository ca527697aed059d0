import { Stopwatch } from './instance.js'
import { sortVariables, variablePath } from './variables.js'
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
  // the last steps and the end come together: each frame is a trip of its own
  channel.write({ type: 'done', ...done, steps: steps.take() })
}

/** Loads a contract and asks for its methods: `{ status: 'ok', methods }` or `{ status, error }`. */
export function inspect(channel, instance, job) {
  if (!instance.isReady) build(channel, instance)
  instance.open(constantsOf(job, [], true))
  // the body sees no files: there is no state before the first call
  const view = new View({ get: () => null, list: () => [] })
  const outcome = instance.run(job.begin, view, () => null, new Stopwatch(job.time))
  if (outcome.status !== 'ok') return { status: outcome.status, error: outcome.error }
  return { status: 'ok', methods: JSON.parse(outcome.value) }
}

function runCalls(job, instance, host, steps) {
  const view = new View(host)
  const variables = new Map(job.variables)
  const stopwatch = new Stopwatch(job.time)
  const started = stopwatch.start()
  let bytes = 0
  let count = 0
  let work = 0
  let isOpen = false
  host.stopwatch = stopwatch
  for (const begin of job.calls) {
    if (count > 0) {
      if (job.workMs !== null && work >= job.workMs) return { count, work, outOfTime: true }
      if (bytes >= JOB_BYTES) break
    }
    if (!instance.isReady) {
      // V8 may take longer over large code than a call may take
      stopwatch.waiting(() => build(host.channel, instance))
      isOpen = false
    }
    if (!isOpen) instance.open(constantsOf(job, sortVariables(variables), false))
    isOpen = true
    const step = runCall(begin, count, { instance, view, variables, host, steps, stopwatch })
    const size = sizeOf(step)
    const now = stopwatch.start()
    work = now - started - host.waited
    bytes += size
    count++
    steps.add(step, size, now)
  }
  return { count, work, outOfTime: false }
}

function runCall(begin, index, { instance, view, variables, host, steps, stopwatch }) {
  const logs = []
  let asked = 0
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
  const outcome = instance.run(begin, view, ask, stopwatch)
  return { ...settle(outcome, view, variables), logs }
}

/** The outcome and the writes of a call; only one that is ok leaves something to the calls behind it. */
function settle({ status, value, error, changes, fuel = 0 }, view, variables) {
  if (status !== 'ok') {
    view.rollback()
    return { outcome: { status, error }, writes: [], fuel }
  }
  const writes = []
  for (const [path, file] of view.changes()) {
    writes.push(file === null ? [path, null, null] : [path, file.encoding, file.data])
  }
  for (const [name, text] of changes) {
    if (text === null) variables.delete(name)
    else variables.set(name, text)
    writes.push([variablePath(name), text === null ? null : 'text', text])
  }
  view.commit()
  return { outcome: { status, value }, writes: writes.sort(byPath), fuel }
}

function byPath([a], [b]) {
  return a < b ? -1 : 1
}

function sizeOf({ writes, logs }) {
  let bytes = 0
  for (const [path, , data] of writes) bytes += path.length + (data === null ? 0 : data.length)
  for (const line of logs) bytes += line.length
  return bytes
}

/** What the realm is told once a job, see `open` in controller.js. */
function constantsOf({ address, host, deployer, limits }, variables, inspect) {
  return JSON.stringify({ address, host, deployer, limits, variables, inspect })
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

  /** `size`: about how many bytes it has; `now`: the time, ms. */
  add(step, size, now) {
    if (this.#steps.length === 0) this.#since = now
    this.#steps.push(step)
    this.#bytes += size
    const late = now - this.#since >= STEPS_MS
    if (late || this.#steps.length >= STEPS_MAX || this.#bytes >= STEPS_BYTES) this.flush()
  }

  flush() {
    if (this.#steps.length > 0) this.#channel.write({ type: 'steps', steps: this.take() })
  }

  /** What has not been sent yet. */
  take() {
    const steps = this.#steps
    this.#steps = []
    this.#bytes = 0
    return steps
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
