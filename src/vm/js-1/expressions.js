import { isBig, isNumeric, isOfMath, isPlain } from './analysis.js'
import { Emitter, LEAVE, nameless } from './emitter.js'
import {
  COMPARISONS,
  COPIED,
  hasNestedRest,
  hasSpread,
  ITERATED,
  isBrief,
  isCheapKey,
  isEasilyEqual,
  isNoText,
  isOrderedByText,
  isPrototype,
  isRepeatable,
  isShort,
  isShortBig,
  isStill,
  isText,
  isWritten,
  KEY_MAX,
  mayBeElement,
  mayBeLength,
  shapeOf,
  TEXT_MAX
} from './forms.js'
import { bare, Refusal } from './syntax.js'

/** Stands for a value in a variable of ours, of which nothing is known. */
const TEMP = { type: 'Identifier', name: '$mivm', variable: null }

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

/** Functions of Math of which there are two, see builtins/conversions.js. */
const NUMERIC = new Set(
  'abs ceil clz32 f16round floor fround imul max min round sign sqrt trunc'.split(' ')
)

/**
 * What V8 goes through of two big integers: as much as the shorter one has (0), nothing if the first one is short (1), or
 * both (2).
 */
const BIG = {
  '<': 0,
  '<=': 0,
  '>': 0,
  '>=': 0,
  '/': 1,
  '%': 1,
  '+': 2,
  '-': 2,
  '*': 2,
  '&': 2,
  '|': 2,
  '^': 2
}

const UNARY = { '-': 'negate', '+': 'positive', '~': 'bitNot' }

/** What {@link Emitter} does with patterns and expressions; meter.js has the rest, and says what it is all for. */
export class Expressions extends Emitter {
  // ---- patterns

  /** A pattern, whose parts are assigned to where they stand. */
  pattern(node) {
    switch (node.type) {
      case 'ObjectPattern':
        return this.copy(node, node.properties, (each) => this.pattern(each))
      case 'ArrayPattern': {
        const elements = node.elements.filter((each) => each !== null)
        return this.copy(node, elements, (each) => this.pattern(each))
      }
      case 'Property': {
        if (node.shorthand) return this.pattern(node.value)
        const { start, key, value, computed } = node
        const head = this.text.slice(start, key.start) + this.name(key, computed)
        return head + this.text.slice(key.end, value.start) + this.pattern(value)
      }
      case 'AssignmentPattern': {
        const { left, right } = node
        return `${this.pattern(left)} = ${this.destructured(left, this.emit(right))}`
      }
      case 'RestElement':
        if (hasNestedRest(node.argument)) {
          throw new Refusal(
            node,
            'a pattern behind ... with a rest element of its own is not available: destructure it in a statement of its own'
          )
        }
        return `...${this.pattern(node.argument)}`
      case 'ParenthesizedExpression':
        return `(${this.pattern(node.expression)})`
      case 'MemberExpression':
        return this.place(node)
      default:
        return this.emit(node)
    }
  }

  /** A property that a pattern assigns to: whether it is the length of an array shows when it is done. */
  place(node) {
    const { object, property, computed } = node
    if (!mayBeLength(node) && !mayBeElement(node) && !isPrototype(node)) return this.emit(node)
    if (object.type === 'Super') {
      throw new Refusal(
        node,
        'super here may be the length or an element of an array, or a prototype: assign to it in a statement'
      )
    }
    const key = computed ? this.key(property) : `'${property.name}'`
    return `$mivmV(${this.emit(object)}, ${key}).v`
  }

  /** The value that is destructured by a pattern. */
  destructured(pattern, text) {
    const shape = shapeOf(pattern)
    if (shape === null) return text
    if (shape === ITERATED) return `$mivm_iterated(${text})`
    if (shape === COPIED) return `$mivm_copied(${text})`
    return `$mivmS(${text}, ${shape})`
  }

  name(key, computed) {
    return computed ? this.key(key) : this.source(key)
  }

  // ---- expressions

  SequenceExpression(node) {
    return `(${this.copy(node)})`
  }

  ConditionalExpression({ test, consequent, alternate }) {
    return `${this.emit(test)} ? ${this.tolled(consequent)} : ${this.tolled(alternate)}`
  }

  LogicalExpression({ operator, left, right }) {
    return `${this.emit(left)} ${operator} ${this.tolled(right)}`
  }

  BinaryExpression(node) {
    const { operator, left, right } = node
    if (operator === 'in') {
      return left.type === 'PrivateIdentifier'
        ? this.copy(node, [right])
        : `${this.key(left)} in ${this.emit(right)}`
    }
    const sign = operator === '!==' ? '===' : operator === '!=' ? '==' : operator
    if (OPERATORS[sign] === undefined) return `${this.emit(left)} ${operator} ${this.emit(right)}`
    if (sign === '==' || sign === '===') return this.equality(node, sign)
    return this.operation(operator, left, this.emit(left), right)
  }

  equality({ operator, left, right }, sign) {
    const a = this.emit(left)
    const isEasy = sign === '===' ? isEasilySame(left, right) : isEasilyEqual(left, right)
    if (isEasy) return `${a} ${operator} ${this.emit(right)}`
    const not = operator.startsWith('!') ? '!' : ''
    if (sign === '==') return `${not}$mivm_equal(${a}, ${this.emit(right)})`
    const operands = this.operands(left, a, right)
    const { first, second } = operands
    const tests = `typeof ${first} === 'string' || typeof ${first} === 'bigint'`
    return this.closed(
      operands,
      `${tests} ? ${not}$mivm_same(${first}, ${second}) : ${first} ${operator} ${second}`
    )
  }

  /** `a operator right`, where `a` is the text of the left operand. */
  operation(operator, left, a, right) {
    const name = OPERATORS[operator]
    // of no two numbers either it is V8's own: see math.js
    if (operator === '**') return `$mivm_power(${a}, ${this.emit(right)})`
    if (isNative(left, right)) return `${a} ${operator} ${this.emit(right)}`
    if (operator === '+' && (isText(left) || isText(right))) {
      const b = this.emit(right)
      // a text of up to 128 characters, whatever the other operand is
      const isShortSum = isBrief(left) ? isPlain(right) : isBrief(right) && isPlain(left)
      return isShortSum
        ? `(${this.charged(this.prices.join)}, ${a} + ${b})`
        : `$mivm_add(${a}, ${b})`
    }
    if (COMPARISONS.has(operator) && (isText(left) || isText(right))) {
      if (isOrderedByText(left, right)) return this.ordered(operator, left, a, right)
      return `$mivm_${name}(${a}, ${this.emit(right)})`
    }
    if (isBig(left) && isBig(right) && BIG[operator] !== undefined) {
      return this.bigOperation(operator, left, a, right)
    }
    if (isBig(left) || isBig(right)) return `$mivm_${name}(${a}, ${this.emit(right)})`
    const operands = this.operands(left, a, right)
    const { first, second } = operands
    const tests = []
    // where one is a number, the other one is, too, or else there is an error
    if (!isNumeric(left) || isNumeric(right)) tests.push(`typeof ${first} !== 'number'`)
    if (!isNumeric(right) && second !== first) tests.push(`typeof ${second} !== 'number'`)
    // the usual case comes last, for there V8 has nothing to jump over
    return this.closed(
      operands,
      `${tests.join(' || ')} ? $mivm_${name}(${first}, ${second}) : ${first} ${operator} ${second}`
    )
  }

  /** Of two big integers, the usual case, where those that matter are short. */
  bigOperation(operator, left, a, right) {
    const operands = this.operands(left, a, right)
    const { first, second } = operands
    const tests = []
    if (!isShortBig(left)) tests.push(isLong(first))
    if (!isShortBig(right) && second !== first && BIG[operator] > 1) tests.push(isLong(second))
    // one that is short is enough
    if (BIG[operator] === 0 && isShortBig(right)) tests.length = 0
    const text = `${first} ${operator} ${second}`
    const paid = BIG[operator] === 0 ? text : `(${this.charged(this.prices.operator)}, ${text})`
    if (tests.length === 0) return this.closed(operands, paid)
    const call = `$mivm_${OPERATORS[operator]}(${first}, ${second})`
    return this.closed(operands, `${tests.join(' || ')} ? ${call} : ${paid}`)
  }

  charged(units) {
    return `($mivmF -= ${units}) >> 31 && $mivmT()`
  }

  /** A comparison with a short text that is written out: of another text it is no work, and it is paid for. */
  ordered(operator, left, a, right) {
    const isFirst = isWritten(left)
    const literal = isFirst ? a : this.emit(right)
    const other = isFirst ? right : left
    const text = isFirst ? this.emit(right) : a
    let value = text
    let first = text
    if (!isRepeatable(other)) {
      value = this.temp()
      this.free(1)
      first = `(${value} = ${nameless(other, text)})`
    }
    const list = isFirst ? [literal, value] : [value, literal]
    return `(typeof ${first} !== 'string' ? $mivm_${OPERATORS[operator]}(${list.join(', ')}) : ${list.join(` ${operator} `)})`
  }

  /** Two operands as texts that can be repeated, and what has to be evaluated before. */
  operands(left, a, right) {
    const before = []
    let count = 0
    let first = a
    if (!isRepeatable(left) || !isStill(right)) {
      first = this.temp()
      count++
      before.push(`${first} = ${nameless(left, a)}`)
    }
    let second = this.emit(right)
    if (!isRepeatable(right)) {
      const text = second
      second = this.temp()
      count++
      before.push(`${second} = ${nameless(right, text)}`)
    }
    return { first, second, before, count }
  }

  closed({ before, count }, text) {
    this.free(count)
    return `(${[...before, text].join(', ')})`
  }

  UnaryExpression(node) {
    const { operator, argument } = node
    const name = UNARY[operator]
    if (operator === 'delete' && this.refersTo(argument)) return this.restored(this.copy(node))
    if (name === undefined || isPlain(argument)) return this.copy(node)
    const text = this.emit(argument)
    if (isRepeatable(argument)) {
      return `(typeof ${text} !== 'number' ? $mivm_${name}(${text}) : ${operator}${text})`
    }
    const value = this.temp()
    this.free(1)
    return `(typeof (${value} = ${nameless(argument, text)}) !== 'number' ? $mivm_${name}(${value}) : ${operator}${value})`
  }

  UpdateExpression(node) {
    const { operator, prefix } = node
    const target = bare(node.argument)
    if (isPlain(target)) return this.copy(node)
    const sign = operator[0]
    const called = sign === '+' ? 'increment' : 'decrement'
    if (isBig(target) && (prefix || node.isUnused)) {
      const name = this.source(target)
      return `(${isLong(name)} ? ${name} = $mivm_${called}(${name}) : (${this.charged(this.prices.operator)}, ${operator}${name}))`
    }
    const { before, place, count, receiver, isLength } = this.target(target)
    const old = this.temp()
    this.free(count + 1)
    let next = `typeof ${old} !== 'number' ? $mivm_${called}(${old}) : ${old} ${sign} 1`
    // what makes an array longer by one is no work
    if (sign === '-' && isLength !== null) {
      next = `${isLength} ? $mivm_length(${receiver}, ${next}) : ${next}`
    }
    // what nobody looks at is not kept
    if (prefix || node.isUnused) return `(${before}${old} = ${place}, ${place} = ${next})`
    const numeric = `typeof (${old} = ${place}) === 'number' || (${old} = $mivm_numeric(${old}))`
    return `(${before}${numeric}, ${place} = ${next}, ${old})`
  }

  /**
   * What is read and then written, as a text that can be repeated; what has to be evaluated before it, and how many
   * variables that takes until they are freed; the object, and a test for whether it is the length of it, or null; and the
   * name of the variable with the key, where there is one.
   */
  target(node) {
    if (node.type === 'Identifier') {
      return { before: '', place: this.emit(node), count: 0, receiver: '', isLength: null }
    }
    const { object, property, computed } = node
    let before = ''
    let count = 0
    let base = this.emit(object)
    if (object.type !== 'Super' && object.type !== 'ThisExpression') {
      const text = base
      base = this.temp()
      count++
      before = `${base} = ${text}, `
    }
    const receiver = object.type === 'Super' ? 'this' : base
    if (!computed) {
      const isLength = mayBeLength(node) ? 'true' : null
      return { before, place: `${base}.${this.source(property)}`, count, receiver, isLength }
    }
    const key = this.temp()
    this.free(1)
    before += `${key} = ${this.key(property)}, `
    this.temp()
    const isLength = mayBeLength(node) ? `${key} === 'length'` : null
    return { before, place: `${base}[${key}]`, count: count + 1, receiver, isLength, name: key }
  }

  AssignmentExpression(node) {
    const { operator, right } = node
    const left = bare(node.left)
    if (left.type === 'ObjectPattern' || left.type === 'ArrayPattern') return this.assigned(node)
    const sign = operator.slice(0, -1)
    const isCompound = OPERATORS[sign] !== undefined
    const isElement = mayBeElement(left) && (isCompound ? sign === '+' : !isNoText(right))
    const isEasyNumber = sign !== '**' && isNative(left, right)
    const isEasy = isCompound ? isEasyNumber : !mayBeLength(left) && !isElement
    if (operator === '=' && isElement && !mayBeLength(left)) return this.element(left, node)
    if (isEasy) {
      const target = this.emit(node.left)
      const given = this.emit(right)
      const isHeir = !isCompound && isPrototype(left) && !isNoText(right)
      return `${target} ${operator} ${isHeir ? `$mivm_heir(${given})` : given}`
    }
    const { before, place, count, receiver, isLength, name } = this.target(left)
    let value
    let given = null
    if (!isCompound) value = nameless(right, this.emit(right))
    else if (left.type === 'Identifier') value = this.operation(sign, left, place, right)
    else {
      const old = this.temp()
      const text = this.operation(sign, TEMP, old, right)
      this.free(1)
      value = `(${old} = ${place}, ${text})`
    }
    if (isLength === 'true') {
      // an object comes to a number, but is the value
      if (!isCompound && !isNoText(right) && !(operator === '=' && node.isUnused)) {
        given = this.temp()
        this.free(1)
        value = `${given} = ${value}`
      }
      value = `$mivm_length(${receiver}, ${value})`
    } else if (isLength !== null || isElement) {
      const result = this.temp()
      this.free(1)
      const stored = isElement ? elementOf(receiver, result, name) : result
      const chosen =
        isLength === null
          ? stored
          : `${isLength} ? $mivm_length(${receiver}, ${result}) : ${stored}`
      value = `(${result} = ${value}, ${chosen})`
      if (!isCompound) given = result
    }
    this.free(count)
    if (given !== null && !(operator === '=' && node.isUnused)) {
      // the value is what was given, whatever it came to as an element
      if (operator === '=') return `(${before}${place} = ${value}, ${given})`
      return `(${before}${place} ${sign} (${place} = ${value}, ${given}))`
    }
    return `(${before}${place} ${isCompound ? '=' : operator} ${value})`
  }

  /** An assignment to what may be an element of a typed array, of a value that may have to be made a number. */
  element({ object, property, computed }, { right, isUnused }) {
    let base = this.emit(object)
    let receiver = 'this'
    let count = 1
    if (object.type !== 'Super' && object.type !== 'ThisExpression') {
      receiver = this.temp()
      count++
      base = `(${receiver} = ${base})`
    }
    const place = computed ? `[${this.key(property)}]` : `.${this.source(property)}`
    const text = nameless(right, this.emit(right))
    const value = this.temp()
    this.free(count)
    const stored = `${base}${place} = (${value} = ${text}, ${elementOf(receiver, value)})`
    return isUnused ? stored : `(${stored}, ${value})`
  }

  /** An assignment to a pattern. */
  assigned(node) {
    const pattern = bare(node.left)
    const shape = shapeOf(pattern)
    if (shape === null) return `${this.pattern(node.left)} = ${this.emit(node.right)}`
    return `({v: ${this.pattern(pattern)}} = $mivmB(${this.emit(node.right)}, ${shape})).o`
  }

  MemberExpression(node) {
    const { object, property, computed, optional } = node
    if (!computed) return this.copy(node, [object])
    return `${this.emit(object)}${optional ? '?.' : ''}[${this.key(property)}]`
  }

  /** The key of a property. */
  key(node) {
    const text = this.emit(node)
    if (isCheapKey(node)) return text
    const test = isPlain(node) ? numberTest : keyTest
    if (isRepeatable(node)) return test(text, text)
    const key = this.temp()
    this.free(1)
    return test(key, `(${key} = ${nameless(node, text)})`)
  }

  TemplateLiteral(node) {
    if (node.expressions.length === 0) return this.source(node)
    const text = this.copy(node, node.expressions, (part) => {
      const inner = this.emit(part)
      if (isPlain(part) || isText(part)) return inner
      if (isRepeatable(part))
        return `typeof ${inner} !== 'string' ? $mivm_part(${inner}) : ${inner}`
      const value = this.temp()
      this.free(1)
      return `typeof (${value} = ${nameless(part, inner)}) !== 'string' ? $mivm_part(${value}) : ${value}`
    })
    const value = this.temp()
    this.free(1)
    return `((${value} = ${text}).length > ${TEXT_MAX} ? $mivm_text(${value}) : ${value})`
  }

  TaggedTemplateExpression(node) {
    const { tag, quasi } = node
    const isSpread = this.refersTo(tag)
    const text = this.copy(node, [tag, quasi], (each) => {
      return each === quasi ? this.copy(quasi, quasi.expressions) : this.emit(tag)
    })
    return isSpread ? this.restored(text) : text
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
    const isSpread = hasSpread(node)
    if (!this.refersTo(node.callee) && !isSpread) {
      return isSuper ? noted(this.copy(node)) : this.copy(node)
    }
    const text = isSpread
      ? `${this.emit(node.callee)}${node.optional ? '?.' : ''}(${this.spreadArguments(node)})`
      : this.copy(node)
    // a part of a chain cannot be taken out of it: the whole of it restores the depth
    return node.isInChain ? text : this.restored(isSuper ? noted(text) : text)
  }

  NewExpression(node) {
    if (!hasSpread(node)) return noted(this.copy(node))
    return this.restored(noted(`new ${this.emit(node.callee)}(${this.spreadArguments(node)})`))
  }

  /** All arguments in one array: what they take of the stack is counted when the last one is there. */
  spreadArguments(node) {
    const [only] = node.arguments
    if (node.arguments.length === 1) return `...$mivmA(${this.emit(only.argument)})`
    return `...$mivmA([${node.arguments.map((each) => this.emit(each)).join(', ')}])`
  }

  restored(text) {
    const result = this.temp()
    this.free(1)
    return `(${result} = ${text}, $mivmD = $mivmd - ${this.fn.levels}, ${result})`
  }

  ChainExpression(node) {
    for (const link of linksOf(node)) link.isInChain = true
    const text = this.emit(node.expression)
    return isSpreadChain(node) && !node.isReference ? this.restored(text) : text
  }

  /**
   * Whether something is a chain with arguments from an array. What deletes or calls it needs the object, which could not be
   * seen any more behind what restores the depth, and so does that itself.
   */
  refersTo(node) {
    const inner = bare(node)
    if (!isSpreadChain(inner)) return false
    inner.isReference = true
    return true
  }

  AwaitExpression({ argument }) {
    return this.suspended('await', argument, this.emit(argument), this.prices.AwaitExpression)
  }

  YieldExpression({ argument, delegate }) {
    const { isAsyncGenerator } = this.fn
    if (argument === null) {
      const result = this.temp()
      this.free(1)
      return `(${result} = yield (${LEAVE}, void 0), ${this.resume(this.prices.YieldExpression)}, ${result})`
    }
    const text = this.emit(argument)
    if (!delegate) {
      return this.suspended('yield', argument, text, this.prices.YieldExpression)
    }
    const units = Math.ceil(this.kept() * this.prices.scale)
    const source = `$mivmY(${text}, ${isAsyncGenerator}, ${units})`
    return this.suspended('yield*', null, source, this.prices.YieldExpression)
  }

  suspended(keyword, node, text, cost) {
    const value = this.temp()
    this.free(1)
    const given = `${value} = ${node === null ? text : nameless(node, text)}`
    const isAwaited = keyword === 'await' || this.fn.isAsyncGenerator
    const note = isAwaited ? `$mivmF -= $mivmN >> ${this.prices.notes}, ` : ''
    return `(${value} = ${keyword} (${given}, ${note}${LEAVE}, ${value}), ${this.resume(cost)}, ${value})`
  }
}

/** Whether an operator takes no longer than on numbers: of a number and a big integer it is a comparison or an error. */
function isNative(left, right) {
  return (isPlain(left) && isNumeric(right)) || (isNumeric(left) && isPlain(right))
}

/** Whether `===` is no work. */
function isEasilySame(left, right) {
  return isShort(left) || isShort(right) || isShortBig(left) || isShortBig(right)
}

/** A test for a big integer. */
function isLong(name) {
  return `${name} > $mivmMost || ${name} < $mivmLeast`
}

/** The calls and members of a chain, the last one first. */
function linksOf({ expression }) {
  const links = []
  for (let at = expression; at !== undefined; at = at.callee ?? at.object) {
    if (at.type !== 'CallExpression' && at.type !== 'MemberExpression') break
    links.push(at)
  }
  return links
}

/** Found out once a node, since chains nest. */
function isSpreadChain(node) {
  if (node.type !== 'ChainExpression') return false
  node.isSpread ??= linksOf(node).some((link) => {
    return link.type === 'CallExpression' && (hasSpread(link) || isSpreadChain(bare(link.callee)))
  })
  return node.isSpread
}

/** A key of which nothing is known: V8 makes a text of a number that is no index. */
function keyTest(key, first) {
  const isDear = `typeof ${key} !== 'string' || ${key}.length > ${KEY_MAX}`
  return `((typeof ${first} === 'number' ? ${key} >>> 0 !== ${key} : ${isDear}) ? $mivm_key(${key}) : ${key})`
}

function numberTest(key, first) {
  return `(${first} >>> 0 !== ${key} ? $mivm_key(${key}) : ${key})`
}

/** What may make a promise that nobody sees. */
function noted(text) {
  return `($mivmN++, ${text})`
}

/** What is stored as an element: `value` is a variable of ours, and so is the key where it may be no number. */
function elementOf(receiver, value, key) {
  const place = key === undefined ? '' : `, ${key}`
  return `typeof ${value} !== 'number' ? $mivm_element(${receiver}, ${value}${place}) : ${value}`
}
