import { analyze, isOfMath, isPlain, namesIn } from './analysis.js'
import { bare, childrenOf, isAnonymous, isClass, isFunction, Refusal } from './syntax.js'

/**
 * Rewrites a program so that it pays for what it does; counter.js has what the new names stand for.
 *
 * - Straight code pays at its beginning: at the entry of a function, in every turn of a loop, in branches that are
 *   not small, and behind whatever suspends a function.
 * - Every function takes levels of depth from its entry to its end, however it ends. `$mivmd` is what was left
 *   outside of it, and -1 while it is suspended, when it takes none. A `finally` of its own is slow: a function only
 *   has one where code of the contract may run behind the value of its `return`, or where it may be suspended.
 * - Handlers (catch, finally) look at the fuel before anything else, so that nothing outlives its end.
 * - An error that leaves a function, or gets to a handler in it, pays for the message that V8 has made for it.
 * - Syntax whose work grows with its operands calls operators.js, behind a test for the usual case.
 *
 * Order of evaluation, results and the names of functions stay as they were. Throws {@link Refusal}.
 */
export function instrument(text, program, prices) {
  analyze(program, prices)
  return new Meter(text, prices).emit(program)
}

const OPERATORS = {
  '+': 'add',
  '-': 'subtract',
  '*': 'multiply',
  '/': 'divide',
  '%': 'remainder',
  '**': 'power',
  '<<': 'shiftLeft',
  '>>': 'shiftRight',
  '>>>': 'shiftRightUnsigned',
  '&': 'bitAnd',
  '|': 'bitOr',
  '^': 'bitXor',
  '<': 'less',
  '<=': 'lessOrEqual',
  '>': 'greater',
  '>=': 'greaterOrEqual',
  '==': 'equal',
  '===': 'same'
}

/** Of a big integer and anything else they make a big integer, or an error; `+` may make a text. */
const BIG_OPERATORS = new Set(['+', '-', '*', '/', '%', '**', '<<', '>>', '&', '|', '^'])

/** Functions of Math of which there are two, see builtins/conversions.js. */
const NUMERIC = new Set(
  'abs ceil clz32 f16round floor fround imul max min pow round sign sqrt trunc'.split(' ')
)

const COMPARISONS = new Set(['<', '<=', '>', '>='])

const UNARY = { '-': 'negate', '+': 'positive', '~': 'bitNot' }

/** Keys up to this length are as cheap as numbers. */
const KEY_MAX = 32

/** So are texts. */
const TEXT_MAX = 128

class Meter {
  #text
  #prices
  /** What is emitted: `{ levels, isDirect, isSuspendable, isAsync, isAsyncGenerator, hasForAwait, temps, tempsMax }`. */
  #fn = { levels: 1, isSuspendable: false, temps: 0, tempsMax: 0 }

  constructor(text, prices) {
    this.#text = text
    this.#prices = prices
  }

  /** The new text of a node. Each type of node that needs more than {@link copy} has a method of its name. */
  emit(node) {
    return this[node.type] === undefined ? this.copy(node) : this[node.type](node)
  }

  /** The text of a node with the new texts of its children. */
  copy(node, children = childrenOf(node), emit = (child) => this.emit(child)) {
    let text = ''
    let at = node.start
    for (const child of children) {
      text += this.#text.slice(at, child.start) + emit(child)
      at = child.end
    }
    return text + this.#text.slice(at, node.end)
  }

  #source({ start, end }) {
    return this.#text.slice(start, end)
  }

  // ---- statements

  BlockStatement(node) {
    return `{${this.#toll(node)}${this.#statements(node.body)}}`
  }

  StaticBlock(node) {
    const fn = { levels: 1, isSuspendable: false }
    const { text, temps, handles } = this.#within(fn, () => this.#statements(node.body))
    return `static {${declaration(temps)}${handles ? this.#size(text) : ''}${text}}`
  }

  #statements(nodes) {
    return nodes.map((node) => `${this.#statement(node)}\n`).join('')
  }

  /** With a semicolon on both sides where one could be missing: the new text may begin with a parenthesis. */
  #statement(node) {
    const text = this.emit(node)
    return node.type === 'ExpressionStatement' ? `;${text};` : text
  }

  ExpressionStatement({ expression }) {
    return this.emit(expression)
  }

  /** A statement in the place of a block. */
  #block(node) {
    if (node.type === 'BlockStatement') return this.emit(node)
    return `{${this.#toll(node)}${this.#statement(node)}}`
  }

  IfStatement({ test, consequent, alternate }) {
    const text = `if (${this.emit(test)}) ${this.#block(consequent)}`
    if (alternate === null) return text
    const isChain = alternate.type === 'IfStatement' && alternate.toll === undefined
    return `${text} else ${isChain ? this.emit(alternate) : this.#block(alternate)}`
  }

  SwitchStatement({ discriminant, cases }) {
    const compared = cases.filter(({ test }) => test !== null && !isShort(test)).length
    let value = this.emit(discriminant)
    if (compared > 0 && !isShort(discriminant)) value = `$mivm_compared(${value}, ${compared})`
    const texts = cases.map((node) => {
      const head = node.test === null ? 'default:' : `case ${this.emit(node.test)}:`
      return `${head}${this.#toll(node)}${this.#statements(node.consequent)}`
    })
    return `switch (${value}) {${texts.join('')}}${this.#again()}`
  }

  LabeledStatement(node) {
    let labels = ''
    let body = node
    for (; body.type === 'LabeledStatement'; body = body.body) labels += `${body.label.name}: `
    // a label stands right before its loop
    const loop = this[`loop${body.type}`]
    if (loop === undefined) return `{${labels}${this.#block(body)}${this.#again()}}`
    return `{${labels}${loop.call(this, body)}${this.#again()}}`
  }

  ForStatement(node) {
    return this.loopForStatement(node) + this.#again()
  }

  ForOfStatement(node) {
    return this.loopForOfStatement(node) + this.#again()
  }

  ForInStatement(node) {
    return this.loopForInStatement(node) + this.#again()
  }

  WhileStatement(node) {
    return this.loopWhileStatement(node) + this.#again()
  }

  DoWhileStatement(node) {
    return this.loopDoWhileStatement(node) + this.#again()
  }

  loopForStatement(node) {
    const { init, test, update } = node
    const texts = [
      init === null ? '' : this.emit(init),
      test === null ? '' : update === null ? this.#between(test) : this.emit(test),
      update === null ? '' : this.#between(update)
    ]
    return `for (${texts.join('; ')}) ${this.#turn(node)}`
  }

  loopWhileStatement(node) {
    return `while (${this.#between(node.test)}) ${this.#turn(node)}`
  }

  loopDoWhileStatement(node) {
    return `do ${this.#turn(node)} while (${this.#between(node.test)});`
  }

  loopForInStatement(node) {
    const right = this.emit(node.right)
    const { head, start } = this.#head(node.left)
    return `for (${head} in $mivm_enumerated(${right})) ${this.#turn(node, start)}`
  }

  loopForOfStatement(node) {
    let right = this.emit(node.right)
    if (node.await) right = `$mivmW(${right}, () => { ${LEAVE_ONCE} })`
    const { head, start } = this.#head(node.left)
    return `for ${node.await ? 'await ' : ''}(${head} of ${right}) ${this.#turn(node, start)}`
  }

  /**
   * The left side of a loop over something, and what has to be done with it in every turn. What may run code waits
   * for the turn where there is `for await`: only there is the function entered again.
   */
  #head(left) {
    const isDeclared = left.type === 'VariableDeclaration'
    this.#refuseAwaitUsing(left)
    const pattern = isDeclared ? left.declarations[0].id : left
    const text = isDeclared ? `${left.kind} ${this.#pattern(pattern)}` : this.#pattern(pattern)
    const shape = shapeOf(pattern)
    const isLate = this.#fn.hasForAwait && !isName(pattern)
    if (shape === null && !isLate) return { head: text, start: '' }
    const start = isDeclared ? text : `(${text}`
    const end = isDeclared ? ';' : ');'
    return { head: 'const $mivme', start: `${start} = $mivmS($mivme, ${shape})${end}` }
  }

  #turn({ body, cost }, start = '') {
    const code =
      body.type === 'BlockStatement' ? this.#statements(body.body) : this.#statement(body)
    const inner = start === '' ? code : `${start}{${code}}`
    return `{${this.#again()}${this.#pay(cost)}${inner}}`
  }

  TryStatement({ block, handler, finalizer }) {
    this.#fn.handles = true
    let text = `try ${this.emit(block)}`
    if (handler !== null) text += ` catch ${this.#handler(handler)}`
    if (finalizer === null) return text
    // what a finally block swallows has to be paid for as well
    const inner = handler === null ? text : `try {${text}}`
    const code = `${this.#handle(finalizer.cost)}${this.#statements(finalizer.body)}`
    return `${inner} catch ($mivme) {$mivmX($mivme, $mivms, 0)} finally {${code}}`
  }

  #handler({ param, body, cost }) {
    const code = this.#statements(body.body)
    const isNamed = param?.type === 'Identifier'
    const name = isNamed ? this.#source(param) : '$mivme'
    const start = `(${name}) {${this.#handle(cost)}$mivmC(${name}, $mivms);`
    if (param === null || isNamed) return `${start}${code}}`
    const value = this.#destructured(param, '$mivme')
    return `${start}let ${this.#pattern(param)} = ${value};{${code}}}`
  }

  ReturnStatement({ argument }) {
    if (this.#fn.isDirect) return this.#directReturn(argument)
    if (argument === null) return 'return;'
    const text = this.emit(argument)
    if (!this.#fn.isAsync) return `return ${text};`
    if (!this.#fn.isAsyncGenerator) return `return $mivmQ((${text}));`
    // its value is awaited
    const value = this.#temp()
    this.#free(1)
    return `return (${value} = $mivmQ((${text})), ${LEAVE}, ${value});`
  }

  /** Gives back the levels of the function as the last thing that it does. */
  #directReturn(argument) {
    if (argument === null) return `${RETURN}return;`
    const text = this.emit(argument)
    if (isQuiet(argument)) return `${RETURN}return ${text};`
    const value = this.#temp()
    this.#free(1)
    return `${value} = ${nameless(argument, text)};${RETURN}return ${value};`
  }

  VariableDeclaration(node) {
    this.#refuseAwaitUsing(node)
    const texts = node.declarations.map(({ id, init }) => {
      const text = this.#pattern(id)
      if (init === null) return text
      return `${text} = ${this.#destructured(id, this.emit(init))}`
    })
    // the head of a for statement is not ended by a semicolon of its own
    const isHead = this.#text[node.end - 1] !== ';'
    return `${node.kind} ${texts.join(', ')}${isHead ? '' : ';'}`
  }

  #refuseAwaitUsing(node) {
    if (node.kind !== 'await using') return
    throw new Refusal(node, 'await using is not available: call the disposer in a finally block')
  }

  // ---- what is inserted

  /** True where there is too little: the sign of a small integer is found faster than it is compared with zero. */
  #take(cost) {
    return `(${this.#taken(cost)}) >> 31`
  }

  #taken(cost) {
    return `$mivmF -= ${Math.ceil(cost * this.#prices.scale)}`
  }

  /** The same for fuel and levels of depth, where a function is entered. */
  #enterTest(cost) {
    return `(($mivmD = ($mivmd = $mivmD) - ${this.#fn.levels}) | (${this.#taken(cost)})) >> 31`
  }

  #pay(cost) {
    return `if (${this.#take(cost)}) $mivmT();`
  }

  /** Units for an error that V8 makes in code of this length: for its message it reads all of the function. */
  #failure({ length }) {
    return Math.ceil(this.#prices.failure + length * this.#prices.failureCharacter)
  }

  /** For the handlers in a function. */
  #size(text) {
    return `var $mivms = ${this.#failure(text)};`
  }

  /** In a block that is entered or not. */
  #toll({ toll }) {
    return toll === undefined ? '' : this.#pay(toll)
  }

  /** For an expression that is evaluated or not. */
  #tolled(node) {
    const text = this.emit(node)
    return node.toll === undefined ? text : `(${this.#take(node.toll)} && $mivmT(), ${text})`
  }

  /** At the beginning of a handler: whatever led here, the depth is that of the function again. */
  #handle(cost) {
    const { rejection } = this.#prices
    const enter = this.#fn.isSuspendable
      ? `if ($mivmd < 0) {$mivmd = $mivmD;$mivmF -= ${rejection}}`
      : ''
    return `${enter}$mivmD = $mivmd - ${this.#fn.levels};${this.#pay(cost)}`
  }

  /** Behind what suspended the function, as an expression. */
  #enter(cost) {
    return `${this.#enterTest(cost)} && $mivmT()`
  }

  /** Where a function may be that `for await` has suspended: V8 does that by itself, also when it leaves a loop. */
  #again() {
    return this.#fn.hasForAwait ? `if ($mivmd < 0) {${this.#enter(1)}}` : ''
  }

  /** What a loop evaluates between two turns, maybe behind a `for await` in its body that was left by `continue`. */
  #between(node) {
    const text = this.emit(node)
    return this.#fn.hasForAwait ? `($mivmd < 0 && (${this.#enter(1)}), ${text})` : text
  }

  /** The name of a variable that nobody uses at this place of an expression, until it is given back. */
  #temp() {
    const fn = this.#fn
    fn.temps++
    if (fn.temps > fn.tempsMax) fn.tempsMax = fn.temps
    return `$mivm${fn.temps}`
  }

  #free(count) {
    this.#fn.temps -= count
  }

  /** Emits code that has variables of its own; `temps` is the end of their declaration. */
  #within(fn, emit) {
    const outer = this.#fn
    this.#fn = { temps: 0, tempsMax: 0, ...fn }
    const text = emit()
    let temps = ''
    for (let i = 1; i <= this.#fn.tempsMax; i++) temps += `, $mivm${i}`
    const { handles = false } = this.#fn
    this.#fn = outer
    return { text, temps, handles }
  }

  // ---- functions and classes

  FunctionDeclaration(node) {
    return this.#function(node)
  }

  FunctionExpression(node) {
    return this.#function(node)
  }

  ArrowFunctionExpression(node) {
    return this.#function(node)
  }

  #function(node) {
    const { type, id, async: isAsync, generator: isGenerator } = node
    const prefix = isAsync ? 'async ' : ''
    const isArrow = type === 'ArrowFunctionExpression'
    const { params, block } = this.#code(node, !isArrow && !isAsync && !isGenerator)
    if (isArrow) return `${prefix}(${params}) => ${block}`
    const name = id === null ? '' : ` ${this.#source(id)}`
    return `${prefix}function${isGenerator ? '*' : ''}${name}(${params}) ${block}`
  }

  /** The function of a method, accessor or constructor: its text begins with the parameters. */
  #method(node, extra = 0) {
    const { params, block } = this.#code(node, false, extra)
    return `(${params}) ${block}`
  }

  #code(node, isConstructor, extra = 0) {
    const { body, levels, async: isAsync, generator: isGenerator, hasForAwait } = node
    const isSuspendable = isAsync || isGenerator
    const fn = {
      levels,
      hasForAwait,
      isSuspendable,
      isDirect: !isSuspendable && !node.returnsLate,
      isAsync,
      isAsyncGenerator: isAsync && isGenerator
    }
    let given
    let enter
    const { text, temps, handles } = this.#within(fn, () => {
      enter = this.#enterTest(node.cost + extra)
      given = isGenerator ? this.#generatorParams(node) : this.#params(node)
      const heir = isConstructor ? 'if (new.target) $mivm_heir(this);' : ''
      if (body.type !== 'BlockStatement') {
        return `${given.moved}${isAsync ? `return $mivmQ((${this.emit(body)}))` : this.#directReturn(body)}`
      }
      const code = this.#body(node, given.names)
      // parameters do not see what the body declares
      return `${heir}${given.moved === '' ? code : `${given.moved}{${code}}`}`
    })
    const directives =
      body.type === 'BlockStatement'
        ? body.body
            .filter((each) => isDirective(each) && !isGenerator)
            .map((each) => `${each.expression.raw};`)
        : []
    const size = handles ? this.#size(text) : ''
    const entry = `${size}var $mivmd${temps};if (${enter}) $mivmT();`
    const price = this.#prices.thrown + (isAsync ? this.#prices.rejection : 0)
    const note = isAsync ? '$mivmN++;' : ''
    const thrown = `${note}$mivmX($mivme, ${this.#failure(text)}, ${price})`
    const start = `{${directives.join('')}${entry}try {${text}\n`
    const block = fn.isDirect
      ? `${start}${RETURN}} catch ($mivme) {${RETURN}${thrown}}}`
      : `${start}} catch ($mivme) {${thrown}} finally {${isSuspendable ? SUSPENDABLE_RETURN : RETURN}}}`
    return { params: given.params, block }
  }

  /**
   * The statements of a function in a block: there a function and a variable of one name are two declarations,
   * and so are two functions. Such a function is assigned at the beginning of the block.
   */
  #body({ body, names }, moved) {
    const statements = body.body.filter((each) => !isDirective(each))
    const taken = new Set([...names, ...moved])
    const last = new Map()
    for (const each of statements) {
      if (each.type !== 'FunctionDeclaration') continue
      if (last.has(each.id.name)) taken.add(each.id.name)
      last.set(each.id.name, each)
    }
    const isTaken = (each) => each.type === 'FunctionDeclaration' && taken.has(each.id.name)
    const hoisted = [...last.values()].filter(isTaken).map((each) => {
      const name = this.#source(each.id)
      // as the value of a property it has its name, and no variable of that name of its own
      const key = JSON.stringify(each.id.name)
      return `var ${name} = {[${key}]: ${this.#function({ ...each, id: null })}}[${key}];`
    })
    return hoisted.join('') + this.#statements(statements.filter((each) => !isTaken(each)))
  }

  /**
   * Parameters whose evaluation may run code are evaluated in the body, where it is counted: in the order in which
   * they stand, from the first of them on.
   */
  #params({ params }) {
    if (params.every(isStill)) {
      return { params: params.map((param) => this.emit(param)).join(', '), moved: '', names: [] }
    }
    const names = []
    let moved = ''
    const texts = params.map((param, i) => {
      if (isName(param)) return this.#source(param)
      names.push(...namesIn(param).map(({ name }) => name))
      moved += `var ${this.#movedParam(param, `$mivmp${i}`)};`
      if (param.type === 'RestElement') return `...$mivmp${i}`
      // it still ends the count of the parameters that `length` of the function is
      return param.type === 'AssignmentPattern' ? `$mivmp${i} = void 0` : `$mivmp${i}`
    })
    return { params: texts.join(', '), moved, names }
  }

  /** `given`: what the caller has given for it. Without a declaration: an assignment for parentheses around it. */
  #movedParam(param, given) {
    const pattern = param.type === 'RestElement' ? param.argument : param
    if (pattern.type !== 'AssignmentPattern') {
      return `${this.#pattern(pattern)} = ${this.#destructured(pattern, given)}`
    }
    const { left, right } = pattern
    const value = this.emit(right)
    if (left.type === 'Identifier' && isAnonymous(right)) {
      const name = this.#source(left)
      // computed, for __proto__ would be no property of its own
      return `{${name} = ${value}} = {['${left.name}']: ${given}}`
    }
    const chosen = `(${given} === void 0 ? ${value} : ${given})`
    return `${this.#pattern(left)} = ${this.#destructured(left, chosen)}`
  }

  /**
   * Those of a generator are evaluated when it is called, and its body later. Their variables are parameters themselves,
   * which a function that one of them makes shares with the body.
   */
  #generatorParams({ params, levels }) {
    const pay = `$mivmG(${this.#prices.generator * levels})`
    if (params.every(isStill) && params.at(-1)?.type !== 'RestElement') {
      const given = this.#params({ params })
      // a property that no array has: so its default is evaluated, behind all that a caller can give
      const last = `...{$mivm = ${pay}}`
      return { ...given, params: params.length === 0 ? last : `${given.params}, ${last}` }
    }
    const names = params.flatMap((param) => namesIn(param).map(({ name }) => name))
    const { text, temps } = this.#within({ levels: 1, isSuspendable: false }, () => {
      return params
        .map((param, i) => {
          const isRest = param.type === 'RestElement'
          return `(${this.#movedParam(param, isRest ? `$mivmR(arguments, ${i})` : `$mivmp${i}`)});`
        })
        .join('')
    })
    const given = params
      .filter(({ type }) => type !== 'RestElement')
      .map(({ type }, i) => {
        return type === 'AssignmentPattern' ? `$mivmp${i} = void 0` : `$mivmp${i}`
      })
    const evaluate = `() => {${declaration(temps)}${pay};${text}}`
    // of a property that no array has: they are there, and have no value yet
    const list = names.map((name) => `$mivm: ${name}, `).join('')
    given.push(`...{${list}$mivm = ${this.#evaluated(evaluate, text, levels)}}`)
    return { params: given.join(', '), moved: '', names }
  }

  ClassDeclaration(node) {
    return this.#class(node)
  }

  ClassExpression(node) {
    return this.#class(node)
  }

  #class({ id, superClass, body }) {
    const name = id === null ? '' : ` ${this.#source(id)}`
    const heritage = superClass === null ? '' : ` extends ${this.#heritage(superClass)}`
    const fields = body.body.filter((each) => each.type === 'PropertyDefinition' && !each.static)
    // fields without code of their own are paid for by one that has, or by the constructor
    // a constructor that this one extends may return a typed array
    if (superClass !== null) for (const each of fields) each.isElement = isElementField(each)
    const payer = fields.find((each) => each.value !== null && !isStillField(each))
    let rest = fields.filter((each) => each !== payer).reduce((sum, { cost }) => sum + cost, 0)
    const constructor = body.body.find((each) => each.kind === 'constructor')
    let members = ''
    if (constructor === undefined && superClass !== null && body.body.some(isOfInstances)) {
      members = this.#heirConstructor(payer === undefined ? rest : 0)
      if (payer === undefined) rest = 0
    } else if (payer === undefined && constructor === undefined && rest > this.#prices.branch) {
      members = `constructor() {${this.#pay(rest)}}`
      rest = 0
    }
    for (const member of body.body) {
      if (member === payer) members += this.#field(member, rest)
      else if (member === constructor) {
        members += this.#member(member, payer === undefined ? rest : 0)
      } else members += this.#member(member, 0)
      members += '\n'
    }
    return `class${name}${heritage} {${members}}`
  }

  /**
   * The constructor of a class that has none of its own and extends another one, where V8 runs one: it takes a level, and
   * hands on arguments, which take room on the stack once more.
   */
  #heirConstructor(cost) {
    const { entry, thrown } = this.#prices
    const { text: enter } = this.#within({ levels: 1 }, () => this.#enterTest(entry + cost))
    const text = 'super(...$mivmA($mivma));'
    const fail = `$mivmX($mivme, ${this.#failure(text)}, ${thrown})`
    return `constructor(...$mivma) {var $mivmd;if (${enter}) $mivmT();try {${text}${RETURN}} catch ($mivme) {${RETURN}${fail}}}`
  }

  #heritage(node) {
    const text = this.emit(node)
    return bare(node).raw === 'null' ? text : `$mivm_heritage(${text})`
  }

  #member(member, extra) {
    if (member.type === 'StaticBlock') return this.emit(member)
    const { start, key, value, computed } = member
    const head = this.#text.slice(start, key.start) + this.#name(key, computed)
    if (member.type === 'MethodDefinition') {
      return head + this.#text.slice(key.end, value.start) + this.#method(value, extra)
    }
    if (value === null) return `${head}${computed ? ']' : ''};`
    if (!member.static && !isStillField(member)) return this.#field(member, 0)
    return `${head}${this.#text.slice(key.end, value.start)}${this.emit(value)};`
  }

  #field({ start, key, value, computed, cost, levels, isElement = false }, extra) {
    const { text, temps } = this.#within({ levels: 1, isSuspendable: false }, () => {
      const given = computed || !isAnonymous(value) ? this.emit(value) : this.#named(key, value)
      return isElement ? `$mivm_element(this, ${given}${computed ? ', null' : ''})` : given
    })
    const head = this.#text.slice(start, key.start) + this.#name(key, computed)
    const evaluate = `() => {${declaration(temps)}${this.#pay(cost + extra)}return ${text}}`
    return `${head}${this.#text.slice(key.end, value.start)}${this.#evaluated(evaluate, text, levels)};`
  }

  /** A class that is the value of a property has its name. */
  #named(key, value) {
    const sign = key.type === 'PrivateIdentifier' ? '#' : ''
    const name = JSON.stringify(`${sign}${key.name ?? key.value}`)
    return `({[${name}]: ${this.emit(value)}})[${name}]`
  }

  /** The value of a function of ours with this text of the contract's in it. */
  #evaluated(evaluate, text, levels) {
    return `$mivmP(${evaluate}, ${this.#failure(text)}, ${levels})`
  }

  #name(key, computed) {
    return computed ? this.#key(key) : this.#source(key)
  }

  Property(node) {
    const { start, end, key, value, computed, shorthand, method, kind } = node
    if (shorthand) return this.emit(value)
    const head = this.#text.slice(start, key.start) + this.#name(key, computed)
    const middle = this.#text.slice(key.end, value.start)
    if (method || kind !== 'init') return head + middle + this.#method(value)
    let text = this.emit(value)
    const isPrototype = !computed && (key.name ?? key.value) === '__proto__'
    if (isPrototype && bare(value).raw !== 'null') text = `$mivm_heir(${text})`
    return head + middle + text + this.#text.slice(value.end, end)
  }

  // ---- patterns

  /** A pattern, whose parts are assigned to where they stand. */
  #pattern(node) {
    switch (node.type) {
      case 'ObjectPattern':
        return this.copy(node, node.properties, (each) => this.#pattern(each))
      case 'ArrayPattern': {
        const elements = node.elements.filter((each) => each !== null)
        return this.copy(node, elements, (each) => this.#pattern(each))
      }
      case 'Property': {
        if (node.shorthand) return this.#pattern(node.value)
        const { start, key, value, computed } = node
        const head = this.#text.slice(start, key.start) + this.#name(key, computed)
        return head + this.#text.slice(key.end, value.start) + this.#pattern(value)
      }
      case 'AssignmentPattern': {
        const { left, right } = node
        return `${this.#pattern(left)} = ${this.#destructured(left, this.emit(right))}`
      }
      case 'RestElement':
        if (hasNestedRest(node.argument)) {
          throw new Refusal(
            node,
            'a pattern behind ... with a rest element of its own is not available: destructure it in a statement of its own'
          )
        }
        return `...${this.#pattern(node.argument)}`
      case 'ParenthesizedExpression':
        return `(${this.#pattern(node.expression)})`
      case 'MemberExpression':
        return this.#place(node)
      default:
        return this.emit(node)
    }
  }

  /** A property that a pattern assigns to: whether it is the length of an array shows when it is done. */
  #place(node) {
    const { object, property, computed } = node
    if (!mayBeLength(node) && !mayBeElement(node)) return this.emit(node)
    if (object.type === 'Super') {
      throw new Refusal(
        node,
        'super here may be the length or an element of an array: assign to it in a statement'
      )
    }
    const key = computed ? this.#key(property) : `'${property.name}'`
    return `$mivmV(${this.emit(object)}, ${key}).v`
  }

  /** The value that is destructured by a pattern. */
  #destructured(pattern, text) {
    const shape = shapeOf(pattern)
    if (shape === null) return text
    if (shape === ITERATED) return `$mivm_iterated(${text})`
    if (shape === COPIED) return `$mivm_copied(${text})`
    return `$mivmS(${text}, ${shape})`
  }

  // ---- expressions

  SequenceExpression(node) {
    return `(${this.copy(node)})`
  }

  ConditionalExpression({ test, consequent, alternate }) {
    return `${this.emit(test)} ? ${this.#tolled(consequent)} : ${this.#tolled(alternate)}`
  }

  LogicalExpression({ operator, left, right }) {
    return `${this.emit(left)} ${operator} ${this.#tolled(right)}`
  }

  BinaryExpression(node) {
    const { operator, left, right } = node
    if (operator === 'in') {
      return left.type === 'PrivateIdentifier'
        ? this.copy(node, [right])
        : `${this.#key(left)} in ${this.emit(right)}`
    }
    const sign = operator === '!==' ? '===' : operator === '!=' ? '==' : operator
    if (OPERATORS[sign] === undefined) return `${this.emit(left)} ${operator} ${this.emit(right)}`
    if (sign === '==' || sign === '===') return this.#equality(node, sign)
    return this.#operation(operator, left, this.emit(left), right)
  }

  #equality({ operator, left, right }, sign) {
    const a = this.emit(left)
    const isEasy = sign === '===' ? isShort(left) || isShort(right) : isEasilyEqual(left, right)
    if (isEasy) return `${a} ${operator} ${this.emit(right)}`
    const not = operator.startsWith('!') ? '!' : ''
    if (sign === '==') return `${not}$mivm_equal(${a}, ${this.emit(right)})`
    const operands = this.#operands(left, a, right)
    const { first, second } = operands
    const tests = `typeof ${first} === 'string' || typeof ${first} === 'bigint'`
    return this.#closed(
      operands,
      `${tests} ? ${not}$mivm_same(${first}, ${second}) : ${first} ${operator} ${second}`
    )
  }

  /** `a operator right`, where `a` is the text of the left operand. */
  #operation(operator, left, a, right) {
    const name = OPERATORS[operator]
    if (isPlain(left) && isPlain(right)) return `${a} ${operator} ${this.emit(right)}`
    if (operator === '+' && (isText(left) || isText(right))) {
      return `$mivm_add(${a}, ${this.emit(right)})`
    }
    if (COMPARISONS.has(operator) && (isText(left) || isText(right))) {
      return `$mivm_${name}(${a}, ${this.emit(right)})`
    }
    if (isBig(left) || isBig(right)) return `$mivm_${name}(${a}, ${this.emit(right)})`
    const operands = this.#operands(left, a, right)
    const { first, second } = operands
    const tests = []
    if (!isPlain(left)) tests.push(`typeof ${first} === 'number'`)
    if (!isPlain(right) && second !== first) tests.push(`typeof ${second} === 'number'`)
    return this.#closed(
      operands,
      `${tests.join(' && ')} ? ${first} ${operator} ${second} : $mivm_${name}(${first}, ${second})`
    )
  }

  /** Two operands as texts that can be repeated, and what has to be evaluated before. */
  #operands(left, a, right) {
    const before = []
    let count = 0
    let first = a
    if (!isRepeatable(left) || !isStill(right)) {
      first = this.#temp()
      count++
      before.push(`${first} = ${nameless(left, a)}`)
    }
    let second = this.emit(right)
    if (!isRepeatable(right)) {
      const text = second
      second = this.#temp()
      count++
      before.push(`${second} = ${nameless(right, text)}`)
    }
    return { first, second, before, count }
  }

  #closed({ before, count }, text) {
    this.#free(count)
    return `(${[...before, text].join(', ')})`
  }

  UnaryExpression(node) {
    const { operator, argument } = node
    const name = UNARY[operator]
    if (name === undefined || isPlain(argument)) return this.copy(node)
    const text = this.emit(argument)
    if (isRepeatable(argument)) {
      return `(typeof ${text} === 'number' ? ${operator}${text} : $mivm_${name}(${text}))`
    }
    const value = this.#temp()
    this.#free(1)
    return `(typeof (${value} = ${nameless(argument, text)}) === 'number' ? ${operator}${value} : $mivm_${name}(${value}))`
  }

  UpdateExpression(node) {
    const { operator, prefix } = node
    const target = bare(node.argument)
    if (isPlain(target)) return this.copy(node)
    const sign = operator[0]
    const name = sign === '+' ? 'increment' : 'decrement'
    const { before, place, count, receiver, isLength } = this.#target(target)
    const old = this.#temp()
    this.#free(count + 1)
    let next = `typeof ${old} === 'number' ? ${old} ${sign} 1 : $mivm_${name}(${old})`
    // what makes an array longer by one is no work
    if (sign === '-' && isLength !== null) {
      next = `${isLength} ? $mivm_length(${receiver}, ${next}) : ${next}`
    }
    if (prefix) return `(${before}${old} = ${place}, ${place} = ${next})`
    const numeric = `typeof (${old} = ${place}) === 'number' || (${old} = $mivm_numeric(${old}))`
    return `(${before}${numeric}, ${place} = ${next}, ${old})`
  }

  /**
   * What is read and then written, as a text that can be repeated; what has to be evaluated before it, and how many
   * variables that takes until they are freed; the object, and a test for whether it is the length of it, or null; and the
   * name of the variable with the key, where there is one.
   */
  #target(node) {
    if (node.type === 'Identifier') {
      return { before: '', place: this.emit(node), count: 0, receiver: '', isLength: null }
    }
    const { object, property, computed } = node
    let before = ''
    let count = 0
    let base = this.emit(object)
    if (object.type !== 'Super' && object.type !== 'ThisExpression') {
      const text = base
      base = this.#temp()
      count++
      before = `${base} = ${text}, `
    }
    const receiver = object.type === 'Super' ? 'this' : base
    if (!computed) {
      const isLength = mayBeLength(node) ? 'true' : null
      return { before, place: `${base}.${this.#source(property)}`, count, receiver, isLength }
    }
    const key = this.#temp()
    this.#free(1)
    before += `${key} = ${this.#key(property)}, `
    this.#temp()
    const isLength = mayBeLength(node) ? `${key} === 'length'` : null
    return { before, place: `${base}[${key}]`, count: count + 1, receiver, isLength, name: key }
  }

  AssignmentExpression(node) {
    const { operator, right } = node
    const left = bare(node.left)
    if (left.type === 'ObjectPattern' || left.type === 'ArrayPattern') return this.#assigned(node)
    const sign = operator.slice(0, -1)
    const isCompound = OPERATORS[sign] !== undefined
    const isElement = mayBeElement(left) && (isCompound ? sign === '+' : !isNoText(right))
    const isEasy = isCompound ? isPlain(left) && isPlain(right) : !mayBeLength(left) && !isElement
    if (operator === '=' && isElement && !mayBeLength(left)) return this.#element(left, right)
    if (isEasy) return `${this.emit(node.left)} ${operator} ${this.emit(right)}`
    const { before, place, count, receiver, isLength, name } = this.#target(left)
    let value
    if (!isCompound) value = nameless(right, this.emit(right))
    else if (left.type === 'Identifier') value = this.#operation(sign, left, place, right)
    else {
      const old = this.#temp()
      const text = this.#operation(sign, TEMP, old, right)
      this.#free(1)
      value = `(${old} = ${place}, ${text})`
    }
    if (isLength === 'true') value = `$mivm_length(${receiver}, ${value})`
    else if (isLength !== null || isElement) {
      const result = this.#temp()
      this.#free(1)
      const stored = isElement ? elementOf(receiver, result, name) : result
      const chosen =
        isLength === null
          ? stored
          : `${isLength} ? $mivm_length(${receiver}, ${result}) : ${stored}`
      value = `(${result} = ${value}, ${chosen})`
    }
    this.#free(count)
    return `(${before}${place} ${isCompound ? '=' : operator} ${value})`
  }

  /** An assignment to what may be an element of a typed array, of a value that may have to be made a number. */
  #element({ object, property, computed }, right) {
    let base = this.emit(object)
    let receiver = 'this'
    let count = 1
    if (object.type !== 'Super' && object.type !== 'ThisExpression') {
      receiver = this.#temp()
      count++
      base = `(${receiver} = ${base})`
    }
    const place = computed ? `[${this.#key(property)}]` : `.${this.#source(property)}`
    const text = nameless(right, this.emit(right))
    const value = this.#temp()
    this.#free(count)
    return `${base}${place} = (${value} = ${text}, ${elementOf(receiver, value)})`
  }

  /** An assignment to a pattern. */
  #assigned(node) {
    const pattern = bare(node.left)
    const shape = shapeOf(pattern)
    if (shape === null) return `${this.#pattern(node.left)} = ${this.emit(node.right)}`
    return `({v: ${this.#pattern(pattern)}} = $mivmB(${this.emit(node.right)}, ${shape})).o`
  }

  MemberExpression(node) {
    const { object, property, computed, optional } = node
    if (!computed) return this.copy(node, [object])
    return `${this.emit(object)}${optional ? '?.' : ''}[${this.#key(property)}]`
  }

  /** The key of a property. */
  #key(node) {
    const text = this.emit(node)
    if (isShortKey(node, false)) return text
    if (isRepeatable(node)) return this.#keyTest(text, text)
    const key = this.#temp()
    this.#free(1)
    return this.#keyTest(key, `(${key} = ${nameless(node, text)})`)
  }

  #keyTest(key, first) {
    const isShort = `typeof ${key} === 'string' && ${key}.length <= ${KEY_MAX}`
    return `(typeof ${first} === 'number' || ${isShort} ? ${key} : $mivm_key(${key}))`
  }

  TemplateLiteral(node) {
    if (node.expressions.length === 0) return this.#source(node)
    const text = this.copy(node, node.expressions, (part) => {
      const inner = this.emit(part)
      if (isPlain(part) || isText(part)) return inner
      if (isRepeatable(part))
        return `typeof ${inner} === 'string' ? ${inner} : $mivm_part(${inner})`
      const value = this.#temp()
      this.#free(1)
      return `typeof (${value} = ${nameless(part, inner)}) === 'string' ? ${value} : $mivm_part(${value})`
    })
    const value = this.#temp()
    this.#free(1)
    return `((${value} = ${text}).length <= ${TEXT_MAX} ? ${value} : $mivm_text(${value}))`
  }

  TaggedTemplateExpression(node) {
    const { tag, quasi } = node
    return this.copy(node, [tag, quasi], (each) => {
      return each === quasi ? this.copy(quasi, quasi.expressions) : this.emit(tag)
    })
  }

  SpreadElement({ argument }) {
    // of an array; those of objects and calls are emitted with these
    return `...$mivm_spread(${this.emit(argument)})`
  }

  ObjectExpression(node) {
    return this.copy(node, node.properties, (each) => {
      return each.type === 'SpreadElement'
        ? `...$mivm_copied(${this.emit(each.argument)})`
        : this.emit(each)
    })
  }

  CallExpression(node) {
    const isSuper = node.callee.type === 'Super'
    // of what can only be numbers, V8's own do as well
    if (isOfMath(node.callee) && NUMERIC.has(node.callee.property.name) && !node.callee.optional) {
      const isCheap = node.arguments.every((each) => each.type !== 'SpreadElement' && isPlain(each))
      if (isCheap && !node.optional) {
        const list = node.arguments.map((each) => this.emit(each)).join(', ')
        return `$mivmM.${node.callee.property.name}(${list})`
      }
    }
    if (!hasSpread(node)) return isSuper ? noted(this.copy(node)) : this.copy(node)
    const text = `${this.emit(node.callee)}${node.optional ? '?.' : ''}(${this.#spreadArguments(node)})`
    // a part of a chain cannot be taken out of it: the whole of it restores the depth
    return node.isInChain ? text : this.#restored(isSuper ? noted(text) : text)
  }

  NewExpression(node) {
    if (!hasSpread(node)) return noted(this.copy(node))
    return this.#restored(noted(`new ${this.emit(node.callee)}(${this.#spreadArguments(node)})`))
  }

  /** All arguments in one array: what they take of the stack is counted when the last one is there. */
  #spreadArguments(node) {
    const [only] = node.arguments
    if (node.arguments.length === 1) return `...$mivmA(${this.emit(only.argument)})`
    return `...$mivmA([${node.arguments.map((each) => this.emit(each)).join(', ')}])`
  }

  #restored(text) {
    const result = this.#temp()
    this.#free(1)
    return `(${result} = ${text}, $mivmD = $mivmd - ${this.#fn.levels}, ${result})`
  }

  ChainExpression({ expression }) {
    let isSpread = false
    for (let at = expression; at !== undefined; at = at.callee ?? at.object) {
      if (at.type !== 'CallExpression' && at.type !== 'MemberExpression') break
      at.isInChain = true
      if (at.type === 'CallExpression' && hasSpread(at)) isSpread = true
    }
    const text = this.emit(expression)
    return isSpread ? this.#restored(text) : text
  }

  AwaitExpression({ argument }) {
    return this.#suspended('await', argument, this.emit(argument), this.#prices.AwaitExpression)
  }

  YieldExpression({ argument, delegate }) {
    const { isAsyncGenerator } = this.#fn
    if (argument === null) {
      const result = this.#temp()
      this.#free(1)
      return `(${result} = yield (${LEAVE}, void 0), ${this.#enter(this.#prices.YieldExpression)}, ${result})`
    }
    const text = this.emit(argument)
    if (!delegate) {
      return this.#suspended('yield', argument, text, this.#prices.YieldExpression)
    }
    const source = `$mivmY(${text}, ${isAsyncGenerator})`
    return this.#suspended('yield*', null, source, this.#prices.YieldExpression)
  }

  #suspended(keyword, node, text, cost) {
    const value = this.#temp()
    this.#free(1)
    const given = `${value} = ${node === null ? text : nameless(node, text)}`
    const isAwaited = keyword === 'await' || this.#fn.isAsyncGenerator
    const note = isAwaited ? `$mivmF -= $mivmN >> ${this.#prices.notes}, ` : ''
    return `(${value} = ${keyword} (${given}, ${note}${LEAVE}, ${value}), ${this.#enter(cost)}, ${value})`
  }
}

/** What may make a promise that nobody sees. */
function noted(text) {
  return `($mivmN++, ${text})`
}

/** At the end of a function; of one that may be suspended, which takes no levels then. */
const RETURN = '$mivmD = $mivmd;'
const SUSPENDABLE_RETURN = `if ($mivmd >= 0) ${RETURN}`

/** In front of what suspends a function. */
const LEAVE = '$mivmD = $mivmd, $mivmd = -1'
/** It may be left already: whoever leaves several loops at once is not entered between them. */
const LEAVE_ONCE = `if ($mivmd >= 0) {${LEAVE}}`

/** Stands for a value in a variable of ours, of which nothing is known. */
const TEMP = { type: 'Identifier', name: '$mivm', variable: null }

const ITERATED = '[1,1,[]]'
const COPIED = '[0,1,[]]'

/** Of code that $mivmP evaluates, which has entered a level already. */
function declaration(temps) {
  return `var $mivmd = $mivmD + 1${temps};`
}

function isDirective({ directive }) {
  return directive !== undefined
}

function hasSpread(node) {
  return node.arguments.some(({ type }) => type === 'SpreadElement')
}

/** An expression in the place of one that gives its own name to a function. */
function nameless(node, text) {
  return isAnonymous(node) ? `(0, ${text})` : text
}

/** Whether evaluating it can run no code, and evaluating it later comes to the same. */
function isRepeatable({ type, regex, value }) {
  if (type === 'Literal') return regex === undefined && typeof value !== 'string'
  return type === 'Identifier' || type === 'ThisExpression'
}

/** Whether evaluating a parameter or an operand can run no code and change nothing. */
function isStill(node) {
  if (isName(node)) return true
  if (node.type === 'AssignmentPattern') {
    return node.left.type === 'Identifier' && isStillValue(node.right)
  }
  return isStillValue(node)
}

/** Whether evaluating it runs no code, whatever a contract does. */
function isQuiet({ type, regex, variable }) {
  if (type === 'Identifier') return variable !== null
  return type === 'ThisExpression' || (type === 'Literal' && regex === undefined)
}

function isName({ type, argument }) {
  return type === 'Identifier' || (type === 'RestElement' && argument.type === 'Identifier')
}

function isStillValue(node) {
  const { type, expressions, argument, elements, properties } = bare(node)
  switch (type) {
    case 'Literal':
    case 'Identifier':
    case 'ThisExpression':
      return true
    case 'TemplateLiteral':
      return expressions.length === 0
    case 'UnaryExpression':
      return argument.type === 'Literal'
    case 'ArrayExpression':
      return elements.every((each) => each !== null && isStillValue(each))
    case 'ObjectExpression':
      return properties.every((each) => {
        return each.type === 'Property' && !each.computed && isStillProperty(each)
      })
    default:
      return isFunction(bare(node))
  }
}

function isStillField({ value, isElement = false }) {
  return !isElement && isStillValue(value)
}

function isStillProperty({ key, value }) {
  return (key.name ?? key.value) !== '__proto__' && isStillValue(value)
}

/** Whether it is null or undefined. */
function isNothing(node) {
  const { type, raw, name, operator, variable } = bare(node)
  if (type === 'UnaryExpression') return operator === 'void'
  return type === 'Identifier' ? name === 'undefined' && variable === null : raw === 'null'
}

/** Whether comparing with it is no work. */
function isShort(node) {
  const inner = bare(node)
  if (isPlain(inner) || isNothing(inner)) return true
  if (inner.type === 'Literal')
    return typeof inner.value === 'string' && inner.value.length <= TEXT_MAX
  if (inner.type === 'UnaryExpression') return inner.operator === 'typeof'
  return isFunction(inner) || isClass(inner)
}

/** Whether making a number of it is no work. */
function isNoText(node) {
  return isShort(node) && !isClass(bare(node))
}

/** Whether V8 runs a constructor for it in every class. */
function isOfInstances({ type, static: isStatic, key }) {
  if (isStatic || type === 'StaticBlock') return false
  return type === 'PropertyDefinition' || key.type === 'PrivateIdentifier'
}

/** Whether `==` is no work: a text may have to be made a number. */
function isEasilyEqual(left, right) {
  if (isNothing(left) || isNothing(right)) return true
  if (isPlain(left) || isPlain(right)) return isPlain(left) && isPlain(right)
  return isShort(left) || isShort(right)
}

/** Whether a key is known to be short; `isLength`: and to be another one than `length`. */
function isShortKey(node, isOther = true) {
  const inner = bare(node)
  if (isPlain(inner)) return true
  if (inner.type !== 'Literal' || typeof inner.value !== 'string') return false
  return inner.value.length <= KEY_MAX && !(isOther && inner.value === 'length')
}

/** Whether what is assigned to may be the length of an array. */
function mayBeLength({ type, property, computed }) {
  if (type !== 'MemberExpression') return false
  return computed
    ? !isShortKey(property)
    : property.name === 'length' && property.type === 'Identifier'
}

/**
 * Whether what is assigned to may be an element of a typed array, for which V8 makes a number of the value. It does so for
 * Infinity and NaN, too.
 */
function mayBeElement({ type, property, computed }) {
  return type === 'MemberExpression' && mayBeIndex(property, computed)
}

function isElementField({ key, value, computed }) {
  return value !== null && !isNoText(value) && mayBeIndex(key, computed)
}

function mayBeIndex(key, computed) {
  const { type, name, value } = bare(key)
  if (type === 'Identifier' && !computed) return NUMERIC_NAMES.has(name)
  if (type === 'PrivateIdentifier') return false
  return type !== 'Literal' || typeof value !== 'string' || isNumeric(value)
}

function isNumeric(text) {
  return NUMERIC_NAMES.has(text) || `${Number(text)}` === text || text === '-0'
}

const NUMERIC_NAMES = new Set(['Infinity', 'NaN'])

/** What is stored as an element: `value` is a variable of ours, and so is the key where it may be no number. */
function elementOf(receiver, value, key) {
  const place = key === undefined ? '' : `, ${key}`
  return `typeof ${value} === 'number' ? ${value} : $mivm_element(${receiver}, ${value}${place})`
}

/** Whether it is known to be a string; found out once a node, since sums may be long. */
function isText(node) {
  node.isText ??= findText(bare(node))
  return node.isText
}

/** Whether it can only be a big integer, found out once a node: testing it for a number is of no use. */
function isBig(node) {
  node.isBig ??= findBig(bare(node))
  return node.isBig
}

function findBig({ type, bigint, operator, left, right, argument }) {
  if (type === 'Literal') return bigint !== undefined
  if (type === 'UnaryExpression') return (operator === '-' || operator === '~') && isBig(argument)
  if (type !== 'BinaryExpression' || !BIG_OPERATORS.has(operator)) return false
  return operator === '+' ? isBig(left) && isBig(right) : isBig(left) || isBig(right)
}

function findText({ type, value, operator, left, right }) {
  if (type === 'Literal') return typeof value === 'string'
  if (type === 'BinaryExpression') return operator === '+' && (isText(left) || isText(right))
  return type === 'TemplateLiteral'
}

/**
 * What $mivmS in counter.js takes, as text; null for a pattern that has no rest element in it. Found out once a node, since
 * patterns nest.
 */
function shapeOf(pattern) {
  const node = bare(pattern)
  if (node.shape === undefined) node.shape = findShape(node)
  return node.shape
}

function findShape(node) {
  if (node.type === 'AssignmentPattern') return shapeOf(node.left)
  const isArray = node.type === 'ArrayPattern'
  if (!isArray && node.type !== 'ObjectPattern') return null
  const parts = isArray ? node.elements : node.properties.map((each) => each.value ?? each)
  const rest = parts.at(-1)?.type === 'RestElement' ? 1 : 0
  const shapes = parts
    .slice(0, parts.length - rest)
    .map((each) => (each === null ? null : shapeOf(each)))
  const isFlat = shapes.every((shape) => shape === null)
  if (isFlat && rest === 0) return null
  return `[${isArray ? 1 : 0},${rest},[${isFlat ? '' : shapes.map(String).join(',')}]]`
}

/** Whether a pattern behind `...` has something in it that needs {@link shapeOf}, but for its own rest element. */
function hasNestedRest(pattern) {
  const shape = shapeOf(pattern)
  return shape !== null && shape !== ITERATED && shape !== COPIED
}
