import { findNumbers, forChildren, namesIn } from './scopes.js'

/**
 * Compiles fuel and depth into the code of a contract. What is charged is a matter of the text alone: blocks by what
 * they hold, each time they are entered; operators whose work grows with their operands are handed to functions that
 * charge for it, unless the operands are known to be numbers.
 *
 * The compiled text is a function of one object, the meter of the realm (realm script metering.js): its property `f`
 * is the fuel that is left, `d` the depth of calls. No contract can name it, since names that begin as its name
 * does are refused.
 *
 * A call that has no fuel left cannot go on: every function, every turn of a loop, every catch and every finally
 * begins with a look at the meter, and an error that is thrown from there is thrown again by the next one.
 */

/** The names that are ours. */
export const RESERVED = '__mivm'

const METER = RESERVED
const DEPTH = `${RESERVED}_d`
const TEMPORARY = `${RESERVED}_t`

/** Levels of the syntax tree: deeper ones are refused, before any machine's stack would have a say. */
const NESTING_MAX = 600

/** Ends what a function's entry begins. */
const EXIT = `} finally { ${METER}.d = ${DEPTH} }`

/** The nodes that a branch may have without being charged on its own. */
const FOLDED_MAX = 30

/** Registers of a frame that one level of depth stands for. */
const FRAME_REGISTERS = 48

/**
 * The metered text for a source text and its tree. `costs`: `{ call, turn, node }`, in units; `tokens`: those of
 * acorn, in order. Throws `refuse(node, why)` for what cannot be metered.
 */
export function meter(text, program, tokens, costs, refuse) {
  const numbers = findNumbers(program)
  const edits = new Edits(text)
  const [{ expression: wrapper }] = program.body
  for (const token of tokens) {
    if (token.type.label === 'name' && token.value.startsWith(RESERVED)) {
      refuse(token, `names may not begin with ${RESERVED}; choose another`)
    }
  }
  const writer = new Writer(edits, tokens, numbers, costs, refuse)
  writer.functionBody(wrapper)
  return `(function (${METER}) { 'use strict'; return ${edits.apply()} })`
}

/** What the functions of the text hold while they are rewritten. */
class Frame {
  #base = null
  #nested = 0

  constructor(node) {
    this.node = node
    this.isAsync = node.async === true && node.generator !== true
    this.isGenerator = node.generator === true
    /** Generators are counted where they are resumed; a leaf calls nothing, whatever it is given. */
    this.isCounted =
      !this.isGenerator && (node.async === true || node.body === undefined || !isLeaf(node))
    this.temporaries = 0
    this.used = 0
    this.registers = 0
  }

  /** Every level of nesting may hold a register. */
  reach(nesting) {
    this.#base ??= nesting
    this.#nested = Math.max(this.#nested, nesting - this.#base)
  }

  /** A variable for what lives while the rest of an expression is evaluated. */
  take() {
    const name = `${TEMPORARY}${this.used++}`
    this.temporaries = Math.max(this.temporaries, this.used)
    return name
  }

  release(count) {
    this.used -= count
  }

  get declarations() {
    if (this.temporaries === 0) return ''
    const names = Array.from({ length: this.temporaries }, (_, i) => `${TEMPORARY}${i}`)
    return `let ${names.join(', ')};`
  }

  get weight() {
    return 1 + Math.floor((this.registers + this.temporaries + this.#nested) / FRAME_REGISTERS)
  }
}

class Writer {
  #edits
  #tokens
  #numbers
  #costs
  #refuse
  #counts = new Map()
  #frame = null
  #nesting = 0

  constructor(edits, tokens, numbers, costs, refuse) {
    this.#edits = edits
    this.#tokens = tokens
    this.#numbers = numbers
    this.#costs = costs
    this.#refuse = refuse
  }

  /** Meters a function, whatever it is written as. */
  functionBody(node) {
    const outer = this.#frame
    const frame = new Frame(node)
    this.#frame = frame
    for (const param of node.params) this.#parameter(param)
    const { body } = node
    const units = this.#weigh(this.#costs.call, body)
    const rests = node.params.flatMap(restsIn)
    const entry = { toString: () => this.#entry(frame, units, node) + paidFor(rests) }
    const exit = frame.isCounted ? EXIT : ''
    if (body.type === 'BlockStatement') {
      if (!frame.isGenerator) this.#checkNames(node, body)
      this.#body(body.start + 1, body.end - 1, body.body, entry, exit)
    } else {
      const arrow = this.#arrowBefore(body.start)
      this.#edits.before(arrow, { toString: () => `{${entry}return (` })
      this.#visit(body)
      this.#edits.after(node.end, `)${exit}}`)
    }
    this.#frame = outer
  }

  /** Statements between two places, with something before and behind them. */
  #body(start, end, statements, entry, exit) {
    if (start === end) {
      this.#edits.before(start, { toString: () => `${entry}${exit}` })
      return
    }
    this.#edits.before(start, entry)
    for (const each of statements) this.#visit(each)
    this.#edits.after(end, exit)
  }

  #entry(frame, units, node) {
    const { declarations } = frame
    if (!frame.isCounted) return `if ((${METER}.f -= ${units}) < 0) ${METER}.out();${declarations}`
    const isConstructor =
      node.type !== 'ArrowFunctionExpression' && !node.isMethod && !node.async && !node.generator
    const heir = isConstructor ? `new.target === undefined || ${METER}.heir(this);` : ''
    const check = `if ((${METER}.f -= ${units}) < 0 || (${METER}.d = ${DEPTH} + ${frame.weight}) > ${this.#costs.depth}) ${METER}.out();`
    // a call that awaits gives its depth back, and goes on from an empty stack
    const declare = frame.isAsync ? 'let' : 'const'
    return `${declare} ${DEPTH} = ${METER}.d; try { ${check}${declarations}${heir}`
  }

  /** In a block, a function and a variable of the same name are an error; at the top of a function they are not. */
  #checkNames(node, body) {
    const functions = new Map()
    for (const each of body.body) {
      if (each.type !== 'FunctionDeclaration') continue
      const earlier = functions.get(each.id.name)
      if (earlier !== undefined)
        this.#refuse(earlier, `${each.id.name} is declared twice; remove one`)
      functions.set(each.id.name, each)
    }
    for (const name of variablesOf(body)) {
      const declared = functions.get(name)
      if (declared !== undefined) {
        this.#refuse(
          declared,
          `${name} is declared twice, as a function and as a variable; rename one`
        )
      }
    }
    this.#frame.registers += node.params.length + body.body.length
  }

  /** Expressions among the parameters run before the body: each is a call of its own. */
  #parameter(pattern) {
    switch (pattern.type) {
      case 'AssignmentPattern':
        this.#parameter(pattern.left)
        this.#isolate(pattern.right)
        break
      case 'ArrayPattern':
        for (const each of pattern.elements) if (each !== null) this.#parameter(each)
        break
      case 'ObjectPattern':
        for (const each of pattern.properties) {
          if (each.type === 'RestElement') this.#parameter(each.argument)
          else {
            if (each.computed) this.#isolate(each.key)
            this.#parameter(each.value)
          }
        }
        break
      case 'RestElement':
        this.#parameter(pattern.argument)
        break
    }
  }

  /** Makes an expression outside of any body a function that is called where it stands. */
  #isolate(node) {
    if (isPlain(node)) return
    if (isNamed(node)) {
      this.#visit(node)
      return
    }
    const outer = this.#frame
    const frame = new Frame({ type: 'ArrowFunctionExpression' })
    this.#frame = frame
    const units = this.#weigh(this.#costs.call, node)
    const entry = { toString: () => this.#entry(frame, units, frame.node) }
    this.#edits.before(node.start, { toString: () => `(() => {${entry}return (` })
    this.#visit(node)
    this.#edits.after(node.end, `)${EXIT}})()`)
    this.#frame = outer
  }

  /** What a block costs each time it is entered, without what is charged where it is; `base` on top. */
  #weigh(base, ...nodes) {
    const count = nodes.reduce((sum, node) => sum + this.#nodes(node), 0)
    return Math.ceil(base + count * this.#costs.node)
  }

  #nodes(node) {
    const known = this.#counts.get(node)
    if (known !== undefined) return known
    let count = 1
    forChildren(node, (child) => {
      if (isFunction(child) || child.type === 'ClassBody') count += 2
      else if (!this.#isCharged(child, node)) count += this.#nodes(child)
    })
    this.#counts.set(node, count)
    return count
  }

  /** Whether a statement is charged when it is entered, rather than with what it is in. */
  #isCharged(child, parent) {
    if (isLoop(parent)) return child === parent.body
    if (parent.type === 'TryStatement') return child !== parent.block
    if (parent.type === 'IfStatement') {
      return child !== parent.test && this.#nodes(child) > FOLDED_MAX
    }
    return child.type === 'SwitchCase'
  }

  #visit(node) {
    if (++this.#nesting > NESTING_MAX) this.#refuse(node, 'the code nests too deeply')
    if (this.#frame !== null) this.#frame.reach(this.#nesting)
    this.#rewrite(node)
    this.#nesting--
  }

  /** What was left to the insertion of semicolons may end elsewhere now. */
  #end(node, rests) {
    const last = this.#edits.text[node.end - 1]
    const tail = `${last === ';' ? '' : ';'}${paidFor(rests)}`
    if (tail !== '') this.#edits.after(node.end, tail)
  }

  #children(node) {
    forChildren(node, (child) => this.#visit(child))
  }

  #rewrite(node) {
    switch (node.type) {
      case 'FunctionDeclaration':
      case 'FunctionExpression':
      case 'ArrowFunctionExpression':
        return this.functionBody(node)
      case 'MethodDefinition':
        node.value.isMethod = true
        return this.#children(node)
      case 'Property':
        if (node.method || node.kind !== 'init') node.value.isMethod = true
        return this.#children(node)
      case 'PropertyDefinition':
        if (node.computed) this.#visit(node.key)
        if (node.value !== null) this.#isolate(node.value)
        return
      case 'StaticBlock':
        return this.#staticBlock(node)
      case 'ClassDeclaration':
      case 'ClassExpression':
        if (node.superClass !== null) this.#pass(node.superClass, 'heritage')
        return this.#visit(node.body)
      case 'VariableDeclaration':
        this.#frame.registers += node.declarations.length
        this.#children(node)
        if (!node.isHead)
          this.#end(
            node,
            node.declarations.flatMap(({ id }) => restsIn(id))
          )
        return
      case 'VariableDeclarator':
        this.#visit(node.id)
        if (node.init !== null) this.#visit(node.init)
        return
      case 'ExpressionStatement':
      case 'ReturnStatement':
      case 'ThrowStatement':
      case 'BreakStatement':
      case 'ContinueStatement':
      case 'DebuggerStatement':
        this.#children(node)
        return this.#end(node, [])
      case 'ForStatement':
      case 'WhileStatement':
      case 'DoWhileStatement':
      case 'ForInStatement':
      case 'ForOfStatement':
        return this.#loop(node)
      case 'IfStatement':
        return this.#branches(node)
      case 'SwitchStatement':
        return this.#switch(node)
      case 'TryStatement':
        return this.#try(node)
      case 'BinaryExpression':
        return this.#binary(node)
      case 'UnaryExpression':
        return this.#unary(node)
      case 'UpdateExpression':
        return this.#update(node)
      case 'AssignmentExpression':
        return this.#assignment(node)
      case 'MemberExpression':
        this.#visit(node.object)
        if (node.computed) this.#key(node.property)
        return
      case 'TemplateLiteral':
        if (node.expressions.length === 0) return
        this.#edits.before(node.start, `${METER}.text(`)
        for (const each of node.expressions) this.#part(each)
        this.#edits.after(node.end, ')')
        return
      case 'TaggedTemplateExpression':
        this.#visit(node.tag)
        for (const each of node.quasi.expressions) this.#visit(each)
        return
      case 'CallExpression':
      case 'NewExpression':
        this.#visit(node.callee)
        this.#frame.registers += node.arguments.length
        for (const each of node.arguments) this.#spread(each, 'passed')
        return
      case 'ArrayExpression':
        for (const each of node.elements) if (each !== null) this.#spread(each, 'spread')
        return
      case 'ObjectExpression':
        for (const each of node.properties) {
          if (each.type === 'SpreadElement') this.#spread(each, 'copied')
          else if (isPrototype(each)) this.#pass(each.value, 'heir')
          else this.#visit(each)
        }
        return
      case 'AwaitExpression':
        return this.#suspend(node.argument)
      case 'YieldExpression':
        if (node.argument !== null) this.#visit(node.argument)
        return
      case 'ImportExpression':
        this.#refuse(node, 'import is not available: bundle the code into one file')
        return
      default:
        return this.#children(node)
    }
  }

  // ---- statements

  #staticBlock(node) {
    const outer = this.#frame
    const frame = new Frame({ type: 'ArrowFunctionExpression' })
    this.#frame = frame
    const units = this.#weigh(this.#costs.call, ...node.body)
    const brace = this.#tokenAt(node.start, (token) => token.type.label === '{')
    const entry = { toString: () => this.#entry(frame, units, frame.node) }
    this.#body(brace.end, node.end - 1, node.body, entry, EXIT)
    this.#frame = outer
  }

  #loop(node) {
    const { body } = node
    for (const key of ['init', 'left']) if (node[key]) node[key].isHead = true
    for (const key of ['init', 'test', 'update', 'left']) if (node[key]) this.#visit(node[key])
    if (node.type === 'ForInStatement') this.#pass(node.right, 'enumerated')
    else if (node.type === 'ForOfStatement' && node.await) this.#suspend(node.right)
    else if (node.type === 'ForOfStatement') this.#visit(node.right)
    const { left } = node
    const rests = left
      ? restsIn(left.type === 'VariableDeclaration' ? left.declarations[0].id : left)
      : []
    // the test and the update are evaluated at every turn
    const parts = [node.test, node.update, body].filter((each) => each)
    this.#block(body, this.#weigh(this.#costs.turn, ...parts), rests)
  }

  /** A statement with a charge at its beginning. */
  #block(node, units, rests = []) {
    const charge = `if ((${METER}.f -= ${units}) < 0) ${METER}.out();${paidFor(rests)}`
    if (node.type === 'BlockStatement') {
      this.#edits.before(node.start + 1, charge)
      for (const each of node.body) this.#visit(each)
    } else {
      this.#edits.before(node.start, `{${charge}`)
      this.#visit(node)
      this.#edits.after(node.end, '}')
    }
  }

  #branches(node) {
    this.#visit(node.test)
    for (const branch of [node.consequent, node.alternate]) {
      if (branch === null) continue
      if (this.#isCharged(branch, node)) this.#block(branch, this.#weigh(0, branch))
      else this.#visit(branch)
    }
  }

  #switch(node) {
    const open = node.cases.filter(({ test }) => test !== null && test.type !== 'Literal')
    if (open.length > 0) this.#pass(node.discriminant, 'compared', `, ${open.length}`)
    else this.#visit(node.discriminant)
    for (const each of node.cases) {
      if (each.test !== null) this.#visit(each.test)
      const [first] = each.consequent
      if (first !== undefined) {
        const units = this.#weigh(0, ...each.consequent)
        this.#edits.before(first.start, `if ((${METER}.f -= ${units}) < 0) ${METER}.out();`)
      }
      for (const one of each.consequent) this.#visit(one)
    }
  }

  #try({ block, handler, finalizer }) {
    this.#visit(block)
    if (handler !== null) {
      if (handler.param !== null) this.#visit(handler.param)
      const rests = handler.param === null ? [] : restsIn(handler.param)
      this.#block(handler.body, this.#weigh(1, handler.body), rests)
    }
    if (finalizer !== null) this.#block(finalizer, this.#weigh(1, finalizer))
  }

  // ---- operators

  #binary(node) {
    const { operator, left, right } = node
    const name = OPERATORS[operator]
    if (name === undefined || left.type === 'PrivateIdentifier') {
      if (operator === 'in' && left.type !== 'PrivateIdentifier') this.#key(left)
      else if (left.type !== 'PrivateIdentifier') this.#visit(left)
      return this.#visit(right)
    }
    if (this.#isCheap(operator, left, right)) {
      this.#visit(left)
      return this.#visit(right)
    }
    if (isSimple(left) && isSimple(right)) {
      const [a, b] = [left, right].map((each) => this.#edits.text.slice(each.start, each.end))
      this.#edits.before(node.start, `(${this.#choice(operator, a, b, left, right)})`)
      this.#edits.erase(node.start, node.end)
      return
    }
    const a = this.#frame.take()
    this.#edits.before(node.start, `(${a} = `)
    this.#frame.release(1)
    this.#visit(left)
    this.#frame.take()
    const token = this.#operatorAfter(left.end, operator)
    if (right.type === 'Literal') {
      // nothing runs between the two: the literal can be repeated
      this.#edits.erase(token.start, node.end)
      const b = this.#edits.text.slice(right.start, right.end)
      this.#edits.after(node.end, `, ${this.#choice(operator, a, b, left, right)})`)
      this.#frame.release(1)
      return
    }
    const b = this.#frame.take()
    this.#edits.replace(token, `, ${b} = `)
    this.#visit(right)
    this.#edits.after(node.end, `, ${this.#choice(operator, a, b, left, right)})`)
    this.#frame.release(2)
  }

  /** `a operator b`, or the function that does it where it may be work. */
  #choice(operator, a, b, left, right) {
    const name = OPERATORS[operator]
    const call = `${operator.startsWith('!') ? '!' : ''}${METER}.${name}(${a}, ${b})`
    if (operator === '**') return call
    const isNumber = [
      this.#numbers.isNumber(left) ? '' : `typeof ${a} === 'number'`,
      this.#numbers.isNumber(right) ? '' : `typeof ${b} === 'number'`
    ]
    if (EQUALITY.has(operator)) {
      return `typeof ${a} === 'string' || typeof ${a} === 'bigint'${LOOSE.has(operator) ? ` || typeof ${a} === 'object'` : ''} ? ${call} : ${a} ${operator} ${b}`
    }
    return `${isNumber.filter((each) => each !== '').join(' && ')} ? ${a} ${operator} ${b} : ${call}`
  }

  #isCheap(operator, left, right) {
    const { isNumber } = this.#numbers
    if (isNumber(left) && isNumber(right)) return true
    if (operator === '===' || operator === '!==') {
      return [left, right].some((each) => isNumber(each) || isShort(each))
    }
    if (operator === '==' || operator === '!=') return [left, right].some(isNull)
    return false
  }

  #unary(node) {
    const { operator, argument } = node
    const name = UNARY[operator]
    if (operator === 'delete' && argument.type === 'MemberExpression') {
      this.#visit(argument.object)
      if (argument.computed) this.#key(argument.property)
      return
    }
    if (name === undefined || this.#numbers.isNumber(argument)) return this.#visit(argument)
    const a = this.#frame.take()
    this.#frame.release(1)
    const token = this.#tokenAt(node.start, () => true)
    this.#edits.replace(token, `(${a} = `)
    this.#visit(argument)
    const plain = operator === '+' ? a : `${operator}${a}`
    this.#edits.after(node.end, `, typeof ${a} === 'number' ? ${plain} : ${METER}.${name}(${a}))`)
  }

  /** The step is made first, and paid for then: it is as much work as its result is long. */
  #update(node) {
    if (!this.#numbers.isNumber(node.argument)) this.#paidAfter(node)
    else this.#children(node)
  }

  #paidAfter(node) {
    const a = this.#frame.take()
    this.#frame.release(1)
    this.#edits.before(node.start, `(${a} = `)
    this.#children(node)
    this.#edits.after(node.end, `, typeof ${a} === 'number' ? ${a} : ${METER}.grown(${a}))`)
  }

  #assignment(node) {
    const { operator, left, right } = node
    if (operator === '=') {
      this.#visit(left)
      return this.#visit(right)
    }
    const binary = operator.slice(0, -1)
    if (OPERATORS[binary] === undefined || this.#isCheap(binary, left, right)) {
      this.#visit(left)
      return this.#visit(right)
    }
    if (left.type === 'Identifier') return this.#assignName(node, binary)
    if (left.object.type === 'Super') return this.#paidAfter(node)
    return this.#assignMember(node, binary)
  }

  /** `x += b` as `x = (a = x, b = …, …)`. */
  #assignName(node, binary) {
    const { left, right, operator } = node
    const a = this.#frame.take()
    const b = this.#frame.take()
    this.#visit(left)
    const token = this.#operatorAfter(left.end, operator)
    this.#edits.replace(token, `= (${a} = ${left.name}, ${b} = `)
    this.#visit(right)
    this.#edits.after(node.end, `, ${this.#choice(binary, a, b, left, right)})`)
    this.#frame.release(2)
  }

  /** `o.p += b` as `(o = …, k = …, a = o[k], b = …, o[k] = …)`. */
  #assignMember(node, binary) {
    const { left, right, operator } = node
    const { object, property, computed } = left
    const o = this.#frame.take()
    this.#edits.before(node.start, `(${o} = `)
    this.#visit(object)
    let member = `${o}.${this.#edits.text.slice(property.start, property.end)}`
    let taken = 1
    if (computed) {
      const k = this.#frame.take()
      taken++
      member = `${o}[${k}]`
      const bracket = this.#operatorAfter(object.end, '[')
      this.#edits.replace(bracket, `, ${k} = ${METER}.key(`)
      this.#visit(property)
      const close = this.#tokenBefore(left.end)
      this.#edits.replace(close, ')')
    } else {
      const dot = this.#operatorAfter(object.end, '.')
      this.#edits.erase(dot.start, property.end)
    }
    const a = this.#frame.take()
    const b = this.#frame.take()
    const token = this.#operatorAfter(left.end, operator)
    this.#edits.replace(token, `, ${a} = ${member}, ${b} = `)
    this.#visit(right)
    const value = this.#choice(binary, a, b, left, right)
    this.#edits.after(node.end, `, ${member} = ${value})`)
    this.#frame.release(taken + 2)
  }

  // ---- operands

  /** A property key: a number is one, everything else may be long. */
  #key(node) {
    if (this.#numbers.isNumber(node) || node.type === 'Literal') return this.#visit(node)
    if (node.type === 'Identifier') {
      this.#edits.before(
        node.start,
        `typeof ${node.name} === 'number' ? ${node.name} : ${METER}.key(`
      )
      this.#edits.after(node.end, ')')
      return
    }
    const a = this.#frame.take()
    this.#frame.release(1)
    this.#edits.before(node.start, `(${a} = (`)
    this.#visit(node)
    this.#edits.after(node.end, `), typeof ${a} === 'number' ? ${a} : ${METER}.key(${a}))`)
  }

  #part(node) {
    if (this.#numbers.isNumber(node)) return this.#visit(node)
    this.#pass(node, 'part')
  }

  #spread(node, name) {
    if (node.type !== 'SpreadElement') return this.#visit(node)
    this.#pass(node.argument, name)
  }

  /** Gives the value of an expression to a function of the meter, which gives it back. */
  #pass(node, name, more = '') {
    this.#edits.before(node.start, `${METER}.${name}((`)
    this.#visit(node)
    this.#edits.after(node.end, `)${more})`)
  }

  /** Before the call is suspended, its caller has its depth back; afterwards the stack is empty. */
  #suspend(node) {
    if (!this.#frame.isAsync) return this.#visit(node)
    this.#pass(node, 'awaited', `, ${METER}.d = ${DEPTH}, ${DEPTH} = 0`)
  }

  // ---- tokens

  #arrowBefore(position) {
    let index = this.#indexAt(position) - 1
    while (this.#tokens[index].type.label !== '=>') index--
    return this.#tokens[index].end
  }

  #operatorAfter(position, operator) {
    return this.#tokenAt(
      position,
      (token) =>
        this.#edits.text.startsWith(operator, token.start) &&
        token.end - token.start === operator.length
    )
  }

  #tokenAt(position, matches) {
    for (let index = this.#indexAt(position); index < this.#tokens.length; index++) {
      if (matches(this.#tokens[index])) return this.#tokens[index]
    }
    return null
  }

  #tokenBefore(position) {
    return this.#tokens[this.#indexAt(position) - 1] ?? null
  }

  /** Index of the first token that begins at a position or behind it. */
  #indexAt(position) {
    let low = 0
    let high = this.#tokens.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#tokens[middle].start < position) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Text with insertions: at one place, what ends there comes before what begins there. */
class Edits {
  text
  #before = new Map()
  #after = new Map()
  #erased = []

  constructor(text) {
    this.text = text
  }

  /** For what encloses: of several at one place, the first is the outermost. */
  before(position, text) {
    append(this.#before, position, text)
  }

  /** For the end of what `before` began: of several at one place, the last is the outermost. */
  after(position, text) {
    append(this.#after, position, text)
  }

  replace({ start, end }, text) {
    this.erase(start, end)
    append(this.#before, start, text)
  }

  erase(start, end) {
    this.#erased.push([start, end])
  }

  apply() {
    const places = new Set([0, this.text.length, ...this.#before.keys(), ...this.#after.keys()])
    for (const [start, end] of this.#erased) places.add(start).add(end)
    const sorted = [...places].sort((a, b) => a - b)
    const erased = new Map(this.#erased)
    let text = ''
    let skipTo = 0
    for (const [i, place] of sorted.entries()) {
      for (const each of this.#after.get(place) ?? []) text += each
      for (const each of this.#before.get(place) ?? []) text += each
      skipTo = Math.max(skipTo, erased.get(place) ?? 0)
      const next = sorted[i + 1] ?? place
      if (place >= skipTo) text += this.text.slice(place, next)
    }
    return text
  }
}

function append(map, position, text) {
  const list = map.get(position)
  if (list === undefined) map.set(position, [text])
  else list.push(text)
}

function isFunction({ type }) {
  return (
    type === 'FunctionDeclaration' ||
    type === 'FunctionExpression' ||
    type === 'ArrowFunctionExpression'
  )
}

function isLoop({ type }) {
  return LOOPS.has(type)
}

/** Can be written twice: evaluating it runs nothing and takes nothing. */
function isSimple({ type, value }) {
  return type === 'Identifier' || (type === 'Literal' && String(value).length < 32)
}

/** Whether a function runs nothing but itself: no calls, and nothing that may call an accessor or an iterator. */
function isLeaf(node) {
  if (node.params.some(({ type }) => type !== 'Identifier')) return false
  let leaf = true
  const visit = (each) => {
    if (isFunction(each) || !leaf) return
    if (!LEAVES.has(each.type)) leaf = false
    else if (each.type === 'BinaryExpression' && OPERATORS[each.operator] === undefined)
      leaf = false
    else if (each.type === 'VariableDeclarator' && each.id.type !== 'Identifier') leaf = false
    else if (each.type === 'AssignmentExpression' && each.left.type !== 'Identifier') leaf = false
    else forChildren(each, visit)
  }
  visit(node.body)
  return leaf
}

const LEAVES = new Set([
  'ArrayExpression',
  'AssignmentExpression',
  'BinaryExpression',
  'BlockStatement',
  'BreakStatement',
  'ConditionalExpression',
  'ContinueStatement',
  'EmptyStatement',
  'ExpressionStatement',
  'ForStatement',
  'Identifier',
  'IfStatement',
  'Literal',
  'LogicalExpression',
  'ReturnStatement',
  'SequenceExpression',
  'ThisExpression',
  'ThrowStatement',
  'UnaryExpression',
  'UpdateExpression',
  'VariableDeclaration',
  'VariableDeclarator',
  'WhileStatement'
])

/** Evaluating it runs nothing. */
function isPlain({ type, name }) {
  return (
    type === 'Literal' ||
    type === 'ThisExpression' ||
    (type === 'Identifier' && !name.startsWith(RESERVED))
  )
}

/** It has its name from where it stands, which it must stay at; evaluating it runs nothing, but for classes. */
function isNamed({ type, id, superClass, body }) {
  if (type === 'ClassExpression') {
    return id === null && superClass === null && body.body.every((each) => !each.computed)
  }
  return type === 'ArrowFunctionExpression' || (type === 'FunctionExpression' && id === null)
}

/** The names that a pattern gives the rest of something to: as much work as there is of it. */
function restsIn(pattern) {
  switch (pattern?.type) {
    case 'RestElement':
      return namesIn(pattern).map(({ name }) => name)
    case 'ArrayPattern':
      return pattern.elements.flatMap(restsIn)
    case 'ObjectPattern':
      return pattern.properties.flatMap((each) =>
        restsIn(each.type === 'Property' ? each.value : each)
      )
    case 'AssignmentPattern':
      return restsIn(pattern.left)
    default:
      return []
  }
}

function paidFor(rests) {
  return rests.map((name) => `${METER}.rest(${name});`).join('')
}

function isShort({ type, operator, value }) {
  if (type === 'UnaryExpression') return operator === 'typeof'
  return type === 'Literal' && typeof value === 'string' && value.length <= 512
}

function isNull({ type, value, name }) {
  return (type === 'Literal' && value === null) || (type === 'Identifier' && name === 'undefined')
}

function isPrototype({ type, key, computed, shorthand, method }) {
  if (type !== 'Property' || computed || shorthand || method) return false
  return key.name === '__proto__' || key.value === '__proto__'
}

/** Names that `var` declares in a function's body, functions inside left out. */
function variablesOf(body) {
  const names = new Set()
  const visit = (node) => {
    if (isFunction(node) || node.type === 'ClassBody') return
    if (node.type === 'VariableDeclaration' && node.kind === 'var') {
      for (const { id } of node.declarations) for (const { name } of namesIn(id)) names.add(name)
    }
    forChildren(node, visit)
  }
  visit(body)
  return names
}

const OPERATORS = {
  __proto__: null,
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
  '!=': 'equal',
  '===': 'same',
  '!==': 'same'
}

const UNARY = { __proto__: null, '-': 'negate', '+': 'positive', '~': 'bitNot' }
const EQUALITY = new Set(['==', '!=', '===', '!=='])
const LOOSE = new Set(['==', '!='])
const LOOPS = new Set([
  'ForStatement',
  'WhileStatement',
  'DoWhileStatement',
  'ForInStatement',
  'ForOfStatement'
])
