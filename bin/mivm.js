#!/usr/bin/env node
// Finds the right Node and starts the command line with it; nothing else lives here.
// Plain JavaScript, because it has to run on whatever Node the user has.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

const WANTED = '26.10.0'
const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'win-x64']

const source = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const built = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const fromSource = existsSync(source)
const entry = fromSource ? source : built

if (process.versions.node === WANTED && (!fromSource || process.execArgv.includes('--conditions=mivm-source'))) {
  await import(pathToFileURL(entry).href)
} else {
  const node = pinnedNode()
  if (node === null) {
    const platform = `${process.platform.replace('win32', 'win')}-${process.arch}`
    const hint = PLATFORMS.includes(platform)
      ? 'run "npm ci" (or npm install) without --omit=optional'
      : `there is no package with it for ${platform}: install Node ${WANTED} and run mivm with that`
    process.stderr.write(
      `mivm: NODE_MISSING: this is Node ${process.versions.node} and MIVM needs Node ${WANTED}: ${hint}\n`
    )
    process.exit(69)
  }
  const flags = fromSource ? ['--conditions=mivm-source'] : []
  const self = fileURLToPath(import.meta.url)
  const child = spawn(node, [...flags, self, ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`mivm: NODE_MISSING: ${node} cannot be started: ${error.message}\n`)
    process.exit(69)
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 70)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

/** The path of the pinned Node binary, or null where its optional package is not installed. */
function pinnedNode() {
  if (process.versions.node === WANTED) return process.execPath
  const require = createRequire(import.meta.url)
  const name = `node-${process.platform.replace('win32', 'win')}-${process.arch}`
  try {
    const manifest = require.resolve(`${name}/package.json`)
    const { version, bin } = require(manifest)
    const file = fileURLToPath(new URL(typeof bin === 'string' ? bin : bin.node, pathToFileURL(manifest)))
    return version === WANTED && existsSync(file) ? file : null
  } catch {
    return null
  }
}
