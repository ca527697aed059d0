;(function missing() {
  // What is said of names that programs for Node and browsers use and that are not there, where a call has failed over
  // one: whoever has not bundled the contract reads it here for the first time.

  const TIMERS =
    'a contract has no timers, and time stands still during a call: compare env.time in a later one'
  const FILES = 'use state for files, or exported variables'
  const WORLD = 'use oracle: the host asks, and the answer is logged'
  const MODULES = 'deploy the file with "mivm deploy", which bundles what it requires'
  const URLS = 'use a package that parses URLs'
  const GLOBAL = 'use globalThis'
  const ALONE = 'calls run one at a time: nothing has to be locked or sent'
  const BYTES = 'use Uint8Array'
  const OBJECTS = 'use plain objects'
  const ITERATORS = 'use iterators'
  const WHOLE = 'a call runs to its end'
  const SHORT = 'nothing lives longer than a call: use WeakMap, or a plain reference'
  const CALLS = 'call functions'

  const NAMES = {
    __proto__: null,
    __dirname: FILES,
    __filename: FILES,
    AbortController: WHOLE,
    AbortSignal: WHOLE,
    Atomics: ALONE,
    Blob: BYTES,
    BroadcastChannel: ALONE,
    Buffer: 'use Uint8Array, with its toHex, toBase64, fromHex and fromBase64',
    clearInterval: TIMERS,
    clearTimeout: TIMERS,
    crypto:
      'use Math.random, which is not good enough to bet on, or a package such as @noble/hashes',
    document: 'a contract has no page: return data',
    Event: CALLS,
    EventTarget: CALLS,
    fetch: WORLD,
    File: BYTES,
    FinalizationRegistry: SHORT,
    FormData: OBJECTS,
    global: GLOBAL,
    Headers: OBJECTS,
    Intl: 'locales differ between machines: use a package with data of its own',
    localStorage: FILES,
    location: 'use env.address',
    MessageChannel: ALONE,
    navigator: 'a contract must not know where it runs',
    performance: 'use env.time',
    process: 'use arguments of init, exported variables, or env',
    React: 'name what makes elements of JSX: /** @jsx h */',
    ReadableStream: ITERATORS,
    Request: WORLD,
    requestAnimationFrame: TIMERS,
    require: MODULES,
    Response: WORLD,
    self: GLOBAL,
    sessionStorage: FILES,
    setImmediate: 'use await',
    setInterval: TIMERS,
    setTimeout: TIMERS,
    SharedArrayBuffer: 'use ArrayBuffer',
    Temporal: 'use Date',
    TransformStream: ITERATORS,
    URL: URLS,
    URLSearchParams: URLS,
    WeakRef: SHORT,
    WebAssembly: 'use JavaScript',
    WebSocket: WORLD,
    window: GLOBAL,
    Worker: ALONE,
    WritableStream: ITERATORS,
    XMLHttpRequest: WORLD
  }

  return { insteadOf }

  /** What to use in the place of a name, or undefined. */
  function insteadOf(name) {
    return NAMES[name]
  }
})
