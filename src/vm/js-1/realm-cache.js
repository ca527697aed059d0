import { callNative } from './natives.js'

/**
 * The script of the realm for an isolate. `cached` is what {@link cacheRealm} gave, or null: functions that are not in
 * there are compiled when they are first called.
 */
export function compileRealm(isolate, realm, cached) {
  return isolate.compileScriptSync(realm, { filename: 'realm.js', cachedData: cached?.data })
}

/**
 * For the isolates to come: what V8 has made of the text of the realm in this one so far, and the text. The former are the
 * functions that were called, but for those that V8 has collected since: they need not be compiled anew. Without those that
 * hardly any contract needs an instance is a tenth smaller, and the cache is read in half the time. Not to be called for an
 * isolate that shares its text: V8 would write it into the cache, and each isolate would have it once more.
 */
export function cacheRealm(ivm, isolate, realm) {
  // V8 finds the script that it compiled from the same text in this isolate, with the functions it has compiled since
  const script = isolate.compileScriptSync(realm, { filename: 'realm.js', produceCachedData: true })
  return { data: script.cachedData, text: new ivm.ExternalCopy(realm) }
}

/**
 * isolated-vm gives every isolate a copy of the text that it compiles, and V8 keeps that for functions that are called
 * later. Has this one drop its copy for the text that all share. `reference` is to a function of the realm.
 */
export function shareText(isolate, context, reference, cached) {
  const args = [cached.text.copyInto(), reference.derefInto()]
  callNative(isolate, context, SHARE, 'realm-cache.js', args).release()
}

/** Of two equal texts that are names of properties V8 keeps the first one only, and puts it in the place of the other. */
const SHARE = `(function share(text, reference) {
  const table = { __proto__: null }
  table[text] = 0
  table[%FunctionGetScriptSource(reference)] = 0
})`
