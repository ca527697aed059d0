#!/usr/bin/env node
// Finds the right Node and starts the command line with it; nothing else lives here.
// Plain JavaScript, because it has to run on whatever Node the user has.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { hearSignals, isPinned, report, startPinned } from './node.js'

// A checkout runs its sources, a package from the registry holds only what was built from them.
const source = new URL('../src/cli/main.ts', import.meta.url)
const built = new URL('../dist/cli/main.js', import.meta.url)

const EXIT_INTERNAL = 70

if (isPinned) {
  // When the process that started us is killed the hard way, nobody is left to pass signals on.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  if (process.channel) hearSignals()
  process.channel?.unref()
  await import(existsSync(source) ? source.href : built.href).catch((error) => {
    // Node would end with 1, which is what an audit says of a host that has cheated
    report('INTERNAL', `${error.message.split('\n')[0]}: run "npm ci" again`, EXIT_INTERNAL)
  })
} else {
  startPinned([fileURLToPath(import.meta.url), ...process.argv.slice(2)], true)
}
