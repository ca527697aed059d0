// Programs that tests start again and again, made one file each at the beginning of a run of all tests: a process that has to
// find and read 400 modules takes nearly three times as much of the processor to begin. They are the same sources, which
// find the files beside them where they always are; where none are made, the sources themselves are what runs.
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The command line, and those of the tests that a run starts dozens of times. */
const PROGRAMS = [
  'bin/mivm.js',
  'test/cheats/two-faces.ts',
  'test/cli-process.ts',
  'test/faults/host.ts',
  'test/faults/client.ts',
  'test/honest/host.ts',
  'test/killed-audit.ts'
]

/** What has files beside it that it looks for. */
const APART = /^(esbuild|isolated-vm|pino)$/

/** What finds machine code beside it, and what is loaded before a program, and has to be the same in it. */
const AS_IT_IS = /(^|\/)(binding(\.js)?|synced\.ts)$/

/** How bin/mivm.js comes to the sources, for esbuild to see. */
const CHOICE = 'import(existsSync(source) ? source.href : built.href)'
const SOURCES = "import('../src/cli/main.ts')"

const root = fileURLToPath(new URL('..', import.meta.url))
const require = createRequire(import.meta.url)

/** The file to be run for a program of this repository. */
export function programOf(file) {
  const { MIVM_TEST_PROGRAMS: dir } = process.env
  if (dir === undefined) return file
  const made = madeOf(dir, relative(root, file))
  return existsSync(made) ? made : file
}

/** Makes all of them, in a directory that MIVM_TEST_PROGRAMS is to name; resolves to their files. */
export async function makePrograms(dir) {
  const { build } = await import('esbuild')
  await build({
    absWorkingDir: root,
    entryPoints: PROGRAMS,
    outbase: root,
    outdir: dir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'esnext',
    conditions: ['mivm-source'],
    keepNames: true,
    logLevel: 'error',
    banner: {
      js: `import { createRequire as $createRequire } from 'node:module'; const require = $createRequire(${JSON.stringify(import.meta.url)})`
    },
    plugins: [{ name: 'mivm', setup }]
  })
  return PROGRAMS.map((file) => madeOf(dir, file))
}

function madeOf(dir, file) {
  return join(dir, dirname(file), `${basename(file).replace(/\.[jt]s$/, '')}.mjs`)
}

function setup(build) {
  build.onResolve({ filter: APART }, ({ path }) => ({
    path: require.resolve(path),
    external: true
  }))
  build.onResolve({ filter: AS_IT_IS }, ({ path, resolveDir }) => ({
    path: require.resolve(join(resolveDir, path)),
    external: true
  }))
  build.onLoad({ filter: /\.[jt]s$/ }, ({ path }) => {
    if (path.includes('node_modules')) return null
    const text = readFileSync(path, 'utf8')
    if (!text.includes('import.meta.url')) return null
    return {
      loader: path.endsWith('.ts') ? 'ts' : 'js',
      contents: text
        .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))
        .replace(CHOICE, SOURCES)
    }
  })
}
