/**
 * The compiler process of js-1: takes the source of contracts and gives the text that engines hand to V8. It runs
 * with JIT, because it executes nothing of a contract: to it, a source is data.
 *
 * Argument: the path of acorn. Frames come in on descriptor 3 and go out on descriptor 4.
 */
import { pathToFileURL } from 'node:url'
import { Channel } from './channel.js'
import { compileOrRefuse } from './compile.js'

const [, , parser] = process.argv
const channel = new Channel(3, 4)
const acorn = await import(pathToFileURL(parser).href)

channel.write({ type: 'ready' })
for (let job = channel.read(); job !== null; job = channel.read()) {
  channel.write({ type: 'compiled', ...compileOrRefuse(acorn, job.source) })
}
