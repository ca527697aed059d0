import { COMPARISONS, hasSpread, isEasilyStored, isOrderedByText, mayBeElement } from './forms.js'
import { NESTING_MAX, TOO_DEEP } from './source.js'
import {
  bare,
  childrenOf,
  isClass,
  isFunction,
  isLoop,
  isNamedByKey,
  Refusal,
  TooDeep
} from './syntax.js'

/** Registers that a function may have for one level of depth: what 512 levels take of the stack depends on it. */
const FRAME = 64

/** Levels that no call has (protocol/limits.ts): a function that takes more could never be called. */
const LEVELS_MAX = 512

/** What a class counts for among {@link NESTING_MAX}: V8 takes several times as much of its stack to read one as for what else nests. */
const NESTED_CLASS = 4

/** Places that the function takes which V8 evaluates all static fields and blocks of a class in: it is not called by ours. */
const STATIC = 6

/**
 * Characters of all fields and static blocks of classes together, of which those inside of others count again: V8 reads what
 * is in one anew for each that it is inside of.
 */
const INITIALIZERS_MAX = 4 * 1024 * 1024

/**
 * The same for arrow functions: V8 reads all that is in one when it compiles it, those inside of it included, which it
 * compiles later and reads again then. Other functions it passes over.
 */
const ARROWS_MAX = 16 * 1024 * 1024

/**
 * The same for all that has names of its own: functions, classes, loops and blocks. For each name that is used, or declared with
 * `var`, the compiler and V8 look into those around it, one by one.
 */
const SCOPES_MAX = 64 * 1024 * 1024

/** Digits, and the letter behind them: of four bits each they are as many as a big integer may have, see prices.js. */
const DIGITS_MAX = 256 * 1024

/** What the parameters of an arrow function count for, on top: V8 takes the square of how deep these are in each other, for each. */
const NESTED_PARAMETERS = 16

const NO_EVAL = 'eval is not available: write the code out: what runs is what was deployed'

/** Names of one scope, and handlers of one function, up to which V8 takes no time for them that counts. */
const NAMES_FEW = 8
const HANDLERS_FEW = 16

/** An index as it is written out, and what is added to one, at most; what that comes to in a call (no other number is that). */
const INDEX_MAX = 2 ** 30
const ADDED_MAX = 8
const GROWN = 2 ** 31 - 0.5
const WORD_MAX = 2 ** 32 - 1

/** Templates with a tag of one code, up to which the same holds. */
const TAGGED_FEW = 16

/** Entries that V8 has in the table of handlers of a function for a `try`, a loop over an iterator, a pattern or `using`, at most. */
const HANDLERS = 3

/** Entries of that table that V8 goes through for a unit. */
const HANDLERS_UNIT = 32

/** Places that V8 keeps while it puts together an array, an object or a text, however many parts these have. */
const LITERAL = 2

/**
 * Notes in the nodes of a program what the meter has to know before it rewrites them:
 *
 * - `cost`: fuel for the body of a function, a turn of a loop, a field of an instance, a handler; `head`: for the parameters of
 *   a generator
 * - `toll`: fuel for a branch that is not small, to be paid where it is entered
 * - `variable`: what an identifier stands for, or null for a global; with what it may be, see {@link kindsOf}
 * - `names`: of a function, what `var` declares anywhere in it; `levels`: how many levels of depth it takes, or the
 *   evaluation of a field; `lists`: how many lists of variables V8 may go through for one; `search`: units for finding a handler in it; `returnsLate`: whether anything of the contract's may run between the value of a `return` and its end
 *
 * `prices` is the section `code` of prices.js.
 */
export function analyze(program, prices) {
  const analysis = new Analysis(prices, program.tagged)
  analysis.visit(program)
  analysis.settle()
}

/** What a value may be: a number, a boolean, null or undefined; a big integer; anything else. */
const PLAIN = 1
const BIG = 2
const ANY = 7

/** Whether a value can only be a number, a boolean, null or undefined. */
export function isPlain(node) {
  return (kindsOf(node) & ~PLAIN) === 0
}

/** Whether it can only be one of these, or a big integer: what an operator comes to that makes numbers of its operands. */
export function isNumeric(node) {
  return (kindsOf(node) & ~(PLAIN | BIG)) === 0
}

/** Whether it can only be a big integer. */
export function isBig(node) {
  return kindsOf(node) === BIG
}

/** All that it may be, as bits; none for what has no value, since it throws. */
function kindsOf(node, round = SETTLED) {
  if (node.round !== round) {
    node.round = round
    node.kinds = findKinds(node, round)
  }
  return node.kinds
}

function findKinds(node, round) {
  switch (node.type) {
    case 'Literal':
      if (node.bigint !== undefined) return BIG
      return node.raw === 'null' || PLAIN_TYPES.has(typeof node.value) ? PLAIN : ANY
    case 'ParenthesizedExpression':
      return kindsOf(node.expression, round)
    case 'Identifier':
      return node.variable?.kinds ?? ANY
    case 'UnaryExpression':
      if (node.operator === 'typeof') return ANY
      if (node.operator !== '-' && node.operator !== '~') return PLAIN
      return numericKinds(kindsOf(node.argument, round))
    case 'UpdateExpression':
      return numericKinds(kindsOf(node.argument, round))
    case 'BinaryExpression':
      return kindsOfResult(node.operator, node, round)
    case 'AssignmentExpression':
      if (node.operator === '=') return kindsOf(node.right, round)
      if (LOGICAL.has(node.operator)) return kindsOf(node.left, round) | kindsOf(node.right, round)
      return kindsOfResult(node.operator.slice(0, -1), node, round)
    case 'ConditionalExpression':
      return kindsOf(node.consequent, round) | kindsOf(node.alternate, round)
    case 'LogicalExpression':
      return kindsOf(node.left, round) | kindsOf(node.right, round)
    case 'SequenceExpression':
      return kindsOf(node.expressions.at(-1), round)
    case 'CallExpression':
      if (node.callee.type === 'Identifier') return node.callee.variable?.returned?.kinds ?? ANY
      return isOfMath(node.callee) && /^[a-z]/.test(node.callee.property.name) ? PLAIN : ANY
    case 'MemberExpression':
      return isOfMath(node) && /^[A-Z]/.test(node.property.name) ? PLAIN : ANY
    default:
      return ANY
  }
}

/** Of an operator that makes numbers, or big integers, of both: the two do not mix. */
function kindsOfResult(operator, { left, right }, round) {
  if (operator !== '+' && !ARITHMETIC.has(operator)) return PLAIN // a comparison, or >>>
  const first = kindsOf(left, round)
  const second = kindsOf(right, round)
  if (operator === '+' && (first | second) > (PLAIN | BIG)) return ANY
  return numericKinds(first) & numericKinds(second)
}

function numericKinds(kinds) {
  return kinds > (PLAIN | BIG) ? PLAIN | BIG : kinds
}

/** Whether a value can only be a whole number of 32 bits that is not below zero, and so a key that V8 makes no text of. */
export function isIndex(node) {
  return mostOf(node) < Infinity
}

/** Where it is a whole number that is not below zero: no more than this, which has 32 bits. */
function mostOf(node, round = SETTLED) {
  if (node.mostRound !== round) {
    node.mostRound = round
    node.most = findMost(node, round)
  }
  return node.most
}

function findMost(node, round) {
  switch (node.type) {
    case 'Literal':
      return isWhole(node, INDEX_MAX) ? node.value : Infinity
    case 'ParenthesizedExpression':
      return mostOf(node.expression, round)
    case 'Identifier':
      return node.variable !== null && isPlain(node) ? node.variable.most : Infinity
    case 'UpdateExpression':
      return node.operator === '++' ? grown(mostOf(node.argument, round), 1) : Infinity
    case 'BinaryExpression':
      return mostOfResult(node.operator, node, round)
    case 'AssignmentExpression':
      if (node.operator === '=') return mostOf(node.right, round)
      if (LOGICAL.has(node.operator)) return mostOfBoth(node.left, node.right, round)
      return mostOfResult(node.operator.slice(0, -1), node, round)
    case 'ConditionalExpression':
      return mostOfBoth(node.consequent, node.alternate, round)
    case 'LogicalExpression':
      return mostOfBoth(node.left, node.right, round)
    case 'SequenceExpression':
      return mostOf(node.expressions.at(-1), round)
    default:
      return Infinity
  }
}

function mostOfBoth(first, second, round) {
  return Math.max(mostOf(first, round), mostOf(second, round))
}

function mostOfResult(operator, { left, right }, round) {
  if (operator === '>>>') return WORD_MAX >>> (isWhole(right, 31) ? right.value : 0)
  const first = mostOf(left, round)
  const second = mostOf(right, round)
  const least = Math.min(first, second)
  if (operator === '*') return limited(first * second)
  if (operator === '%') return Math.max(first, second) === Infinity ? Infinity : least
  if (operator === '&') return least > INDEX_MAX ? Infinity : least
  if (operator !== '+') return Infinity
  if (isWhole(right, ADDED_MAX)) return grown(first, right.value)
  return isWhole(left, ADDED_MAX) ? grown(second, left.value) : limited(first + second)
}

/** No fuel is enough to get beyond it with what is added so. */
function grown(most, added) {
  return most <= INDEX_MAX || most === GROWN ? GROWN : limited(most + added)
}

function limited(most) {
  return most <= WORD_MAX ? most : Infinity
}

/**
 * How many turns a loop has, at most, where that is known: `for (let i = 0; i < 16; i++)`, where nothing else changes the
 * variable. Null where it is not.
 */
export function turnsOf({ counter = null, test, update }) {
  if (counter === null) return null
  const first = valueOf(counter.init)
  const last = valueOf(test.right)
  const step = update.type === 'UpdateExpression' ? 1 : valueOf(update.right)
  if (first === null || last === null || step === null || step === 0) return null
  const turns = Math.ceil((last - first + (test.operator === '<=' ? 1 : 0)) / step)
  return Math.max(turns, 0)
}

/** A whole number that is written out, here or for a variable that is nothing else. */
function valueOf(node) {
  if (node.type === 'Identifier') {
    const { assigned = 0, only = null } = node.variable ?? {}
    return assigned === 1 && only !== null && isWhole(only, INDEX_MAX) ? only.value : null
  }
  return isWhole(node, INDEX_MAX) ? node.value : null
}

function isWhole({ type, value }, most) {
  return type === 'Literal' && Number.isInteger(value) && value >= 0 && value <= most
}

/** Math is frozen, and all that is on it are numbers and functions that return numbers. */
export function isOfMath({ type, computed, object, property }) {
  if (type !== 'MemberExpression' || computed) return false
  return object.type === 'Identifier' && object.variable === null && object.name === 'Math'
    ? MATH.has(property.name)
    : false
}

/** What has no value. */
const NOTHING = { type: 'UnaryExpression', operator: 'void' }
const PLAIN_TYPES = new Set(['number', 'boolean'])
const METHODS = new Set(
  'at charAt charCodeAt codePointAt pop push slice substr substring'.split(' ')
)
const ARITHMETIC = new Set(['-', '*', '/', '%', '**', '<<', '>>', '&', '|', '^'])
const LOGICAL = new Set(['&&=', '||=', '??='])
const COMPUTED = new Set([...ARITHMETIC, '+', '>>>'].map((operator) => `${operator}=`))
const MATH = new Set(
  Object.getOwnPropertyNames(Math).filter((name) => !Object.hasOwn(Object.prototype, name))
)

class Analysis {
  #prices
  #scope = newScope(null, null, true)
  /** All of them, each behind the one that it is in. */
  #scopes = []
  #nesting = 0
  /** What is alive while a part of an expression is evaluated, at most. */
  #alive = 0
  /** Loops over iterators, and blocks with a `finally`, around this place in its function. */
  #closing = 0
  #initializers = 0
  #arrows = 0
  #enclosed = 0
  /** Whether this place is in a field, a static part of a class or a parameter of a generator: the meter makes functions of them. */
  #isEvaluated = false
  /** For a template with a tag: V8 looks for it among all that the code has. */
  #template = 0
  /** `[identifier, scope, isEvaluated]`: a name may be declared behind its use. */
  #uses = []
  /** `[identifier, expression]`, null for a value that nobody knows. */
  #values = []
  /** `for` statements that may have a number of turns that is known. */
  #loops = []
  /** `[function, identifier]`: what it is the value of, or null. */
  #functions = []

  constructor(prices, tagged) {
    this.#prices = prices
    this.#template = Math.max(0, tagged - TAGGED_FEW) * prices.template
  }

  /** Notes what is in a node, and returns what it adds to the cost of the straight code around it. */
  visit(node) {
    const levels = isClass(node) ? NESTED_CLASS : 1
    this.#nesting += levels
    if (this.#nesting > NESTING_MAX) throw new TooDeep(node, TOO_DEEP)
    const cost = this.#visit(node)
    this.#nesting -= levels
    return cost
  }

  #visit(node) {
    if (isFunction(node)) return this.#function(node)
    if (isLoop(node)) return this.#loop(node)
    if (isClass(node)) return this.#class(node)
    const price = this.#prices[node.type] ?? this.#prices.other
    switch (node.type) {
      case 'Literal':
        if (typeof node.value === 'bigint' && node.raw.length > DIGITS_MAX) {
          throw new Refusal(
            node,
            `a big integer that is written out may have ${DIGITS_MAX - 1} digits, and this one has ${node.raw.length - 1}: compute it`
          )
        }
        return node.regex === undefined ? price : this.#prices.pattern
      case 'Identifier':
        if (node.name === 'eval') throw new Refusal(node, NO_EVAL)
        this.#uses.push([node, this.#scope, this.#isEvaluated])
        if (node.name === 'arguments') this.#keepOwn()
        return price
      case 'ThisExpression':
      case 'Super':
      case 'MetaProperty':
        this.#keepOwn()
        return price
      case 'ImportExpression':
        throw new Refusal(node, 'import is not available: bundle the code into one file')
      case 'StaticBlock':
        this.#enclose(node)
        return price + this.#within(this.#scope.fn, () => this.#each(node.body), true)
      case 'Program':
      case 'BlockStatement':
        this.#enclose(node)
        return price + this.#within(this.#scope.fn, () => this.#each(node.body))
      case 'VariableDeclaration':
        return price + this.#declaration(node)
      case 'TryStatement':
        this.#handles()
        return price + this.#try(node)
      case 'ArrayPattern':
        this.#handles()
        return price + this.#steps(node) + this.#all(childrenOf(node))
      case 'IfStatement':
      case 'ConditionalExpression':
        return price + this.visit(node.test) + this.#either(node.consequent, node.alternate)
      case 'LogicalExpression':
        return price + this.visit(node.left) + this.#branch(node.right)
      case 'SwitchStatement':
        this.#enclose(node)
        return price + this.#switch(node)
      case 'BinaryExpression':
        return (
          price + this.#remainder(node) + this.#order(node) + this.#all([node.left, node.right])
        )
      case 'AssignmentExpression':
        this.#assign(node.left, node)
        return (
          price + this.#remainder(node) + this.#stored(node) + this.#all([node.left, node.right])
        )
      case 'UpdateExpression':
        this.#assign(node.argument, node)
        return price + this.visit(node.argument)
      case 'CallExpression':
        node.callee.call = node
        return price + this.#method(node.callee) + this.#all(childrenOf(node))
      case 'MemberExpression':
        return price + this.#key(node, node.property) + this.visit(node.object)
      case 'Property':
        if (node.shorthand) return price + this.visit(node.value)
        if (node.method || node.kind !== 'init') node.value.isMethod = true
        return price + this.#made(node) + this.#key(node, node.key) + this.visit(node.value)
      case 'LabeledStatement':
        return price + this.visit(node.body)
      case 'BreakStatement':
      case 'ContinueStatement':
        return price
      case 'ReturnStatement':
        if (this.#closing > 0) this.#scope.fn.returnsLate = true
        this.#scope.fn.returns.push(node.argument ?? NOTHING)
        return price + this.#all(childrenOf(node))
      case 'TaggedTemplateExpression':
        node.quasi.isTagged = true
        return price + this.#template + this.#all(childrenOf(node))
      case 'TemplateLiteral':
        if (node.isTagged) return price + this.#all(node.expressions)
        return price + this.#each(node.expressions, LITERAL)
      case 'ArrayExpression':
        return price + this.#holes(node) + this.#each(childrenOf(node), LITERAL)
      case 'ObjectExpression':
        return price + this.#each(childrenOf(node), LITERAL)
      case 'SequenceExpression':
        return price + this.#each(node.expressions)
      default:
        return price + this.#all(childrenOf(node))
    }
  }

  /** Resolves names, and finds out which variables are plain, or indices: those that are only assigned what is. */
  settle() {
    for (const [node, scope, isEvaluated] of this.#uses) {
      if (node.name.startsWith(RESERVED)) {
        throw new Refusal(
          node,
          `names that begin with ${RESERVED} are the VM's own: give it another name`
        )
      }
      node.variable = find(scope, node.name)
      this.#called(node)
      const own = node.variable?.scope
      if (own !== undefined && (isEvaluated || own.fn !== scope.fn)) own.isKept = true
    }
    for (const scope of this.#scopes) {
      const { parent, fn, isKept } = scope
      scope.lists = parent.lists + (isKept ? 1 : 0)
      if (fn !== null && scope.lists > fn.lists) fn.lists = scope.lists
    }
    this.#give()
    // variables are what they are assigned
    this.#pass((variable, value, pass) => {
      if (variable.kinds === ANY) return false
      const kinds = variable.kinds | (value === null ? ANY : kindsOf(value, pass))
      if (kinds === variable.kinds) return false
      variable.kinds = kinds
      return true
    })
    this.#pass((variable, value, pass) => {
      if (variable.most === Infinity) return false
      const most = value === null ? Infinity : mostOfAssigned(variable, value, pass)
      if (most <= variable.most) return false
      variable.most = most
      return true
    })
  }

  /** Notes who calls a function, and that a function which is used in any other way may be called by anybody. */
  #called({ variable, call, isDeclared = false }) {
    if (variable === null || isDeclared) return
    if (call === undefined || hasSpread(call)) variable.calls = null
    else variable.calls?.push(call)
  }

  /** Parameters are assigned what all callers give, and what a function returns is a variable, where these are known. */
  #give() {
    for (const [{ variable }, value] of this.#values) {
      if (variable === null) continue
      variable.assigned++
      variable.only = value
    }
    for (const node of this.#loops) this.#count(node)
    for (const [node, id] of this.#functions) {
      const { params, async: isAsync, generator: isGenerator } = node
      const variable = id?.variable
      const isKnown = variable?.assigned === 1 && variable.calls !== null
      const isOwn = isKnown && !isAsync && !isGenerator
      if (isOwn) {
        node.variable = variable.returned = newVariable(null)
        for (const value of node.returns) this.#values.push([node, value])
      }
      const calls = isOwn ? variable.calls : [{ arguments: params.map(() => null) }]
      let fewest = params.length
      for (const { arguments: given } of calls) {
        fewest = Math.min(fewest, given.length)
        given.forEach((value, i) => {
          this.#given(params[i], value)
        })
      }
      for (const param of params.slice(fewest)) this.#given(param, NOTHING)
    }
  }

  /** Notes the variable of a loop that only its head changes, and only behind a turn. */
  #count(node) {
    const { init, test, update } = node
    const counter = init.declarations.find(({ id }) => id.variable === test.left.variable)
    const target = update.type === 'UpdateExpression' ? update.argument : update.left
    if (counter === undefined || counter.init === null || counter.id.type !== 'Identifier') return
    const { variable } = counter.id
    if (variable.assigned !== 2 || target.variable !== variable) return
    node.counter = counter
    variable.loop = node
  }

  /** Those that are no plain names are unknown already. */
  #given(param, value) {
    if (param?.type === 'Identifier') this.#values.push([param, value])
  }

  /** Goes through all assignments until nothing changes any more: `update` says whether it has changed a variable. */
  #pass(update) {
    for (let pass = 0, changed = true; changed; pass++) {
      changed = false
      for (const [{ variable }, value] of this.#values) {
        if (variable === null) continue
        // a long chain of variables would take as many passes: it is given up
        const isKnown = pass < PASSES || value?.type === 'Literal'
        if (update(variable, isKnown ? value : null, pass)) changed = true
      }
    }
  }

  /** Nodes whose values are kept until the last one is there: operands, arguments. */
  #all(nodes) {
    return this.#each(nodes, nodes.length)
  }

  /** Nodes that are evaluated one after the other, while no more than `kept` places are. */
  #each(nodes, kept = 1) {
    this.#keep(kept)
    let cost = 0
    for (const node of nodes) cost += this.visit(node)
    this.#keep(-kept)
    return cost
  }

  #keep(places) {
    const { fn } = this.#scope
    this.#alive += places
    if (fn !== null && this.#alive > fn.alive) fn.alive = this.#alive
  }

  /** What is called so may be one of the builtins that take long and charge nothing, see nesting.js. */
  #method(callee) {
    const { type, property, computed } = bare(callee)
    if (type !== 'MemberExpression') return 0
    return METHODS.has(computed ? property.value : property.name) ? this.#prices.method : 0
  }

  #steps({ elements }) {
    return elements.length * this.#prices.element
  }

  /** Elements that are left out: V8 makes room for them as for any. */
  #holes({ elements }) {
    return elements.filter((each) => each === null).length * this.#prices.other
  }

  #remainder({ operator }) {
    return operator === '%' || operator === '%=' ? this.#prices.remainder : 0
  }

  /** The meter compares these without a look at how long the text is. */
  #order({ operator, left, right }) {
    return COMPARISONS.has(operator) && isOrderedByText(left, right) ? this.#prices.order : 0
  }

  /** The meter looks at what is stored, unless its form says that it is easy to make a number of. */
  #stored({ operator, left, right }) {
    const isLooked = COMPUTED.has(operator) ? operator === '+=' : !isEasilyStored(right)
    return isLooked && mayBeElement(bare(left)) ? this.#prices.stored : 0
  }

  /** A property of a literal, with a key that V8 has to look for. */
  #made({ computed }) {
    return computed ? this.#prices.computed : 0
  }

  /** V8 goes through all handlers of a function for each error in it; and again where something around it is closed. */
  #handles() {
    const { fn } = this.#scope
    if (fn === null) return
    fn.handlers += HANDLERS
    if (this.#closing > fn.closing) fn.closing = this.#closing
  }

  /** What V8 makes room for, and clears, wherever so many names are declared at once. */
  #names(count) {
    return count <= NAMES_FEW ? 0 : (count - NAMES_FEW) * this.#prices.name
  }

  /** A name behind a dot or before a colon is no variable. */
  #key({ computed }, key) {
    return computed ? this.visit(key) : 0
  }

  /** Code that may be passed over: a small piece is paid for in any case, which is cheaper than asking. */
  #branch(node) {
    if (node === null) return 0
    const cost = this.visit(node)
    if (cost <= this.#prices.branch) return cost
    node.toll = cost
    return 0
  }

  /** Of two small ones, the dearer one is paid for. */
  #either(consequent, alternate) {
    if (alternate === null) return this.#branch(consequent)
    return Math.max(this.#branch(consequent), this.#branch(alternate))
  }

  /** `isFunction`: whether it is where a `var` inside of it is declared. */
  #within(fn, visit, isFunction = fn !== this.#scope.fn) {
    const parent = this.#scope
    this.#scope = newScope(parent, fn, isFunction)
    this.#scopes.push(this.#scope)
    const cost = visit()
    this.#scope = parent
    return cost
  }

  /** `kinds`: what it is before it is assigned anything. */
  #declare(name, scope = this.#scope, kinds = 0) {
    if (scope.variables.has(name)) return
    scope.variables.set(name, newVariable(scope, kinds))
    if (scope.fn !== null) scope.fn.locals++
  }

  /** Whether a name that the body of a function declares is one of its parameters. */
  #isParameter(name, scope = this.#scope) {
    return scope.parent?.body === scope && scope.parent.variables.has(name)
  }

  /** Notes that an arrow function may see what the function around it has: `this` and its like. */
  #keepOwn() {
    let { fn } = this.#scope
    const isOwn = fn?.type !== 'ArrowFunctionExpression' && !this.#isEvaluated
    while (fn?.type === 'ArrowFunctionExpression') fn = fn.outer
    if (fn !== null && !isOwn) fn.own.isKept = true
  }

  /** Visits what the meter makes a function of. */
  #evaluate(visit) {
    const before = this.#isEvaluated
    this.#isEvaluated = true
    const cost = visit()
    this.#isEvaluated = before
    return cost
  }

  /** What it is given is known later. */
  #declareParam({ name }) {
    this.#declare(name)
    this.#scope.variables.get(name).assigned++
  }

  /** A name for something that is no plain value, or of which nothing is known. */
  #declareUnknown(pattern) {
    for (const identifier of namesIn(pattern)) {
      this.#declare(identifier.name)
      this.#values.push([identifier, null])
    }
  }

  #name(id) {
    if (id === null) return
    this.#declareUnknown(id)
    this.visit(id)
  }

  #function(node) {
    const { id, params, body, type } = node
    const isArrow = type === 'ArrowFunctionExpression'
    this.#enclose(node)
    if (isArrow) this.#arrow(node)
    if (type === 'FunctionDeclaration') {
      id.isDeclared = true
      this.#name(id)
      // one that has the name of a parameter may be called by what is in the parameters
      if (!this.#isParameter(id.name)) node.givenTo = id
    }
    // one that has a name of its own may be called by that
    this.#functions.push([node, type === 'FunctionExpression' && id !== null ? null : node.givenTo])
    node.returns = body.type === 'BlockStatement' ? [NOTHING] : [body]
    Object.assign(node, { names: new Set(), locals: params.length, alive: 0, lists: 0 })
    const isEvaluated = this.#isEvaluated
    this.#isEvaluated = false
    node.outer = this.#scope.fn
    Object.assign(node, { hasForAwait: false, returnsLate: false, handlers: 0, closing: 0 })
    const [alive, closing] = [this.#alive, this.#closing]
    this.#alive = 0
    this.#closing = 0
    this.#within(node, () => {
      node.own = this.#scope
      if (type === 'FunctionExpression') this.#name(id)
      for (const param of params) {
        if (param.type === 'Identifier') this.#declareParam(param)
        else this.#declareUnknown(param)
      }
      const head = this.#head(node)
      node.cost = this.#prices.entry
      // those of a generator are evaluated when it is called, and its body may never be entered
      if (node.generator) node.head = head
      else node.cost += head
      const outside = this.#scope
      node.cost += this.#within(
        node,
        () => {
          outside.body = this.#scope
          return body.type === 'BlockStatement' ? this.#each(body.body) : this.visit(body)
        },
        true
      )
    })
    this.#alive = alive
    this.#closing = closing
    this.#isEvaluated = isEvaluated
    node.levels = levelsOf(node, node)
    node.search = searchOf(node)
    // those that it declares may be in branches that it never enters
    node.cost += this.#names(node.names.size)
    node.cost += this.#frameOf(node)
    // its frame is kept while it is suspended
    if (node.async || node.generator) node.cost += this.#prices.suspendable * node.levels
    return hasPrototype(node) ? this.#prices.constructor : this.#prices.closure
  }

  /** V8 clears all places of a function wherever it is entered. */
  #frameOf({ levels }) {
    return (levels - 1) * this.#prices.level
  }

  #arrow(node) {
    this.#arrows += node.end - node.start
    if (this.#arrows <= ARROWS_MAX) return
    throw new Refusal(
      node,
      'arrow functions are inside of each other with too much code: make functions of what is in them'
    )
  }

  #enclose(node) {
    this.#enclosed += node.end - node.start
    if (this.#enclosed <= SCOPES_MAX) return
    throw new Refusal(
      node,
      'blocks, loops, functions and classes are inside of each other with too much code: make functions of what is in them, beside them'
    )
  }

  #head({ type, params, generator }) {
    if (generator) return this.#evaluate(() => this.#all(params))
    if (type !== 'ArrowFunctionExpression') return this.#all(params)
    this.#nesting += NESTED_PARAMETERS
    const cost = this.#all(params)
    this.#nesting -= NESTED_PARAMETERS
    return cost
  }

  #loop(node) {
    this.#enclose(node)
    return this.#within(this.#scope.fn, () => {
      const { type, body, test = null } = node
      if (isCounting(node)) this.#loops.push(node)
      let before = this.#prices.loop
      node.cost = this.#prices.turn
      if (type === 'ForStatement') {
        if (node.init !== null) before += this.visit(node.init)
        // each turn has variables of its own
        if (node.init !== null) node.cost += this.#names(declaredBy(node.init))
        if (node.update !== null) node.cost += this.visit(node.update)
      } else if (type === 'ForOfStatement' || type === 'ForInStatement') {
        if (type === 'ForOfStatement') this.#handles()
        if (node.await === true) this.#handles()
        before += this.#right(node)
        if (type === 'ForOfStatement') before += this.#prices.iteration
        node.cost += this.#prices.step + this.#left(node.left)
        if (node.await === true) {
          node.cost += this.#prices.AwaitExpression
          this.#scope.fn.hasForAwait = true
        }
      }
      if (test !== null) {
        const cost = this.visit(test)
        node.cost += cost
        // once more than there are turns
        if (type !== 'DoWhileStatement') before += cost
      }
      const visit = () => this.visit(body)
      node.cost += type === 'ForOfStatement' ? this.#closed(visit) : visit()
      return before
    })
  }

  /** What a loop goes through may be evaluated outside of what a pattern declares in every turn, see the meter. */
  #right({ left, right }) {
    const isName =
      left.type === 'VariableDeclaration' && left.declarations[0].id.type === 'Identifier'
    if (isName) return this.visit(right)
    const loop = this.#scope
    this.#scope = loop.parent
    const cost = this.#within(loop.fn, () => {
      this.#scope.body = loop
      return this.visit(right)
    })
    this.#scope = loop
    return cost
  }

  /** Visits what a `return` leaves not before code of the contract has run. */
  #closed(visit) {
    this.#closing++
    const cost = visit()
    this.#closing--
    return cost
  }

  /** What a loop over something assigns in every turn. */
  #left(left) {
    const isDeclared = left.type === 'VariableDeclaration'
    const cost = isDeclared ? this.#declaration(left) : this.visit(left)
    this.#assign(isDeclared ? left.declarations[0].id : left, null)
    return cost
  }

  #class(node) {
    const { id, superClass, body } = node
    this.#enclose(node)
    if (node.type === 'ClassDeclaration') this.#name(id)
    return this.#within(this.#scope.fn, () => {
      // private names are variables of a kind
      this.#scope.isKept = body.body.some(({ key }) => key?.type === 'PrivateIdentifier')
      if (node.type === 'ClassExpression') this.#name(id)
      let cost = this.#prices.class
      let kept = 0
      if (superClass !== null) cost += this.visit(superClass)
      for (const member of body.body) {
        cost += this.#prices.member
        if (member.type === 'StaticBlock') {
          cost += this.#static(member, member)
          continue
        }
        cost += this.#key(member, member.key)
        if (member.type === 'MethodDefinition') member.value.isMethod = true
        // V8 keeps the functions and the computed keys of all members until the last one is there
        if (member.type === 'MethodDefinition' || member.computed) {
          this.#keep(1)
          kept++
        }
        if (member.type === 'PropertyDefinition' && !member.static) this.#field(member)
        else if (member.type === 'PropertyDefinition') cost += this.#static(member, member.value)
        else cost += this.visit(member.value)
      }
      this.#keep(-kept)
      return cost
    })
  }

  /** A static block, or the value of a static field: the meter makes a function of it. */
  #static(member, node) {
    if (node === null) return 0
    this.#initializer(node)
    const { fn } = this.#scope
    const { locals, alive: most, handlers, closing: deepest } = fn
    const [alive, closing] = [this.#alive, this.#closing]
    Object.assign(fn, { locals: 0, alive: 0, handlers: 0, closing: 0 })
    this.#alive = 0
    this.#closing = 0
    const cost = this.#evaluate(() => this.visit(node))
    member.levels = levelsOf(member, fn)
    member.search = searchOf(fn)
    // one that V8 evaluates itself, see the meter
    const places = STATIC + (isNamedByKey(member) ? fn.alive : 0)
    Object.assign(fn, { locals, alive: most, handlers, closing: deepest })
    this.#alive = alive
    this.#closing = closing
    this.#keep(places)
    this.#keep(-places)
    return cost + this.#frameOf(member)
  }

  /** A field is evaluated whenever there is a new instance, in a function of its own. */
  #field(field) {
    if (field.value !== null) this.#initializer(field.value)
    const { fn } = this.#scope
    const [alive, most] = [this.#alive, fn.alive]
    this.#alive = fn.alive = 0
    const { value } = field
    field.cost = this.#prices.field
    if (value !== null) field.cost += this.#evaluate(() => this.visit(value))
    field.levels = levelsOf(field, { locals: 0, alive: fn.alive })
    field.cost += this.#frameOf(field)
    this.#alive = alive
    fn.alive = most
  }

  #initializer(node) {
    this.#initializers += node.end - node.start
    if (this.#initializers <= INITIALIZERS_MAX) return
    throw new Refusal(
      node,
      'fields and static blocks of classes are inside of each other with too much code: make functions of what is in them'
    )
  }

  #declaration({ kind, declarations }) {
    const { fn } = this.#scope
    if (kind === 'using' && fn !== null) {
      fn.returnsLate = true
      this.#handles()
    }
    let scope = this.#scope
    if (kind === 'var') while (!scope.isFunction) scope = scope.parent
    let cost = kind === 'using' ? this.#prices.using * declarations.length : 0
    for (const { id, init = null } of declarations) {
      for (const { name } of namesIn(id)) {
        // a variable that has the name of a parameter begins with its value: nothing more is known of the two
        if (!this.#isParameter(name, scope)) {
          this.#declare(name, scope, kind === 'var' || init === null ? PLAIN : 0)
        }
        if (kind === 'var') fn?.names.add(name)
      }
      id.isDeclared = true
      if (init !== null && isFunction(init)) init.givenTo = id
      if (init !== null && id.type === 'Identifier') this.#values.push([id, init])
      else if (init !== null || id.type !== 'Identifier') this.#assign(id, null)
      cost += this.#all(init === null ? [id] : [id, init])
    }
    return cost
  }

  #assign(target, value) {
    const node = bare(target)
    if (node.type === 'Identifier') this.#values.push([node, value])
    else for (const identifier of namesIn(node)) this.#values.push([identifier, null])
  }

  #try(node) {
    const { finalizer } = node
    if (finalizer === null) return this.#tried(node)
    const cost = this.#closed(() => this.#tried(node))
    finalizer.cost = this.#prices.CatchClause + this.visit(finalizer)
    return cost
  }

  #tried({ block, handler }) {
    const cost = this.visit(block)
    if (handler !== null) {
      this.#enclose(handler)
      this.#within(this.#scope.fn, () => {
        const { param, body } = handler
        if (param !== null) this.#declareUnknown(param)
        handler.cost = this.#prices.CatchClause + this.#all(param === null ? [] : [param])
        handler.cost += this.#each(body.body)
      })
    }
    return cost
  }

  #switch({ discriminant, cases }) {
    let cost = this.visit(discriminant)
    return this.#within(this.#scope.fn, () => {
      let sum = 0
      let names = 0
      const costs = cases.map(({ test, consequent }) => {
        if (test !== null) cost += this.visit(test)
        // whichever case it is, all that they declare is there
        const functions = this.#each(consequent.filter(isFunction))
        const own = this.#each(consequent.filter((each) => !isFunction(each)))
        cost += functions
        for (const each of consequent) names += declaredBy(each)
        sum += own
        return own
      })
      cost += this.#names(names)
      if (sum <= this.#prices.branch) return cost + sum
      cases.forEach((node, i) => {
        if (costs[i] > 0) node.toll = costs[i]
      })
      return cost
    })
  }
}

/** `isKept`: V8 has a list of what functions inside see of it; `lists`: how many there are around a place in it, with its own. */
function newScope(parent, fn, isFunction) {
  const variables = new Map()
  return { variables, parent, fn, isFunction, body: null, isKept: false, lists: 0 }
}

/**
 * `kinds`, `most`: what it may be; `assigned`: how often, and `only`: what last; `loop`: whose head alone changes it; `calls`: who
 * calls it, or null where it is used in any other way; `returned`: what stands for what it returns.
 */
function newVariable(scope, kinds = 0) {
  return {
    ...{ scope, kinds, most: 0, assigned: 0, only: null, loop: null },
    ...{ calls: [], returned: null }
  }
}

/** Whether it begins as a loop does that counts: `for (let i = …; i < …; i++)`, or `i += …`. */
function isCounting({ type, init, test, update }) {
  if (type !== 'ForStatement' || init?.type !== 'VariableDeclaration' || init.kind !== 'let')
    return false
  if (test?.type !== 'BinaryExpression' || test.left.type !== 'Identifier') return false
  if (test.operator !== '<' && test.operator !== '<=') return false
  return update !== null && (update.operator === '++' || update.operator === '+=')
}

/** What a loop adds to its variable is added to what was below its end. */
function mostOfAssigned({ loop }, value, round) {
  const most = mostOf(value, round)
  if (value !== loop?.update) return most
  const { test, update } = loop
  const added = update.type === 'UpdateExpression' ? 1 : mostOf(update.right, round)
  return Math.min(most, limited(mostOf(test.right, round) + added))
}

/** How many names a statement declares for the block that it is in. */
function declaredBy({ type, kind, declarations }) {
  if (type === 'ClassDeclaration') return 1
  if (type !== 'VariableDeclaration' || kind === 'var') return 0
  return declarations.reduce((sum, { id }) => sum + namesIn(id).length, 0)
}

function searchOf({ handlers, closing }) {
  if (handlers <= HANDLERS_FEW) return 0
  return Math.ceil((handlers * (1 + closing)) / HANDLERS_UNIT)
}

/** How many levels of depth a function takes for what it keeps at a time. */
function levelsOf(node, { locals, alive }) {
  const levels = 1 + Math.floor((locals + 3 * alive) / FRAME)
  if (levels <= LEVELS_MAX) return levels
  throw new Refusal(
    node,
    `this takes ${levels} levels of depth, and a call has ${LEVELS_MAX}: there are too many variables in one function, or too many arguments in one place`
  )
}

/** Whether the function may come with an object that is its prototype: an arrow, a method or an async one has none. */
function hasPrototype({ type, async: isAsync, generator: isGenerator, isMethod = false }) {
  return isGenerator || !(type === 'ArrowFunctionExpression' || isAsync || isMethod)
}

/** What the meter's own names begin with. */
const RESERVED = '$mivm'

/** Passes over all assignments until they are given up. */
const PASSES = 8

/** What is found out in a pass holds until the next one; behind the last one, for good. */
const SETTLED = -1

/** The identifiers that a pattern gives a value. */
export function namesIn(pattern) {
  const names = []
  const todo = [pattern]
  while (todo.length > 0) {
    const node = todo.pop()
    if (node.type === 'Identifier') names.push(node)
    else if (node.type === 'ObjectPattern') todo.push(...node.properties)
    else if (node.type === 'ArrayPattern')
      todo.push(...node.elements.filter((each) => each !== null))
    else if (node.type === 'Property') todo.push(node.value)
    else if (node.type === 'AssignmentPattern') todo.push(node.left)
    else if (node.type === 'RestElement') todo.push(node.argument)
    else if (node.type === 'ParenthesizedExpression') todo.push(node.expression)
  }
  return names
}

/**
 * What a name stands for at a place. Parameters do not see what the body declares, but for what the meter evaluates in the
 * body: of a name that could be either, nothing is known.
 */
function find(scope, name) {
  let hidden = null
  for (let at = scope; at !== null; at = at.parent) {
    const variable = at.variables.get(name)
    if (variable !== undefined) return hidden === null ? variable : unknown(variable)
    const inner = at.body?.variables.get(name)
    if (inner !== undefined) {
      hidden = unknown(inner)
      hidden.scope.isKept = true
    }
  }
  return hidden
}

/** More often than what anything is known of. */
const MANY = 3

function unknown(variable) {
  variable.kinds = ANY
  variable.calls = null
  variable.assigned = MANY
  return variable
}
