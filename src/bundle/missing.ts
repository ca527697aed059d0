/**
 * What programs for Node and browsers use, contracts do not have, and what to use instead. The VM decides what
 * there is; this list only says it at deployment, with the place, instead of in the call that fails. The VM has a list of its
 * own for that call (`vm/js-1/missing.js`): what it says is in results, and so is part of its id, while this one may grow.
 */
export const MISSING: ReadonlyMap<string, string> = new Map([
  ['process', 'use arguments of init, exported variables, or env'],
  ['Buffer', 'use Uint8Array, with its toHex, toBase64, fromHex and fromBase64'],
  ['require', 'use import'],
  ['__require', 'use import'],
  ['__dirname', 'use state for files, or import the data'],
  ['__filename', 'use state for files, or import the data'],
  ['global', 'use globalThis'],
  ['window', 'use globalThis'],
  ['self', 'use globalThis'],
  ['document', 'a contract has no page: return data'],
  ['navigator', 'a contract must not know where it runs'],
  ['location', 'use env.address'],
  ['localStorage', 'use state for files, or exported variables'],
  ['sessionStorage', 'use state for files, or exported variables'],
  ['eval', 'write the code out: what runs is what was deployed'],
  ['fetch', 'use oracle: the host asks, and the answer is logged'],
  ['XMLHttpRequest', 'use oracle: the host asks, and the answer is logged'],
  ['WebSocket', 'use oracle: the host asks, and the answer is logged'],
  ['setTimeout', 'time stands still during a call: compare env.time in a later one'],
  ['setInterval', 'time stands still during a call: compare env.time in a later one'],
  ['setImmediate', 'use await'],
  ['clearTimeout', 'time stands still during a call'],
  ['clearInterval', 'time stands still during a call'],
  ['requestAnimationFrame', 'time stands still during a call'],
  ['performance', 'use env.time'],
  ['crypto', 'use Math.random (not to bet on), or a package such as @noble/hashes'],
  ['URL', 'use a package that parses URLs'],
  ['URLSearchParams', 'use a package that parses URLs'],
  ['Intl', 'use a package with data of its own: locales differ between machines'],
  ['Temporal', 'use Date'],
  ['WebAssembly', 'use JavaScript'],
  ['SharedArrayBuffer', 'use ArrayBuffer'],
  ['Atomics', 'calls run one at a time: nothing has to be locked'],
  ['WeakRef', 'use WeakMap, or a plain reference'],
  ['FinalizationRegistry', 'nothing lives longer than a call'],
  ['Worker', 'calls run one at a time'],
  ['MessageChannel', 'use await'],
  ['BroadcastChannel', 'use await'],
  ['AbortController', 'a call runs to its end'],
  ['AbortSignal', 'a call runs to its end'],
  ['Event', 'call functions'],
  ['EventTarget', 'call functions'],
  ['Blob', 'use Uint8Array'],
  ['File', 'use Uint8Array'],
  ['FormData', 'use plain objects'],
  ['Headers', 'use plain objects'],
  ['Request', 'use oracle: the host asks, and the answer is logged'],
  ['Response', 'use oracle: the host asks, and the answer is logged'],
  ['React', 'name what makes elements of JSX: /** @jsx h */'],
  ['ReadableStream', 'use iterators'],
  ['WritableStream', 'use iterators'],
  ['TransformStream', 'use iterators']
])

/** Of `new Function(…)`. */
export const NO_CODE = 'code from strings is not there: generate it before deployment'

/** Node's modules, by name without `node:`. */
const MODULES: ReadonlyMap<string, string> = new Map([
  ['fs', 'use state for files'],
  ['fs/promises', 'use state for files'],
  ['crypto', 'use a package such as @noble/hashes'],
  ['buffer', 'use Uint8Array'],
  ['process', 'use arguments of init, exported variables, or env'],
  ['http', 'use oracle: the host asks, and the answer is logged'],
  ['https', 'use oracle: the host asks, and the answer is logged'],
  ['net', 'use oracle: the host asks, and the answer is logged'],
  ['timers', 'time stands still during a call: compare env.time in a later one'],
  ['timers/promises', 'time stands still during a call: compare env.time in a later one']
])

/** What to use in the place of one of Node's modules. */
export function insteadOfModule(module: string): string {
  return MODULES.get(module) ?? 'use a package that runs in browsers too'
}
