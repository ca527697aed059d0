import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { OnResolveArgs, Plugin, PluginBuild } from 'esbuild'
import { isESModule } from './syntax.ts'

/**
 * Packages without `exports` name up to three files to begin with. That of `browser` comes first, since those of `main`
 * and `module` may be for Node. But in some it is a script for pages, all in one and with polyfills, which change
 * builtins: where it is no module, that of `module` is taken.
 */
export function preferModules(): Plugin {
  return {
    name: 'packages',
    setup(build) {
      // the name of a package, alone
      build.onResolve({ filter: /^(?:@[^/]+\/)?[^@#./:][^/:]*$/ }, async (args) => {
        if (args.pluginData === RESOLVING || !isImport(args)) return null
        const { path: file, namespace, sideEffects } = await resolve(build, args, args.resolveDir)
        if (namespace !== 'file') return null
        const beginnings = await beginningsOf(file)
        if (beginnings === null || isESModule(await textOf(file))) return null
        const { folder, module } = beginnings
        const better = await resolve(build, { ...args, path: module }, folder)
        return better.errors.length > 0 ? null : { path: better.path, sideEffects }
      })
    }
  }
}

const RESOLVING = 'resolving'

/** Who requires a package expects what CommonJS gives. */
function isImport({ kind }: OnResolveArgs): boolean {
  return kind === 'import-statement' || kind === 'dynamic-import'
}

function resolve(
  build: PluginBuild,
  { path: wanted, importer, namespace, kind, with: attributes }: OnResolveArgs,
  resolveDir: string
) {
  const pluginData = RESOLVING
  return build.resolve(wanted, {
    importer,
    namespace,
    kind,
    with: attributes,
    resolveDir,
    pluginData
  })
}

/** The folder of the package and its `module`, where the file is what its `browser` names; else null. */
async function beginningsOf(file: string) {
  for (let folder = path.dirname(file); path.basename(folder) !== 'node_modules'; ) {
    const { browser, module, exports } = await manifestIn(folder)
    const isBrowser = typeof browser === 'string' && file.startsWith(path.resolve(folder, browser))
    if (isBrowser) {
      const hasOther = typeof module === 'string' && exports === undefined
      return hasOther ? { folder, module: `./${path.posix.normalize(module)}` } : null
    }
    const above = path.dirname(folder)
    if (above === folder) return null
    folder = above
  }
  return null
}

interface Manifest {
  readonly browser?: unknown
  readonly module?: unknown
  readonly exports?: unknown
}

async function manifestIn(folder: string): Promise<Manifest> {
  try {
    return JSON.parse(await textOf(path.join(folder, 'package.json'))) ?? {}
  } catch {
    // none: esbuild says what is wrong with one that cannot be read
    return {}
  }
}

function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '')
}
