import { setFlagsFromString } from 'node:v8'

/** Of the isolate in which the realm is compiled for the others, MiB. */
const MEMORY = 64

/**
 * What V8 makes of the text of the realm, for the isolates to come: all of its functions, which each of them would else
 * compile for itself when it calls them.
 */
export function cacheRealm(ivm, realm) {
  const isolate = new ivm.Isolate({ memoryLimit: MEMORY })
  try {
    return compileEagerly(isolate, realm, { produceCachedData: true }).cachedData
  } finally {
    isolate.dispose()
  }
}

/** The script of the realm for an isolate. */
export function compileRealm(isolate, realm, cachedData) {
  return compileEagerly(isolate, realm, { cachedData })
}

/** V8 takes a cache only under the flags that it was made with. */
function compileEagerly(isolate, realm, cache) {
  setFlagsFromString('--no-lazy')
  try {
    return isolate.compileScriptSync(realm, { filename: 'realm.js', ...cache })
  } finally {
    setFlagsFromString('--lazy')
  }
}
