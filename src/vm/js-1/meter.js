import { analyze, namesIn, turnsOf } from './analysis.js'
import { declaration, LEAVE, LEAVE_ONCE, nameless } from './emitter.js'
import { Expressions } from './expressions.js'
import {
  isDirective,
  isElementField,
  isLength,
  isName,
  isOfInstances,
  isQuiet,
  isShort,
  isStill,
  isStillField,
  shapeOf
} from './forms.js'
import {
  bare,
  childrenOf,
  isAnonymous,
  isClass,
  isFunction,
  isNamedByKey,
  Refusal
} from './syntax.js'

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

/** At the end of a function; of one that may be suspended, which takes no levels then. */
const RETURN = '$mivmD = $mivmd;'

const SUSPENDABLE_RETURN = `if ($mivmd >= 0) ${RETURN}`

/** How many characters one of the source comes to, about. */
const COMPILED = 3

/** Statements, functions and classes, on top of {@link Expressions}. */
class Meter extends Expressions {
  // ---- statements

  BlockStatement(node) {
    return `{${this.toll(node)}${this.statements(node.body)}}`
  }

  /**
   * In a function of ours, as are the values of static fields: for every error in the one that V8 makes of all of them, it
   * reads the whole class again.
   */
  StaticBlock({ body, levels, search }) {
    const fn = { levels: 1, isSuspendable: false, search }
    const { text, temps, handles } = this.within(fn, () => this.statements(body))
    const evaluate = `() => {${declaration(temps)}${handles ? this.size(text) : ''}${text}}`
    return `static {${this.evaluated(evaluate, text, levels)};}`
  }

  statements(nodes) {
    return nodes.map((node) => `${this.statement(node)}\n`).join('')
  }

  /** With a semicolon on both sides where one could be missing: the new text may begin with a parenthesis. */
  statement(node) {
    const text = this.emit(node)
    return node.type === 'ExpressionStatement' ? `;${text};` : text
  }

  ExpressionStatement({ expression }) {
    expression.isUnused = true
    return this.emit(expression)
  }

  /** A statement in the place of a block. */
  block(node) {
    if (node.type === 'BlockStatement') return this.emit(node)
    return `{${this.toll(node)}${this.statement(node)}}`
  }

  IfStatement({ test, consequent, alternate }) {
    const text = `if (${this.emit(test)}) ${this.block(consequent)}`
    if (alternate === null) return text
    const isChain = alternate.type === 'IfStatement' && alternate.toll === undefined
    return `${text} else ${isChain ? this.emit(alternate) : this.block(alternate)}`
  }

  SwitchStatement({ discriminant, cases }) {
    const compared = cases.filter(({ test }) => test !== null && !isShort(test)).length
    let value = this.emit(discriminant)
    if (compared > 0 && !isShort(discriminant)) value = `$mivm_compared(${value}, ${compared})`
    const texts = cases.map((node) => {
      const head = node.test === null ? 'default:' : `case ${this.emit(node.test)}:`
      return `${head}${this.toll(node)}${this.statements(node.consequent)}`
    })
    return `switch (${value}) {${texts.join('')}}${this.again()}`
  }

  LabeledStatement(node) {
    let labels = ''
    let body = node
    for (; body.type === 'LabeledStatement'; body = body.body) labels += `${body.label.name}: `
    // a label stands right before its loop
    const loop = this[`loop${body.type}`]
    if (loop === undefined) return `{${labels}${this.block(body)}${this.again()}}`
    return `{${labels}${loop.call(this, body)}${this.again()}}`
  }

  ForStatement(node) {
    return this.loopForStatement(node) + this.again()
  }

  ForOfStatement(node) {
    return this.loopForOfStatement(node) + this.again()
  }

  ForInStatement(node) {
    return this.loopForInStatement(node) + this.again()
  }

  WhileStatement(node) {
    return this.loopWhileStatement(node) + this.again()
  }

  DoWhileStatement(node) {
    return this.loopDoWhileStatement(node) + this.again()
  }

  loopForStatement(node) {
    const { init, test, update } = node
    if (update !== null) update.isUnused = true
    // few turns are paid for at once
    const turns = turnsOf(node)
    const isPaid = turns !== null && turns * node.cost <= this.prices.turns
    if (isPaid) node.counter.toll = turns * node.cost
    const texts = [
      init === null ? '' : this.emit(init),
      test === null ? '' : update === null ? this.between(test) : this.emit(test),
      update === null ? '' : this.between(update)
    ]
    return `for (${texts.join('; ')}) ${this.turn(isPaid ? { ...node, cost: 0 } : node)}`
  }

  loopWhileStatement(node) {
    return `while (${this.between(node.test)}) ${this.turn(node)}`
  }

  loopDoWhileStatement(node) {
    return `do ${this.turn(node)} while (${this.between(node.test)});`
  }

  loopForInStatement(node) {
    const right = this.emit(node.right)
    const { head, start } = this.head(node.left)
    return `for (${head} in $mivm_enumerated(${right})) ${this.turn(node, start)}`
  }

  loopForOfStatement(node) {
    let right = this.emit(node.right)
    if (node.await) right = `$mivmW(${right}, () => { ${LEAVE_ONCE} })`
    const { head, start } = this.head(node.left)
    const cost = node.await ? node.cost + this.kept() : node.cost
    return `for ${node.await ? 'await ' : ''}(${head} of ${right}) ${this.turn({ ...node, cost }, start)}`
  }

  /**
   * The left side of a loop over something, and what has to be done with it in every turn. What may run code waits
   * for the turn where there is `for await`: only there is the function entered again.
   */
  head(left) {
    const isDeclared = left.type === 'VariableDeclaration'
    this.refuseAwaitUsing(left)
    const pattern = isDeclared ? left.declarations[0].id : left
    const text = isDeclared ? `${left.kind} ${this.pattern(pattern)}` : this.pattern(pattern)
    const shape = shapeOf(pattern)
    const isLate = this.fn.hasForAwait && !isName(pattern)
    if (shape === null && !isLate) return { head: text, start: '' }
    const start = isDeclared ? text : `(${text}`
    const end = isDeclared ? ';' : ');'
    return { head: 'const $mivme', start: `${start} = $mivmS($mivme, ${shape})${end}` }
  }

  turn({ body, cost }, start = '') {
    const code = body.type === 'BlockStatement' ? this.statements(body.body) : this.statement(body)
    const inner = start === '' ? code : `${start}{${code}}`
    return `{${this.again()}${cost === 0 ? '' : this.pay(cost)}${inner}}`
  }

  /** V8 would look for somebody who debugs it each time. */
  DebuggerStatement() {
    return ';'
  }

  TryStatement({ block, handler, finalizer }) {
    this.fn.handles = true
    let text = `try ${this.emit(block)}`
    if (handler !== null) text += ` catch ${this.handler(handler)}`
    if (finalizer === null) return text
    // what a finally block swallows has to be paid for as well
    const inner = handler === null ? text : `try {${text}}`
    const code = `${this.handle(finalizer.cost)}${this.statements(finalizer.body)}`
    return `${inner} catch ($mivme) {$mivmX($mivme, $mivms, 0)} finally {${code}}`
  }

  handler({ param, body, cost }) {
    const code = this.statements(body.body)
    const isNamed = param?.type === 'Identifier'
    const name = isNamed ? this.source(param) : '$mivme'
    const start = `(${name}) {${this.handle(cost)}$mivmC(${name}, $mivms);`
    if (param === null || isNamed) return `${start}${code}}`
    const value = this.destructured(param, '$mivme')
    return `${start}let ${this.pattern(param)} = ${value};{${code}}}`
  }

  ReturnStatement({ argument }) {
    if (this.fn.isDirect) return this.directReturn(argument)
    if (argument === null) return 'return;'
    const text = this.emit(argument)
    if (!this.fn.isAsync) return `return ${text};`
    if (!this.fn.isAsyncGenerator) return `return $mivmQ((${text}));`
    // its value is awaited
    const value = this.temp()
    this.free(1)
    return `return (${value} = $mivmQ((${text})), ${LEAVE}, ${value});`
  }

  /** Gives back the levels of the function as the last thing that it does. */
  directReturn(argument) {
    if (argument === null) return `${RETURN}return;`
    const text = this.emit(argument)
    if (isQuiet(argument)) return `${RETURN}return ${text};`
    const value = this.temp()
    this.free(1)
    return `${value} = ${nameless(argument, text)};${RETURN}return ${value};`
  }

  VariableDeclaration(node) {
    this.refuseAwaitUsing(node)
    const texts = node.declarations.map(({ id, init, toll }) => {
      const text = this.pattern(id)
      if (init === null) return text
      if (toll !== undefined) return `${text} = ${this.tolled({ ...init, toll })}`
      return `${text} = ${this.destructured(id, this.emit(init))}`
    })
    // the head of a for statement is not ended by a semicolon of its own
    const isHead = this.text[node.end - 1] !== ';'
    return `${node.kind} ${texts.join(', ')}${isHead ? '' : ';'}`
  }

  refuseAwaitUsing(node) {
    if (node.kind !== 'await using') return
    throw new Refusal(node, 'await using is not available: call the disposer in a finally block')
  }

  // ---- functions and classes

  FunctionDeclaration(node) {
    return this.function(node)
  }

  FunctionExpression(node) {
    return this.function(node)
  }

  ArrowFunctionExpression(node) {
    return this.function(node)
  }

  function(node) {
    const { type, id, async: isAsync, generator: isGenerator } = node
    const prefix = isAsync ? 'async ' : ''
    const isArrow = type === 'ArrowFunctionExpression'
    const { params, block } = this.code(node, !isArrow && !isAsync && !isGenerator)
    if (isArrow) return `${prefix}(${params}) => ${block}`
    const name = id === null ? '' : ` ${this.source(id)}`
    return `${prefix}function${isGenerator ? '*' : ''}${name}(${params}) ${block}`
  }

  /** The function of a method, accessor or constructor: its text begins with the parameters. */
  method(node, extra = 0) {
    const { params, block } = this.code(node, false, extra)
    return `(${params}) ${block}`
  }

  code(node, isConstructor, extra = 0) {
    const { body, levels, lists, search, hasForAwait } = node
    const { async: isAsync, generator: isGenerator } = node
    const isSuspendable = isAsync || isGenerator
    const fn = {
      levels,
      lists,
      search,
      hasForAwait,
      isSuspendable,
      isDirect: !isSuspendable && !node.returnsLate,
      isAsync,
      isAsyncGenerator: isAsync && isGenerator
    }
    let given
    let enter
    const { text, temps, handles } = this.within(fn, () => {
      enter = this.enterTest(node.cost + extra)
      given = isGenerator ? this.generatorParams(node) : this.params(node, declaredIn(node))
      const heir = isConstructor ? 'if (new.target) $mivm_heir(this);' : ''
      if (body.type !== 'BlockStatement') {
        return `${given.moved}${isAsync ? `return $mivmQ((${this.emit(body)}))` : this.directReturn(body)}`
      }
      const code = this.body(node, given.names)
      // parameters do not see what the body declares
      return `${heir}${given.moved === '' ? code : `${given.moved}{${code}}`}`
    })
    const directives =
      body.type === 'BlockStatement'
        ? body.body
            .filter((each) => isDirective(each) && !isGenerator)
            .map((each) => `${each.expression.raw};`)
        : []
    const size = handles ? this.size(text) : ''
    const entry = `${size}var $mivmd${temps};if (${enter}) $mivmT();`
    const price = this.prices.thrown + search + (isAsync ? this.prices.rejection : 0)
    const note = isAsync ? '$mivmN++;' : ''
    const thrown = `${note}$mivmX($mivme, ${this.failure(text)}, ${price})`
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
  body({ body, names }, moved) {
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
      const name = this.source(each.id)
      // as the value of a property it has its name, and no variable of that name of its own
      const key = JSON.stringify(each.id.name)
      return `var ${name} = {[${key}]: ${this.function({ ...each, id: null })}}[${key}];`
    })
    return hoisted.join('') + this.statements(statements.filter((each) => !isTaken(each)))
  }

  /**
   * Parameters whose evaluation may run code are evaluated in the body, where it is counted: in the order in which
   * they stand, from the first of them on. None has a value before its turn, unless the body declares one of its names
   * (`declared`) once more: that can only be done with `var`.
   */
  params({ params }, declared = new Set()) {
    if (params.every(isStill)) {
      return { params: params.map((param) => this.emit(param)).join(', '), moved: '', names: [] }
    }
    const kind = params.flatMap(namesIn).some(({ name }) => declared.has(name)) ? 'var' : 'let'
    const names = []
    let moved = ''
    const texts = params.map((param, i) => {
      const isBehind = moved !== '' && kind === 'let'
      if (isName(param) && !isBehind) return this.source(param)
      names.push(...namesIn(param).map(({ name }) => name))
      moved += `${kind} ${this.movedParam(param, `$mivmp${i}`)};`
      if (param.type === 'RestElement') return `...$mivmp${i}`
      // it still ends the count of the parameters that `length` of the function is
      return param.type === 'AssignmentPattern' ? `$mivmp${i} = void 0` : `$mivmp${i}`
    })
    return { params: texts.join(', '), moved, names }
  }

  /** `given`: what the caller has given for it. Without a declaration: an assignment for parentheses around it. */
  movedParam(param, given) {
    const pattern = param.type === 'RestElement' ? param.argument : param
    if (pattern.type !== 'AssignmentPattern') {
      return `${this.pattern(pattern)} = ${this.destructured(pattern, given)}`
    }
    const { left, right } = pattern
    const value = this.emit(right)
    if (left.type === 'Identifier' && isAnonymous(right)) {
      const name = this.source(left)
      // computed, for __proto__ would be no property of its own
      return `{${name} = ${value}} = {['${left.name}']: ${given}}`
    }
    const chosen = `(${given} === void 0 ? ${value} : ${given})`
    return `${this.pattern(left)} = ${this.destructured(left, chosen)}`
  }

  /**
   * Those of a generator are evaluated when it is called, and its body later. Their variables are parameters themselves,
   * which a function that one of them makes shares with the body.
   */
  generatorParams({ params, levels, head }) {
    const { closure, generator } = this.prices
    const dear = params.filter((each) => !isName(each)).length
    const pay = `$mivmG(${generator * levels + this.units(head + dear * closure)})`
    if (params.every(isStill) && params.at(-1)?.type !== 'RestElement') {
      const given = this.params({ params })
      // a property that no array has: so its default is evaluated, behind all that a caller can give
      const last = `...{$mivm = ${pay}}`
      return { ...given, params: params.length === 0 ? last : `${given.params}, ${last}` }
    }
    const given = params
      .filter(({ type }) => type !== 'RestElement')
      .map(({ type }, i) => {
        return type === 'AssignmentPattern' ? `$mivmp${i} = void 0` : `$mivmp${i}`
      })
    const turns = params.map((param, i) => this.generatorParam(param, i, levels))
    given.push(`...{$mivm = ${pay}, ${turns.join(', ')}}`)
    return { params: given.join(', '), moved: '', names: namesOf(params) }
  }

  /** A part of the pattern behind all of them, which gives it its value in its turn, and before that none. */
  generatorParam(param, i, levels) {
    const isRest = param.type === 'RestElement'
    const given = isRest ? `$mivmR(arguments, ${i})` : `$mivmp${i}`
    if (isName(param)) return `$mivm: ${this.source(isRest ? param.argument : param)} = ${given}`
    const evaluate = (emit) => {
      const { text, temps } = this.within({ levels: 1, isSuspendable: false }, emit)
      return this.evaluated(`() => {${declaration(temps)}${text}}`, text, levels)
    }
    const { left, right } = param
    if (left?.type === 'Identifier') {
      const value = evaluate(() => {
        const text = isAnonymous(right) ? this.named(left, right) : this.emit(right)
        return `return ${given} === void 0 ? ${text} : ${given}`
      })
      return `$mivm: ${this.source(left)} = ${value}`
    }
    const names = namesOf([param])
    if (!makesFunctions(param)) {
      // variables of its own, which have no value before their turn
      const list = `{${names.join(', ')}}`
      const value = evaluate(() => `let ${this.movedParam(param, given)};return ${list};`)
      return `$mivm: ${list} = ${value}`
    }
    // what it makes shares them with the body: they are there at once, and undefined
    const list = names.map((name) => `$mivm: ${name}, `)
    const value = evaluate(() => `(${this.movedParam(param, given)});`)
    return `${list.join('')}$mivm: $mivmq${i} = ${value}`
  }

  ClassDeclaration(node) {
    return this.class(node)
  }

  ClassExpression(node) {
    return this.class(node)
  }

  class({ id, superClass, body }) {
    const name = id === null ? '' : ` ${this.source(id)}`
    const heritage = superClass === null ? '' : ` extends ${this.heritage(superClass)}`
    const fields = body.body.filter((each) => each.type === 'PropertyDefinition' && !each.static)
    // fields without code of their own are paid for by one that has, or by the constructor
    // a constructor that this one extends may return a typed array
    if (superClass !== null) for (const each of fields) each.isElement = isElementField(each)
    const payer = fields.find((each) => each.value !== null && !isStillField(each))
    let rest = fields.filter((each) => each !== payer).reduce((sum, { cost }) => sum + cost, 0)
    const constructor = body.body.find((each) => each.kind === 'constructor')
    let members = ''
    if (constructor === undefined && superClass !== null && body.body.some(isOfInstances)) {
      members = this.heirConstructor(payer === undefined ? rest : 0)
      if (payer === undefined) rest = 0
    } else if (payer === undefined && constructor === undefined && rest > this.prices.branch) {
      members = `constructor() {${this.pay(rest)}}`
      rest = 0
    }
    for (const member of body.body) {
      if (member.static && isNamedByKey(member)) member.isRead = body.end - body.start
      if (member === payer) members += this.field(member, rest)
      else if (member === constructor) {
        members += this.member(member, payer === undefined ? rest : 0)
      } else members += this.member(member, 0)
      members += '\n'
    }
    return `class${name}${heritage} {${members}}`
  }

  /**
   * The constructor of a class that has none of its own and extends another one, where V8 runs one: it takes a level, and
   * hands on arguments, which take room on the stack once more.
   */
  heirConstructor(cost) {
    const { entry, thrown } = this.prices
    const { text: enter } = this.within({ levels: 1 }, () => this.enterTest(entry + cost))
    const text = 'super(...$mivmA($mivma));'
    const fail = `$mivmX($mivme, ${this.failure(text)}, ${thrown})`
    return `constructor(...$mivma) {var $mivmd;if (${enter}) $mivmT();try {${text}${RETURN}} catch ($mivme) {${RETURN}${fail}}}`
  }

  heritage(node) {
    const text = this.emit(node)
    return bare(node).raw === 'null' ? text : `$mivm_heritage(${text})`
  }

  member(member, extra) {
    if (member.type === 'StaticBlock') return this.emit(member)
    const { start, key, value, computed } = member
    const head = this.text.slice(start, key.start) + this.keyOf(member)
    if (member.type === 'MethodDefinition') {
      return head + this.text.slice(key.end, value.start) + this.method(value, extra)
    }
    if (value === null) return `${head}${computed ? ']' : ''};`
    const isOurs = member.static ? member.isRead === undefined : true
    if (isOurs && !isStillField(member)) {
      return member.static ? this.staticField(member) : this.field(member, 0)
    }
    return `${head}${this.text.slice(key.end, value.start)}${this.emit(value)};`
  }

  field({ start, key, value, computed, cost, levels, isElement = false }, extra) {
    const { text, temps } = this.within({ levels: 1, isSuspendable: false }, () => {
      const given = computed || !isAnonymous(value) ? this.emit(value) : this.named(key, value)
      if (!isElement) return given
      return `$mivm_element(this, ${given}${computed ? ', null' : isLength(key) ? ", 'length'" : ''})`
    })
    const head = this.text.slice(start, key.start) + this.name(key, computed)
    const evaluate = `() => {${declaration(temps)}${this.pay(cost + extra)}return ${text}}`
    return `${head}${this.text.slice(key.end, value.start)}${this.evaluated(evaluate, text, levels)};`
  }

  /** The key of a member. One that gives its name to a class is of V8's own function, where errors are paid for beforehand. */
  keyOf({ key, computed, isRead }) {
    const text = this.name(key, computed)
    if (isRead === undefined) return text
    return `($mivmG(${this.failure({ length: COMPILED * isRead })}), ${text})`
  }

  staticField({ start, key, value, computed, levels }) {
    const { text, temps } = this.within({ levels: 1, isSuspendable: false }, () => {
      return computed || !isAnonymous(value) ? this.emit(value) : this.named(key, value)
    })
    const head = this.text.slice(start, key.start) + this.name(key, computed)
    const evaluate = `() => {${declaration(temps)}return ${text}}`
    return `${head}${this.text.slice(key.end, value.start)}${this.evaluated(evaluate, text, levels)};`
  }

  /** A class that is the value of a property has its name. */
  named(key, value) {
    const sign = key.type === 'PrivateIdentifier' ? '#' : ''
    const name = JSON.stringify(`${sign}${key.name ?? key.value}`)
    return `({[${name}]: ${this.emit(value)}})[${name}]`
  }

  /** The value of a function of ours with this text of the contract's in it. */
  evaluated(evaluate, text, levels) {
    return `$mivmP(${evaluate}, ${this.failure(text)}, ${levels})`
  }

  Property(node) {
    const { start, end, key, value, computed, shorthand, method, kind } = node
    if (shorthand) return this.emit(value)
    const head = this.text.slice(start, key.start) + this.name(key, computed)
    const middle = this.text.slice(key.end, value.start)
    if (method || kind !== 'init') return head + middle + this.method(value)
    let text = this.emit(value)
    const isPrototype = !computed && (key.name ?? key.value) === '__proto__'
    if (isPrototype && bare(value).raw !== 'null') text = `$mivm_heir(${text})`
    return head + middle + text + this.text.slice(value.end, end)
  }
}

function namesOf(params) {
  return params.flatMap((param) => namesIn(param).map(({ name }) => name))
}

/** Whether a parameter has a function or a class in it. */
function makesFunctions(param) {
  const todo = [param]
  while (todo.length > 0) {
    const node = todo.pop()
    if (isFunction(node) || isClass(node)) return true
    todo.push(...childrenOf(node))
  }
  return false
}

/** What the body of a function declares with `var`, or as a function of its own. */
function declaredIn({ body, names }) {
  const declared = new Set(names)
  if (body.type !== 'BlockStatement') return declared
  for (const { type, id } of body.body) if (type === 'FunctionDeclaration') declared.add(id.name)
  return declared
}
