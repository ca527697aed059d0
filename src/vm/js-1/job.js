import { Cancelled, Host } from './host.js'
import { Abort, errorOf } from './instance.js'
import { Left } from './left.js'
import { Operations } from './operations.js'
import { Steps } from './steps.js'

/** Calls of one segment, after which the host hears of them; none has more where there is little time left. */
const SEGMENT_CALLS = 64

/** What a call is expected to take before any has been executed, ms. */
const CALL_MS = 1

/** Bytes that calls left and that are kept between the calls of one job; with more the job ends early. */
const JOB_BYTES = 16 * 1024 * 1024

/**
 * Executes a batch of calls in order, with frames to the host over `channel` as they come. Returns the length of what came
 * out of the isolate.
 */
export function run(channel, instance, job) {
  const steps = new Steps(channel)
  const batch = new Batch(channel, instance, job, steps)
  const before = process.threadCpuUsage()
  let done = { count: 0, work: 0, cancelled: false, outOfTime: false }
  try {
    done = { ...batch.run(), cancelled: false }
  } catch (error) {
    if (!(error instanceof Cancelled)) throw error
    done.cancelled = true
  }
  const end = { type: 'done', ...done, processor: processorSince(before) }
  // the last steps and the end come together: each frame is a trip of its own
  channel.writeText(`${JSON.stringify(end).slice(0, -1)},${steps.take()}}`)
  return batch.length
}

/** Loads a contract and asks for its methods: `{ status: 'ok', methods }` or `{ status, error }`, and `processor`. */
export function inspect(channel, instance, job) {
  const before = process.threadCpuUsage()
  if (!instance.isReady) build(channel, instance)
  const { status, value, error } = inspectedOutcome(instance, job)
  const processor = processorSince(before)
  if (status !== 'ok') return { status, error, processor }
  return { status, methods: JSON.parse(value), processor }
}

/** What this thread has worked since, ms, whatever else the machine was doing. */
function processorSince(before) {
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}

function inspectedOutcome(instance, job) {
  if (instance.refusal !== null) return { status: 'error', error: errorOf(instance.refusal) }
  try {
    instance.open(constantsOf(job, [], true))
    const { text } = instance.run([job.begin], job.time, () => '[true,null]')
    return JSON.parse(text).outcome
  } catch (error) {
    if (!(error instanceof Abort)) throw error
    return { status: 'abort', error: errorOf(error) }
  }
}

/** The calls of one job on their way through an instance. */
class Batch {
  #channel
  #instance
  #job
  #steps
  #host
  #left
  #operations
  /** Calls before this one are executed one at a time: one of them took too much. */
  #alone = 0
  #isOpen = false

  constructor(channel, instance, job, steps) {
    this.#channel = channel
    this.#instance = instance
    this.#job = job
    this.#steps = steps
    this.#host = new Host(channel)
    this.#left = new Left(job.variables, this.#host)
    this.#operations = new Operations(this.#left, (name, args, index) => {
      steps.flush()
      const request = { type: 'oracle', call: this.#count, index, name, args }
      return this.#host.ask(request)
    })
  }

  /** Of all steps. */
  get length() {
    return this.#left.bytes
  }

  run() {
    const { calls, workMs } = this.#job
    const limit = workMs ?? Number.POSITIVE_INFINITY
    const started = performance.now()
    let work = 0
    if (calls.length === 0) this.#prepare()
    while (this.#count < calls.length) {
      const count = this.#count
      if (count > 0 && work >= limit) return { count, work, outOfTime: true }
      if (this.#left.bytes >= JOB_BYTES) break
      this.#prepare()
      const pace = count === 0 ? CALL_MS : work / count
      this.#execute(this.#segmentEnd(Math.max((limit - work) / pace, 1)))
      const now = performance.now()
      work = now - started - this.#host.waited
      this.#steps.flushLate(now)
    }
    return { count: this.#count, work, outOfTime: false }
  }

  /** Calls that have been executed. */
  get #count() {
    return this.#left.count
  }

  #prepare() {
    const instance = this.#instance
    if (!instance.isReady) {
      // V8 may take longer over large code than a call may take
      this.#host.waiting(() => build(this.#channel, instance))
      this.#isOpen = false
    }
    if (this.#isOpen || instance.refusal !== null) return
    instance.open(constantsOf(this.#job, this.#left.variables(), false))
    this.#isOpen = true
  }

  /** Where a segment ends that begins with the next call and has at most `most` of them. */
  #segmentEnd(most) {
    if (this.#count < this.#alone) return this.#count + 1
    return this.#count + Math.min(Math.floor(most), SEGMENT_CALLS)
  }

  #execute(end) {
    const { refusal } = this.#instance
    if (refusal !== null) return this.#end('error', refusal)
    const calls = this.#job.calls.slice(this.#count, end)
    try {
      const ask = (steps, ops, isFirst) => {
        this.#take(steps)
        return this.#operations.answer(ops, isFirst)
      }
      this.#take(this.#instance.run(calls, this.#job.time, ask))
    } catch (error) {
      if (!(error instanceof Abort)) throw error
      // where several were under way it is not known which one did it, nor whether it would have alone
      if (calls.length > 1) this.#alone = end
      else this.#end('abort', error)
    }
  }

  /** Steps that the realm gives out: `{ count, text }`. */
  #take({ count, text }) {
    if (count === 0) return
    this.#left.add(count, text)
    this.#steps.add(count, text)
  }

  /** The step of a call that has none of the realm's. */
  #end(status, error) {
    const outcome = { status, error: errorOf(error) }
    this.#take({
      count: 1,
      text: JSON.stringify({ outcome, writes: [], fuel: 0, logs: [] })
    })
  }
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
