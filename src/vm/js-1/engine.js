/**
 * The engine process of js-1: takes jobs from the host, one at a time, and executes them in isolates. Plain
 * JavaScript, because under --jitless there is no WebAssembly and therefore no type stripping.
 *
 * Argument: the path of isolated-vm's .node file, which is required directly, so that the process has to read
 * nothing else. Frames come in on descriptor 3 and go out on descriptor 4; the first that comes in has the text of the
 * realm, which takes a process with JIT a fifth of the time to put together.
 */
import { createRequire } from 'node:module'
import { Channel } from './channel.js'
import { Instance } from './instance.js'
import { inspect, run } from './job.js'
import { Texts } from './texts.js'

const [, , addon] = process.argv
const channel = new Channel(3, 4)
const tools = {
  ivm: createRequire(import.meta.url)(addon).ivm,
  realm: channel.read()?.realm,
  cachedRealm: null
}
const instances = new Map()
const texts = new Texts()

channel.write({ type: 'ready', node: process.versions.node })
for (let job = channel.read(); job !== null; job = channel.read()) execute(job)
// an orderly exit may hang or crash after what a contract has done to the process
process.kill(process.pid, 'SIGKILL')

function execute(job) {
  switch (job.type) {
    case 'run':
      return runAndSettle(instanceOf(job), job)
    case 'inspect':
      return channel.write({ type: 'inspected', ...inspect(channel, instanceOf(job), job) })
    case 'rest':
      return tidy(() => instances.get(job.address)?.rest())
    case 'evict':
      instances.get(job.address)?.dispose()
      return instances.delete(job.address)
    default:
      throw new Error(`there is no job ${job.type}`)
  }
}

/** The host has its answer before the instance and the engine give back what they do not need. */
function runAndSettle(instance, job) {
  const length = run(channel, instance, job)
  if (instance.isUnsettled) tidy(() => instance.settle())
  texts.drop(length)
}

/** The host has to know of what takes long between jobs: no call is to answer for it. */
function tidy(work) {
  channel.write({ type: 'tidying' })
  work()
  channel.write({ type: 'tidied' })
}

/** The instance of a job; the host sends the code only where it knows that the engine does not have it. */
function instanceOf({ address, source, code, limits }) {
  if (code !== null) {
    instances.get(address)?.dispose()
    instances.set(address, new Instance(tools, source, code, limits))
  }
  const instance = instances.get(address)
  if (instance === undefined) throw new Error(`the instance ${address} was never sent`)
  return instance
}
