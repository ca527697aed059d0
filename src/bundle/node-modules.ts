import { isBuiltin } from 'node:module'
import type { Metafile, Plugin } from 'esbuild'
import { insteadOfModule } from './missing.ts'

/** What the names of such modules begin with in a bundle. */
const NAMESPACE = 'node'

const RESOLVING = 'resolving a module of Node'

/**
 * A package that calls `require` or `import()` for a module of Node may never come to it, or catch what that throws: so it
 * is a module that throws. Those of the author's own files, and what is imported at the top, are for the bundler to refuse.
 */
export function throwForNode(): Plugin {
  return {
    name: 'modules of Node',
    setup(build) {
      build.onResolve({ filter: /^(?:node:)?[a-z]/ }, async (args) => {
        const { path: wanted, importer, kind, resolveDir, pluginData } = args
        const isLate = kind === 'require-call' || kind === 'dynamic-import'
        if (!isLate || pluginData === RESOLVING || !isBuiltin(wanted)) return null
        if (!/[\\/]node_modules[\\/]/.test(importer)) return null
        // there are packages of such names, and some say what they use in browsers
        const found = await build.resolve(wanted, {
          importer,
          kind,
          resolveDir,
          pluginData: RESOLVING
        })
        if (found.errors.length === 0) return null
        return { path: wanted.replace(/^node:/, ''), namespace: NAMESPACE }
      })
      build.onLoad({ filter: /^/, namespace: NAMESPACE }, ({ path: name }) => {
        const message = `there is no "${name}", a module of Node: ${insteadOfModule(name)}`
        const error = `new Error(${JSON.stringify(message)})`
        return { contents: `throw Object.assign(${error}, { code: 'MODULE_NOT_FOUND' })` }
      })
    }
  }
}

/** Whether a module of a bundle is such a one. */
export function isOfNode(input: string): boolean {
  return input.startsWith(`${NAMESPACE}:`)
}

/** What requires such modules, in the order of the bundle: pairs of both. */
export function requiredOfNode({
  inputs
}: Pick<Metafile, 'inputs'>): [input: string, name: string][] {
  return Object.entries(inputs).flatMap(([input, { imports }]) =>
    imports
      .filter(({ path }) => isOfNode(path))
      .map(({ path }): [string, string] => [input, path.slice(NAMESPACE.length + 1)])
  )
}
