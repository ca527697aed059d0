// Builds dist/ for publishing, from three things: what tsc makes of the TypeScript in src/; the plain
// JavaScript beside it, byte for byte, since a VM id covers the bytes of what runs in the realm; and our
// declarations of untyped dependencies, so that the types of the package stand on their own.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const src = join(root, 'src')
const dist = join(root, 'dist')

rmSync(dist, { recursive: true, force: true })
compile()
copyPlain()
bringDeclarations()

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
  for (const from of listFiles(src, /\.(js|d\.ts)$/)) {
    const to = join(dist, relative(src, from))
    mkdirSync(dirname(to), { recursive: true })
    copyFileSync(from, to)
  }
}

/**
 * Turns each `declare module 'x' { … }` of types/ into a file dist/types/x.d.ts, and the imports of x in
 * dist into imports of that file: shipped as they are, they would declare x for the whole program of
 * whoever uses the package.
 */
function bringDeclarations() {
  const modules = new Map()
  for (const file of listFiles(join(root, 'types'), /\.d\.ts$/)) {
    const text = readFileSync(file, 'utf8')
    for (const [, name, body] of text.matchAll(/^declare module '([^']+)' \{\n(.*?)^\}$/gms)) {
      modules.set(name, body.replace(/^ {2}/gm, '').replace(/^(?=const )/gm, 'declare '))
    }
  }
  modules.delete('brittle')
  mkdirSync(join(dist, 'types'))
  for (const [name, body] of modules) writeFileSync(declarationOf(name), body)
  for (const file of listFiles(dist, /\.d\.ts$/)) {
    const text = readFileSync(file, 'utf8')
    const bound = text.replace(/\b(from |import\()'([^']+)'/g, (all, keyword, name) => {
      if (!modules.has(name)) return all
      const path = relative(dirname(file), declarationOf(name)).replaceAll(sep, '/')
      return `${keyword}'${path.startsWith('.') ? path : `./${path}`}'`.replace('.d.ts', '.js')
    })
    if (bound !== text) writeFileSync(file, bound)
  }
}

function declarationOf(name) {
  return join(dist, 'types', `${name.replace(/\.js$/, '').replaceAll('/', '-')}.d.ts`)
}

function listFiles(dir, pattern) {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
}
