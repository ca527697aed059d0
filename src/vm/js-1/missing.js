;(function missing() {
  // What is said of names that programs for Node and browsers use and that are not there, where a call has failed over
  // one: whoever has not bundled the contract reads it here for the first time.

  const TIMERS =
    'a contract has no timers, and time stands still during a call: compare env.time in a later one'
  const FILES = 'use state for files, or exported variables'
  const WORLD = 'use oracle: the host asks, and the answer is logged'
  const MODULES = 'deploy the file with "mivm deploy", which bundles what it requires'
  const URLS = 'use a package that parses URLs'

  const NAMES = {
    __proto__: null,
    Buffer: 'use Uint8Array, with its toHex, toBase64, fromHex and fromBase64',
    crypto:
      'use Math.random, which is not good enough to bet on, or a package such as @noble/hashes',
    fetch: WORLD,
    global: 'use globalThis',
    Intl: 'locales differ between machines: use a package with data of its own',
    localStorage: FILES,
    performance: 'use env.time',
    process: 'use arguments of init, exported variables, or env',
    queueMicrotask: 'use await',
    require: MODULES,
    setImmediate: 'use await',
    setInterval: TIMERS,
    setTimeout: TIMERS,
    structuredClone: 'use JSON.parse(JSON.stringify(value)), or copy what changes: { ...value }',
    URL: URLS,
    URLSearchParams: URLS,
    WebSocket: WORLD,
    window: 'use globalThis',
    XMLHttpRequest: WORLD
  }

  return { insteadOf }

  /** What to use in the place of a name, or undefined. */
  function insteadOf(name) {
    return NAMES[name]
  }
})
