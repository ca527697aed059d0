#!/usr/bin/env node
// Finds the right Node and starts the command line with it; nothing else lives here.
// Plain JavaScript, because it has to run on whatever Node the user has.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isPinned, missingNode, pinnedNode } from './node.js'

const EXIT_UNAVAILABLE = 69

// A checkout runs its sources, a package from the registry holds only what was built from them.
const source = new URL('../src/cli/main.ts', import.meta.url)
const built = new URL('../dist/cli/main.js', import.meta.url)

if (isPinned) {
  // When the process that started us is killed the hard way, nobody is left to pass signals on.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  process.channel?.unref()
  await import(existsSync(source) ? source.href : built.href)
} else {
  const node = pinnedNode()
  if (node === null) fail(missingNode())
  else start(node)
}

function start(node) {
  const self = fileURLToPath(import.meta.url)
  const child = spawn(node, [self, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc']
  })
  child.on('error', (error) => fail(`NODE_MISSING: ${node} cannot be started: ${error.message}`))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
  // A terminal sends these two to the child as well: it must not see them twice.
  const terminal = process.stdin.isTTY === true
  for (const signal of ['SIGINT', 'SIGHUP']) {
    process.on(signal, () => {
      if (!terminal) child.kill(signal)
    })
  }
  process.on('SIGTERM', () => child.kill('SIGTERM'))
}

function fail(message) {
  process.stderr.write(`mivm: ${message}\n`)
  process.exit(EXIT_UNAVAILABLE)
}
