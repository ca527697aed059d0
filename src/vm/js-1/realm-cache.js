/**
 * The script of the realm for an isolate. `cachedData` is what V8 has made of it in another one (see {@link cacheRealm}),
 * or undefined: functions that are not in there are compiled when they are first called.
 */
export function compileRealm(isolate, realm, cachedData) {
  return isolate.compileScriptSync(realm, { filename: 'realm.js', cachedData })
}

/**
 * What V8 has made of the text of the realm in an isolate so far: the functions that were called, but for those that V8
 * has collected since. The isolates to come take them, and need not compile them. Without those that hardly any contract
 * needs an instance is a tenth smaller, and the cache is read in half the time.
 */
export function cacheRealm(isolate, realm) {
  // V8 finds the script that it compiled from the same text in this isolate, with the functions it has compiled since
  const script = isolate.compileScriptSync(realm, { filename: 'realm.js', produceCachedData: true })
  return script.cachedData
}
