import { type AnyNode, type Options, Parser, type Program, type TokenType, tokTypes } from 'acorn'
import { scan } from './scan.ts'

/** What acorn's parser has and its types do not tell. */
interface Tokenizer {
  readonly type: TokenType
  readonly context: unknown[]
  overrideContext(context: unknown): void
  updateContext(before: TokenType): void
  inGeneratorContext(): boolean
}

/**
 * As in vm/js-1/parser.js: acorn reads a slash behind `a?.new` as the beginning of a regular expression, refuses one behind the
 * `yield` of a method, and takes two patterns of an async function without a name for the end of a template around it.
 */
const Reader = Parser.extend((Base) => {
  const Known = Base as unknown as new (options: Options, input: string) => Tokenizer
  class Fixed extends Known {
    override updateContext(before: TokenType): void {
      const isKnown = this.type === tokTypes._class || this.type === tokTypes._function
      super.updateContext(before === tokTypes.questionDot && !isKnown ? tokTypes.dot : before)
    }

    override overrideContext(context: unknown): void {
      const { length } = this.context
      this.context[this.type === tokTypes.parenL ? length - 2 : length - 1] = context
    }

    override inGeneratorContext(): boolean {
      return true
    }
  }
  return Fixed as unknown as typeof Parser
})

/** What acorn makes of a file; throws its SyntaxError. */
export function parse(text: string, options: Options): Program {
  return Reader.parse(text, options)
}

/**
 * Whether a file of JavaScript is made of modules: it is no script, or one that calls `require` or `import`. What is
 * neither is what it is for longer: a module with an error is no script from its first `import`. Other files stay as they
 * are, and the VM says what is wrong with them.
 */
export function hasModules(text: string): boolean {
  const script = tryParse(text, 'script')
  if (typeof script === 'number') {
    const module = tryParse(text, 'module')
    return typeof module !== 'number' || module > script
  }
  const { bindings, references, dynamicImports } = scan(script, () => false)
  if (dynamicImports.length > 0) return true
  if (bindings.some(({ name }) => name === 'require')) return false
  return references.some(
    ({ name, node, parent }) =>
      name === 'require' && parent.type === 'CallExpression' && parent.callee === node
  )
}

/** Whether a file of JavaScript imports or exports anything as a module does. */
export function isESModule(text: string): boolean {
  if (!/\b(?:import|export)\b/.test(text)) return false
  const module = tryParse(text, 'module')
  return typeof module !== 'number' && module.body.some(isOfModule)
}

function isOfModule({ type }: AnyNode): boolean {
  return type.startsWith('Import') || type.startsWith('Export')
}

/** The file as a script, as contracts are; null where it is none. */
export function parseScript(text: string): Program | null {
  const script = tryParse(text, 'script')
  return typeof script === 'number' ? null : script
}

/** The program, or the offset from which it is none. */
function tryParse(text: string, sourceType: 'script' | 'module'): Program | number {
  try {
    return parse(text, {
      ecmaVersion: 2026,
      sourceType,
      allowReturnOutsideFunction: sourceType === 'script',
      // the body of a contract is strict, and no method of it is async but those that say so
      allowAwaitOutsideFunction: false
    })
  } catch (error) {
    return error instanceof SyntaxError && 'pos' in error ? Number(error.pos) : 0
  }
}
