// What a realm takes with a copy of its text and without: bytes, as JSON. Plain JavaScript, because --jitless strips no types.
import { writeSync } from 'node:fs'
import ivm from 'isolated-vm'
import { readRealm } from '../src/vm/js-1/realm.js'
import { cacheRealm, compileRealm, shareText } from '../src/vm/js-1/realm-cache.js'

const REALMS = 20

const text = readRealm()
// see realm-process.js
const kept = []
const cached = cacheRealm(ivm, makeRealm(null).isolate, text)
const alone = sizeOf(() => makeRealm(cached))
const shared = sizeOf(() => {
  const { isolate, context, open } = makeRealm(cached)
  shareText(isolate, context, open, cached)
  // it was not called before: V8 compiles it from the text
  open.applySync(undefined, ['{"variables":[]}'])
})
writeSync(1, JSON.stringify({ text: text.length, alone, shared }))
process.kill(process.pid, 'SIGKILL')

function makeRealm(cached) {
  const isolate = new ivm.Isolate({ memoryLimit: 64 })
  const context = isolate.createContextSync()
  const script = compileRealm(isolate, text, cached)
  const realm = script.runSync(context, { reference: true, release: true })
  const open = realm.getSync('open', { reference: true })
  kept.push(isolate, context, realm, open)
  return { isolate, context, open }
}

/** Memory of one of those that `make` makes. */
function sizeOf(make) {
  make()
  const before = process.memoryUsage.rss()
  for (let i = 0; i < REALMS; i++) make()
  return (process.memoryUsage.rss() - before) / REALMS
}
