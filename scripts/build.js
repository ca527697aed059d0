// Builds dist/ for publishing: what tsc makes of the TypeScript in src/, and beside it, byte for byte,
// the plain JavaScript and its declarations. A VM id covers the bytes of what runs in the realm, so no
// compiler may touch them.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const src = join(root, 'src')
const dist = join(root, 'dist')

rmSync(dist, { recursive: true, force: true })
compile()
copyPlain()

function compile() {
  const require = createRequire(import.meta.url)
  const manifest = require.resolve('typescript/package.json')
  const tsc = join(dirname(manifest), require(manifest).bin.tsc)
  const { status } = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], {
    stdio: 'inherit'
  })
  if (status !== 0) process.exit(1)
}

function copyPlain() {
  for (const entry of readdirSync(src, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.(js|d\.ts)$/.test(entry.name)) continue
    const from = join(entry.parentPath, entry.name)
    const to = join(dist, relative(src, from))
    mkdirSync(dirname(to), { recursive: true })
    copyFileSync(from, to)
  }
}
